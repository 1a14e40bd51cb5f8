"""Maintenance windows: when each takes place, what it hides now and next, and what it would have hidden lately."""

from typing import Annotated, NamedTuple

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import HTMLResponse

from alerts.preview import window_preview
from config.duty import DAY_US
from config.maintenance import MaintenanceSettings
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.templating import page
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.mirror import OpenAlert
from dashboards.priority import priority

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
_DAYS_BACK, _DAYS_AHEAD = 7, 31
_MOST = 50
router = APIRouter()


class Shown(NamedTuple):
    """A window as pages show it.

    Attributes:
        until_us: when it ends, while it is open; None: it is closed now.
        next_us: when the next one begins; None: never again.
        about: alerts that fire and that it is about, whether it is open or not. urgent: of these, priority 1.
    """

    name: str
    settings: MaintenanceSettings
    until_us: int | None
    next_us: int | None
    about: tuple[OpenAlert, ...]
    urgent: int


def windows_of(context: Context, now_us: int) -> list[Shown]:
    """Return the windows: those that are open first, then by their next beginning."""
    found = [_shown(context, name, now_us) for name in context.mirror.maintenance.names()]
    return sorted(found, key=lambda one: (one.until_us is None, one.next_us is None, one.next_us or 0, one.name))


@router.get("/silences/windows/{name}", include_in_schema=False)
async def window(
    request: Request, _who: Viewer, name: Annotated[str, Path(min_length=1, max_length=100)]
) -> HTMLResponse:
    """Return a maintenance window, and what it hides."""
    context = context_of(request)
    windows, now_us = context.mirror.maintenance, context.now_us()
    if name not in context.settings.maintenance_windows:
        known = ", ".join(windows.names()) or "none"
        raise Refused(404, f"the settings have no maintenance window {name!r}; there are: {known}")
    shown = _shown(context, name, now_us)
    past = await to_thread.run_sync(
        lambda: window_preview(context.store, windows, name, from_us=now_us - _DAYS_BACK * DAY_US, to_us=now_us)
    )
    return await page(
        request,
        "window.html",
        active="silences",
        title=f"Maintenance: {name}",
        window=shown,
        alerts=sorted(shown.about, key=lambda one: (priority(one.urgency.rank), one.fingerprint))[:_MOST],
        priority=priority,
        times=windows.occurrences(name, now_us, now_us + _DAYS_AHEAD * DAY_US)[:_MOST],
        ahead=_DAYS_AHEAD,
        back=_DAYS_BACK,
        past=past,
    )


def _shown(context: Context, name: str, now_us: int) -> Shown:
    windows = context.mirror.maintenance
    about = tuple(one for one in context.mirror.alerts.values() if windows.takes(name, one.labels))
    return Shown(
        name=name,
        settings=context.settings.maintenance_windows[name],
        until_us=windows.open_until(name, now_us),
        next_us=windows.next_start(name, now_us),
        about=about,
        urgent=sum(priority(one.urgency.rank) == 1 for one in about),
    )
