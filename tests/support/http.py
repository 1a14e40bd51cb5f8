"""A real HTTP server for tests, on a free loopback port: answers as it is told, and remembers what it was asked."""

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.support.patience import PATIENCE_S


class Request(NamedTuple):
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Answer(NamedTuple):
    """What goes out. ``hold``: take the request, never answer. ``drop``: close without an answer.

    ``last``: close after it.
    """

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"
    hold: bool = False
    drop: bool = False
    last: bool = False


class HttpServer:
    """Answers with ``script`` in turn, its last entry for ever."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Answer] = [Answer()]
        self._released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                outer.requests.append(request)
                answer = outer.answer(request)
                if answer.hold:
                    outer._released.wait(PATIENCE_S)
                if answer.hold or answer.drop:
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                body = b"" if answer.status < 200 or answer.status in {204, 304} else answer.body
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
                if answer.last:
                    self.close_connection = True

            do_GET = do_PUT = do_POST

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return None

        class Server(ThreadingHTTPServer):
            request_queue_size = 1024  # many may call at once, and be taken one after the other

            def handle_error(self, request: object, client_address: object) -> None:
                if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was killed, or gave up
                    super().handle_error(request, client_address)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: Request) -> Answer:
        """Return what to answer."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    @contextmanager
    def serving(self) -> Iterator["HttpServer"]:
        """Serve for the time of a ``with`` block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)


@contextmanager
def http_server(*script: Answer) -> Iterator[HttpServer]:
    """Give a server that answers ``script`` in turn (200 when it is empty)."""
    server = HttpServer()
    if script:
        server.script = list(script)
    with server.serving():
        yield server


@contextmanager
def refused_port() -> Iterator[int]:
    """Give a port where nothing listens: connections are refused, and nobody else gets it meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@contextmanager
def black_hole() -> Iterator[int]:
    """Give a port that takes connections and never says a word."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        yield int(held.getsockname()[1])
