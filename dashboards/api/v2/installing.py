"""Puts Alertmanager's API into the application, twice: at its own address, and below ``/am`` for Grafana.

Grafana takes whatever answers ``<url>/alertmanager/api/v2/status`` for Mimir; below ``/am`` nothing of ours does.
"""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from alerts.pushing import Pushes
from alerts.silences import SilenceBook
from dashboards import figures
from dashboards.api.v2 import about, reading, writing
from dashboards.api.v2.board import Board
from dashboards.api.v2.silenced import Silences
from dashboards.api.v2.wire import ShapeError, said
from dashboards.context import Context
from dashboards.errors import Refusal, style

PREFIXES = ("/api/v2", "/am/api/v2")


def install(app: FastAPI) -> None:
    """Add the routes."""
    context: Context = app.state.makegood
    timeout_us = context.settings.alertmanager_api.resolve_timeout
    app.state.alertmanager_board = Board(context.mirror, timeout_us)
    app.state.alertmanager_silences = Silences(context.mirror)
    app.state.alertmanager_book = SilenceBook(context.store)
    app.state.alertmanager_pushes = Pushes(context.store, timeout_us)
    if getattr(app.state, "metrics", None) is None:
        app.state.metrics = CollectorRegistry()
    about.build_info(app.state.metrics, context.build)
    figures.install(app)
    for prefix in PREFIXES:
        style(app, prefix, _refused)
        for router in (reading.router, writing.router):
            app.include_router(router, prefix=prefix, include_in_schema=prefix == PREFIXES[0])
    for path in ("/am/", "/-/", "/metrics"):
        style(app, path, _refused)
    app.add_exception_handler(ShapeError, _misshapen)
    app.include_router(about.health)
    app.include_router(about.health, prefix="/am")
    app.include_router(about.gone)


def _refused(_request: Request, refusal: Refusal) -> Response:
    # 422 and 503 are not in Alertmanager's contract: its clients make nothing of them.
    status = {422: 400, 503: 500}.get(refusal.status, refusal.status)
    return said(refusal.detail, status, dict(refusal.headers))


async def _misshapen(_request: Request, error: Exception) -> Response:
    return said(str(error), 400)
