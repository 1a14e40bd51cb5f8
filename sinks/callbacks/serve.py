"""Serves the callbacks from a thread of the notifier's process. Delivering goes on whatever becomes of it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import structlog
import uvicorn
import uvloop

_log = structlog.get_logger("makegood.callbacks")
_LOOK_EVERY_S = 0.1
_AGAIN_AFTER_S = 5.0
_GRACE_S = 5
_BACKLOG = 512
_MOST_AT_ONCE = 200


class CallbackServer:
    """Listens until it is closed. Use it with ``with``.

    Where it cannot listen now (the address is taken), it tries again every few seconds: receipts are asked for
    meanwhile, and nothing is lost by waiting.

    Args:
        app: an ASGI application.
        listen: ``HOST:PORT``; port 0 takes a free one, ``[::1]:9466`` is IPv6. Several notifiers share a port.
        protocol: uvicorn's class (or name) of what speaks HTTP on a connection.
    """

    def __init__(self, app: Any, listen: str, *, protocol: Any = "auto") -> None:
        self._app = app
        self._listen = listen
        self._protocol = protocol
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.state = "starting"
        """``listening``, or why not, in words."""
        self.port = 0
        """That is listened on; 0 as long as none is."""
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                opened = _listening(self._listen)
            except (OSError, OverflowError, ValueError) as error:
                if self.state == "starting":
                    _log.error("callbacks_not_served", listen=self._listen, detail=str(error))
                self.state = f"cannot listen on {self._listen}: {error}"
                self._ready.set()
                self._stop.wait(_AGAIN_AFTER_S)
                continue
            with opened:
                self.port = opened.getsockname()[1]
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(self._serve(opened))
            self.port = 0

    async def _serve(self, opened: socket.socket) -> None:
        config = uvicorn.Config(
            self._app,
            http=self._protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,  # addresses of links are secrets
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_S,
            backlog=_BACKLOG,
        )
        server = _Server(config)
        watch = asyncio.create_task(self._watch(server))
        _log.info("callbacks_served", port=self.port)
        self.state = "listening"
        self._ready.set()
        try:
            await server.serve(sockets=[opened])
        finally:
            watch.cancel()

    async def _watch(self, server: uvicorn.Server) -> None:
        while not self._stop.is_set():
            await asyncio.sleep(_LOOK_EVERY_S)
        server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _listening(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shared = hasattr(socket, "SO_REUSEPORT")
    opened = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG, reuse_port=shared)
    opened.setblocking(False)
    return opened
