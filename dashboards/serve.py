"""Runs the web application until it is stopped."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import uvloop

from alerts.saying import Saying
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.wiring import open_access, server_options
from dashboards.collecting import collecting
from dashboards.server import build_app
from sinks import serving

_log = structlog.get_logger("makegood.console")


class ListenError(Exception):
    """The address of the settings cannot be listened on. Says which, why, and what to do."""


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
                runner.run(
                    serving.serve(
                        app,
                        opened,
                        stopped,
                        started=lambda: ready(url),
                        now_and_then=lambda: keeper.look(now_us()),
                        lifespan="on",
                        **server_options(),
                    )
                )


def _listening(listen: str) -> socket.socket:
    try:
        return serving.listening(listen)
    except (OSError, OverflowError, ValueError) as error:
        msg = (
            f"console.listen: {listen} cannot be listened on: {error}; stop what listens there, or set another address"
        )
        raise ListenError(msg) from error
