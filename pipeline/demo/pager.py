"""The demo's primary channel: a pager provider that has an outage of its own when it is needed."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Pager:
    """A local server that takes alerts, or answers 503 while it is ``broken``. Use it with ``with``."""

    def __init__(self) -> None:
        self._broken = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._broken.is_set))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """Where it takes alerts."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def break_down(self) -> None:
        """Begin the outage."""
        self._broken.set()

    def mend(self) -> None:
        """End the outage."""
        self._broken.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(broken: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = HTTPStatus.SERVICE_UNAVAILABLE if broken() else HTTPStatus.OK
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Stay quiet: the demo tells its own story."""

    return Handler
