"""The web application: API, console and wall, put together; and the server that runs it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from alerts.store import AlertStore
from config.settings import Settings
from dashboards import errors, stream, wall
from dashboards.access import wiring
from dashboards.access.contract import Gate
from dashboards.api import v2
from dashboards.api.v1 import parts as v1
from dashboards.backtests import KIND, Backtests, lane
from dashboards.console import installing as console
from dashboards.context import Context
from dashboards.following import Follower
from dashboards.jobs import Jobs
from dashboards.mirror import Mirror

PARTS: tuple[Callable[[FastAPI], None], ...] = (
    errors.install,
    stream.install,
    v1.install,
    v2.install,
    console.install,
    wall.install,
    wiring.install,
)
"""Each adds its routes. The order matters only where a path would fit several."""


def build_app(
    store: AlertStore,
    settings: Settings,
    *,
    access: Gate,
    now_us: Callable[[], int],
    build: str,
    config: Path | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        store: of the alerts.
        settings: of everything.
        access: decides who may do what.
        now_us: the time of day, microseconds UTC.
        build: which release this is.
        config: the settings file, for work that a process of its own does.
    """
    own = settings.console.backtests
    mirror, jobs = Mirror(settings), Jobs(now_us, {KIND: lane(own)})
    backtests = Backtests(jobs, store, own)

    @asynccontextmanager
    async def following(app: FastAPI) -> AsyncIterator[None]:
        async with Follower(store, mirror, now_us), wiring.keeping(app):
            yield
            await jobs.close()
            await backtests.close()

    app = FastAPI(
        title="Makegood",
        version=build,
        lifespan=following,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.makegood = Context(
        settings=settings,
        store=store,
        mirror=mirror,
        now_us=now_us,
        access=access,
        build=build,
        started_us=now_us(),
        jobs=jobs,
        backtests=backtests,
        config=config,
    )
    for install in PARTS:
        install(app)
    return app
