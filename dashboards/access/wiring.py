"""Access as a part of the application: its routes, what is around every request, and what it does by the clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from anyio import to_thread
from fastapi import FastAPI

from alerts.connection import StoreError, StoreUnavailableError
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access import login
from dashboards.access.audit import trail_of
from dashboards.access.bodies import Bodies
from dashboards.access.gate import Access
from dashboards.access.shell import Shell
from dashboards.access.streams import Streams
from pipeline.ingest.protocol import Connection
from sinks import serving

_log = structlog.get_logger("makegood.access")
_EVERY_S = 86_400.0
_MOST_AT_ONCE = 1_000


def open_access(
    settings: Settings, store: AlertStore, now_us: Callable[[], int], *, listen: str | None = None
) -> Access:
    """Return what decides who may do what, as the settings say.

    Args:
        settings: of everything.
        store: has the sessions.
        now_us: the time of day, microseconds UTC.
        listen: where the console listens, when that is not where the settings say.

    Raises:
        NoLoginError: others could reach it, and nobody could log in; or a hash or token cannot be used.
        SecretMissingError: a secret is not there.
    """
    access = Access(settings.console, store, now_us, listen=listen)
    if access.anonymous:
        _log.warning("nobody_has_to_log_in", listen=listen or settings.console.listen, detail=access.notice)
    return access


def install(app: FastAPI) -> None:
    """Add the routes, and what is around every request; where access is a stand-in of a test, nothing.

    After every middleware that must be inside.
    """
    access = app.state.makegood.access
    if isinstance(access, Access):
        app.include_router(login.router)
        app.add_middleware(Streams, access=access)
        app.add_middleware(Bodies, settings=access.settings, access=access)
        app.add_middleware(Shell, settings=access.settings, listen=access.listen)  # added last: the outermost


@asynccontextmanager
async def keeping(app: FastAPI) -> AsyncIterator[None]:
    """Once a day, and at the start: log the end of the audit log, and delete what is too old. For the lifespan."""
    task = asyncio.create_task(_keep(app))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(app: FastAPI) -> None:
    while True:
        await keep_once(app)
        await asyncio.sleep(_EVERY_S)


async def keep_once(app: FastAPI) -> None:
    """Delete the oldest entries of the audit log, and log its end: whoever has the line notices when it is cut off."""
    context = app.state.makegood
    trail = trail_of(context.store)
    now_us = context.now_us()
    older_than_us = now_us - context.settings.console.audit.keep
    try:
        deleted = await to_thread.run_sync(lambda: trail.trim(older_than_us=older_than_us, now_us=now_us))
        head = await to_thread.run_sync(trail.head)
    except (StoreUnavailableError, StoreError) as error:
        _log.warning("audit_not_anchored", detail=str(error))
        return
    if deleted:
        _log.info("audit_trimmed", count=deleted)
    _log.info("audit_head", seq=head.seq, hash=head.hash)


def server_options() -> dict[str, Any]:
    """Return options for :func:`sinks.serving.serve`: bounds for heads of requests, connections and idle ones."""
    return {
        **serving.OPTIONS,
        "http": Connection,
        "limit_concurrency": _MOST_AT_ONCE,
        "timeout_graceful_shutdown": 5,
    }
