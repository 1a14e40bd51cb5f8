"""Web servers beside other work: one listens, serves until it is told to stop, and leaves signals to the program."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

BACKLOG = 2048
"""Connections that wait to be accepted."""
LOOK_EVERY_S = 0.1
OPTIONS: Mapping[str, Any] = {
    "ws": "none",
    "interface": "asgi3",
    "log_config": None,
    "log_level": "warning",
    "access_log": False,  # addresses hold tokens of walls and of links
    "server_header": False,
    "proxy_headers": False,  # whom to believe is in the settings
    "timeout_keep_alive": 75,  # longer than usual proxies idle, so that it is they who close a connection
    "backlog": BACKLOG,
}
"""Of :class:`uvicorn.Config`, for every server of ours."""


class _Server(uvicorn.Server):
    """Leaves signals to us: the base class raises them again when it has stopped, so that the process dies of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listening(listen: str, *, shared: bool = False) -> socket.socket:
    """Return a socket that listens.

    Args:
        listen: ``HOST:PORT``; port 0 takes a free one, ``[::1]:8088`` is IPv6.
        shared: whether several processes may listen there at once, where the system can do that.

    Raises:
        OSError, OverflowError, ValueError: the address is taken, not ours, or none.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shared = shared and hasattr(socket, "SO_REUSEPORT")
    opened = socket.create_server((host, int(port)), family=family, backlog=BACKLOG, reuse_port=shared)
    opened.setblocking(False)
    return opened


async def serve(
    app: Any,
    opened: socket.socket,
    stopped: Callable[[], bool],
    *,
    started: Callable[[], object] = lambda: None,
    now_and_then: Callable[[], object] = lambda: None,
    **options: Any,
) -> None:
    """Serve until ``stopped`` says so, and what is under way was answered.

    Args:
        app: an ASGI application.
        opened: a socket that listens.
        stopped: asked ten times a second.
        started: called once, when requests are answered.
        now_and_then: called as often as ``stopped``.
        options: of :class:`uvicorn.Config`, over :data:`OPTIONS`.
    """
    server = _Server(uvicorn.Config(app, **{**OPTIONS, **options}))

    async def watch() -> None:
        told = False
        while not stopped():
            if server.started and not told:
                told = True
                started()
            now_and_then()
            await asyncio.sleep(LOOK_EVERY_S)
        server.should_exit = True

    task = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[opened])
    finally:
        task.cancel()
