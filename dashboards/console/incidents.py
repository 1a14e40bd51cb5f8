"""Incidents: what belongs together, what happened in which order, and what we did."""

from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from alerts.incident_book import IncidentBook
from alerts.incident_model import IncidentStatus
from config.durations import US_PER_SECOND
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.incidents import incidents_of
from dashboards.console.acts import acts_of
from dashboards.console.lanes import panels
from dashboards.console.moments import Record, priority_of, read_record
from dashboards.console.postmortem import as_json, as_markdown
from dashboards.console.state import console_of
from dashboards.console.templating import page
from dashboards.context import Context, context_of
from dashboards.errors import Refused

_MOST, _MOST_LINES = 100, 300
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Number = Annotated[int, Path(ge=1, le=10**12)]
router = APIRouter()


@router.get("/incidents", include_in_schema=False)
async def listed(request: Request, _who: Viewer, status: Annotated[str, Query(max_length=10)] = "") -> HTMLResponse:
    """Return the incidents: those that fire first, then by their last change."""
    context = context_of(request)
    now_us = context.now_us()
    wanted: IncidentStatus | None = "open" if status == "open" else "ended" if status == "ended" else None
    found = await to_thread.run_sync(lambda: incidents_of(context).list_incidents(now_us, status=wanted, most=_MOST))
    open_: dict[int, int] = {}
    worst: dict[int, int] = {}
    for row in console_of(request).tables.now(now_us).rows:
        number = row.alert.incident
        if number is not None:
            open_[number] = open_.get(number, 0) + (row.place == "open")
            worst[number] = min(worst.get(number, 3), row.priority)
    found.sort(key=lambda one: (one.status != "open", worst.get(one.number, 4), -one.firing, -one.last_us))
    numbers = [one.number for one in found]
    leads = await to_thread.run_sync(IncidentBook(context.store).leads, numbers)
    return await page(
        request,
        "incidents.html",
        active="incidents",
        part="incidents_list.html",
        title="Incidents",
        incidents=found,
        unanswered=open_,
        worst=worst,
        wanted=wanted or "",
        leads=leads,
    )


@router.get("/incidents/{number}", include_in_schema=False)
async def timeline(
    request: Request,
    _who: Viewer,
    number: Number,
    from_s: Annotated[int | None, Query(alias="from", ge=-(10**11), le=10**11)] = None,
    to_s: Annotated[int | None, Query(alias="to", ge=-(10**11), le=10**11)] = None,
    lane: Annotated[str, Query(max_length=200)] = "",
    said: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Return an incident's timeline."""
    context = context_of(request)
    now_us = context.now_us()
    record = await _read(context, number, now_us)
    window = None if from_s is None or to_s is None else (from_s * US_PER_SECOND, to_s * US_PER_SECOND)
    incident = record.detail.incident
    known_us = max([incident.last_us, *(one.to_us or one.from_us for one in record.spans)])
    lanes = list(dict.fromkeys(one.lane for one in record.instants))
    shown = [one for one in reversed(record.instants) if lane in {"", one.lane}]
    priorities = [priority_of(one, context.settings) for one in record.detail.members if one.change.status == "firing"]
    drawn = panels(record.spans, record.instants, known_us, now_us, window)
    return await page(
        request,
        "incident.html",
        active="incidents",
        title=f"{incident.name}: {incident.title}",
        record=record,
        incident=incident,
        panels=drawn,
        zooms=_zooms(number, (drawn[0].from_us, drawn[0].to_us)) if drawn else {},
        lanes=lanes,
        lane=lane,
        instants=shown[:_MOST_LINES],
        more=max(0, len(shown) - _MOST_LINES),
        priority=min(priorities, default=None),
        seq=context.mirror.seq,
        open_count=sum(
            row.alert.incident in record.numbers and row.place != "silenced"
            for row in console_of(request).tables.now(now_us).rows
        ),
        people=sorted([*context.settings.people, *context.settings.schedules]),
        said=acts_of(request).told(said),
    )


@router.get("/incidents/{number}/export.md", include_in_schema=False)
async def markdown(request: Request, _who: Viewer, number: Number) -> Response:
    """Return a draft of a post-mortem, in Markdown, with times in UTC."""
    context = context_of(request)
    record = await _read(context, number, context.now_us())
    return _file(as_markdown(record, context.now_us()), f"incident-{number}.md", "text/markdown; charset=utf-8")


@router.get("/incidents/{number}/export.json", include_in_schema=False)
async def json_(request: Request, _who: Viewer, number: Number) -> Response:
    """Return the same as data, with times in UTC."""
    context = context_of(request)
    record = await _read(context, number, context.now_us())
    text = msgspec.json.format(msgspec.json.encode(as_json(record)), indent=2).decode() + "\n"
    return _file(text, f"incident-{number}.json", "application/json")


async def _read(context: Context, number: int, now_us: int) -> Record:
    found = await to_thread.run_sync(
        read_record, context.store, context.settings, incidents_of(context), number, now_us
    )
    if found is None:
        raise Refused(404, f"there is no incident {number} (any more)", title="No such incident")
    return found


def _file(text: str, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type=media_type, headers=headers)


def _zooms(number: int, around: tuple[int, int]) -> dict[str, str]:
    """Return the addresses of nearer and farther looks: the middle stays, or moves by half."""
    from_s, to_s = around[0] // US_PER_SECOND, around[1] // US_PER_SECOND
    length, middle = max(to_s - from_s, 60), (from_s + to_s) // 2

    def at(center: int, wide: int) -> str:
        return f"/incidents/{number}?from={center - wide // 2}&to={center + wide // 2}"

    return {
        "in": at(middle, max(length // 2, 60)),
        "out": at(middle, min(length * 2, 366 * 86_400)),
        "left": at(middle - length // 2, length),
        "right": at(middle + length // 2, length),
        "all": f"/incidents/{number}",
    }
