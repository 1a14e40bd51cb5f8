"""Runs the web application until it is stopped."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop

from alerts.saying import Saying
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.wiring import open_access, server_options
from dashboards.collecting import collecting
from dashboards.server import build_app

_log = structlog.get_logger("makegood.console")
_BACKLOG = 2048
_LOOK_EVERY_S = 0.1


class ListenError(Exception):
    """The address of the settings cannot be listened on. Says which, why, and what to do."""


class _Server(uvicorn.Server):
    """Leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def serve(
    store: AlertStore,
    settings: Settings,
    *,
    stopped: Callable[[], bool],
    now_us: Callable[[], int],
    build: str,
    config: Path | None = None,
    listen: str | None = None,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve API, console and wall until ``stopped`` says so.

    Args:
        store: of the alerts.
        settings: of everything.
        stopped: asked several times a second.
        now_us: the time of day, microseconds UTC.
        build: which release this is.
        config: the settings file, for work that a process of its own does.
        listen: ``HOST:PORT``, when that is not where the settings say.
        ready: told the address when it answers.

    Raises:
        ListenError: the address cannot be listened on.
        NoLoginError: others could reach it, and nobody could log in.
        SecretMissingError: a secret is not there.
    """
    where = listen or settings.console.listen
    access = open_access(settings, store, now_us, listen=where)
    app = build_app(store, settings, access=access, now_us=now_us, build=build, config=config)
    with _listening(where) as opened:
        host = where.rpartition(":")[0]
        url = f"http://{host}:{opened.getsockname()[1]}"

        def report() -> tuple[bool, dict[str, Any]]:
            return True, {"console": "serving", "url": settings.console.public_url or url}

        name = f"{socket.gethostname()}:{os.getpid()}"
        saying = Saying(store, "console", name, report, now_us, forget=True)
        with saying, collecting(now_us()) as keeper:
            _log.info("console_served", url=url)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(app, opened, stopped, lambda: ready(url), lambda: keeper.look(now_us())))


async def _serve(
    app: Any,
    opened: socket.socket,
    stopped: Callable[[], bool],
    ready: Callable[[], None],
    now_and_then: Callable[[], object],
) -> None:
    server = _Server(uvicorn.Config(app, backlog=_BACKLOG, lifespan="on", **server_options()))

    async def watch() -> None:
        told = False
        while not stopped():
            if server.started and not told:
                told = True
                ready()
            now_and_then()
            await asyncio.sleep(_LOOK_EVERY_S)
        server.should_exit = True

    task = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[opened])
    finally:
        task.cancel()


def _listening(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        opened = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
    except (OSError, OverflowError) as error:
        msg = (
            f"console.listen: {listen} cannot be listened on: {error}; stop what listens there, or set another address"
        )
        raise ListenError(msg) from error
    opened.setblocking(False)
    return opened
