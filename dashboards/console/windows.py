"""Maintenance windows: when each takes place, what it hides now and next, and what it would have hidden lately."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import HTMLResponse

from alerts.preview import window_preview
from config.duty import DAY_US
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.templating import page
from dashboards.context import context_of
from dashboards.priority import priority
from dashboards.windows import window_of

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
_DAYS_BACK, _DAYS_AHEAD = 7, 31
_MOST = 50
router = APIRouter()


@router.get("/silences/windows/{name}", include_in_schema=False)
async def window(
    request: Request, _who: Viewer, name: Annotated[str, Path(min_length=1, max_length=100)]
) -> HTMLResponse:
    """Return a maintenance window, and what it hides."""
    context = context_of(request)
    windows, now_us = context.mirror.maintenance, context.now_us()
    shown = window_of(context, name, now_us)
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
