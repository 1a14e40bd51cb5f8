"""Figures and the state of a process over HTTP, from a small server of its own threads.

``/metrics`` for Prometheus; ``/healthz`` for people and alerts: is all well; ``/livez`` for whoever starts processes
again: could that help; ``/readyz`` for whoever replaces one process after another: has it begun its work. A part may
serve further pages, as JSON.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

Health = Callable[[], tuple[bool, dict[str, Any]]]
"""Whether everything is well, and the evidence by part, as plain data."""
Page = Callable[[Mapping[str, str]], tuple[HTTPStatus, object]]
"""Given the parameters of a request, returns a status and what is answered as JSON. Called in threads of the server."""


class ListenError(Exception):
    """The address of the settings cannot be listened on. Says which, why, and what to do."""


class StatusServer:
    """Serves figures and health until it is closed. Use it with ``with``.

    Args:
        listen: ``HOST:PORT``; port 0 takes a free one, ``[::1]:9464`` is IPv6.
        health: asked at every request of ``/healthz``, in a thread of the server.
        live: asked at every request of ``/livez``; None: that the server answers says it.
        ready: asked at every request of ``/readyz``; None: whoever is healthy is ready.
        registry: what ``/metrics`` shows.
        pages: further ones, by path.

    Raises:
        ListenError: when the address is taken, or not ours.
    """

    def __init__(
        self,
        listen: str,
        health: Health,
        *,
        live: Health | None = None,
        ready: Health | None = None,
        registry: CollectorRegistry = REGISTRY,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        asked = {
            "/healthz": (health, "healthy", "unhealthy"),
            "/livez": (live or _answers, "live", "stuck"),
            "/readyz": (ready or health, "ready", "not ready"),
        }
        handler = _handler(asked, registry, pages or {})
        server_class = _Server6 if ":" in host else _Server
        try:
            self._server = server_class((host, int(port)), handler)
        except (OSError, OverflowError, ValueError) as error:
            what = "free that port, or choose another in `metrics` or by --listen (port 0 takes a free one)"
            msg = f"cannot listen on {listen}: {error}; {what}"
            raise ListenError(msg) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="status", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = AF_INET


class _Server6(_Server):
    address_family = AF_INET6


def _answers() -> tuple[bool, dict[str, Any]]:
    return True, {}


def _handler(
    asked: Mapping[str, tuple[Health, str, str]], registry: CollectorRegistry, pages: Mapping[str, Page]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "makegood"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(registry), content_type)
            elif path in asked:
                ask, good, bad = asked[path]
                well, report = ask()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                body = {"status": good if well else bad, **report}
                self._answer(status, json.dumps(body, indent=2).encode() + b"\n", "application/json")
            elif path in pages:
                status, answer = pages[path](dict(parse_qsl(query, keep_blank_values=True)))
                self._answer(status, msgspec.json.encode(answer) + b"\n", "application/json")
            else:
                there = f"There are /metrics, {', '.join([*asked, *pages])}.\n"
                self._answer(HTTPStatus.NOT_FOUND, there.encode(), "text/plain; charset=utf-8")

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Say nothing: probes every few seconds are no news."""

    return Handler
