"""Serves the callbacks from a thread of the notifier's process. Delivering goes on whatever becomes of it."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, Self

import structlog
import uvloop

from sinks.serving import listening, serve

_log = structlog.get_logger("makegood.callbacks")
_AGAIN_AFTER_S = 5.0
_GRACE_S = 5
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
                opened = listening(self._listen, shared=True)
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
        _log.info("callbacks_served", port=self.port)
        self.state = "listening"
        self._ready.set()
        await serve(
            self._app,
            opened,
            self._stop.is_set,
            http=self._protocol,
            lifespan="off",
            date_header=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_GRACE_S,
        )
