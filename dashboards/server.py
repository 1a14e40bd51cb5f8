"""The web application: API, console and wall, put together; and the server that runs it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from alerts.store import AlertStore
from config.settings import Settings
from dashboards import errors, stream
from dashboards.access.contract import Gate
from dashboards.context import Context
from dashboards.following import Follower
from dashboards.mirror import Mirror

PARTS: tuple[Callable[[FastAPI], None], ...] = (errors.install, stream.install)
"""Each adds its routes. The order matters only where a path would fit several."""


def build_app(store: AlertStore, settings: Settings, *, access: Gate, now_us: Callable[[], int], build: str) -> FastAPI:
    """Return the application.

    Args:
        store: of the alerts.
        settings: of everything.
        access: decides who may do what.
        now_us: the time of day, microseconds UTC.
        build: which release this is.
    """
    mirror = Mirror(settings)

    @asynccontextmanager
    async def following(_app: FastAPI) -> AsyncIterator[None]:
        async with Follower(store, mirror, now_us):
            yield

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
    )
    for install in PARTS:
        install(app)
    return app
