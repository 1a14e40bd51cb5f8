"""Adds the console to the application."""

from fastapi import APIRouter, FastAPI

from dashboards import errors
from dashboards.console import (
    acting,
    alert,
    assets,
    audit,
    channels,
    detectors,
    duty,
    feeds,
    handover,
    inbox,
    incidents,
    judging,
    leading,
    load,
    shell,
    silences,
    windows,
)
from dashboards.console.state import new_console
from dashboards.console.templating import refused

ROUTERS: tuple[APIRouter, ...] = (
    assets.router,
    shell.router,
    inbox.router,
    acting.router,
    alert.router,
    judging.router,
    incidents.router,
    leading.router,
    detectors.router,
    load.router,
    windows.router,
    silences.router,
    feeds.router,
    channels.router,
    duty.router,
    handover.router,
    audit.router,
)
"""Each page's."""


def install(app: FastAPI) -> None:
    """Add the pages."""
    app.state.console = new_console(app.state.makegood)
    errors.style(app, "/", refused)
    for router in ROUTERS:
        app.include_router(router)
