"""The page of an alert: is it real, what does it hit, what is to be done?"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse

from alerts.model import to_json
from alerts.silencing import Silence
from config.durations import US_PER_SECOND
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.acts import acts_of
from dashboards.console.alert_reading import number_of, read
from dashboards.console.query import written
from dashboards.console.state import console_of
from dashboards.console.table import Row
from dashboards.console.templating import page
from dashboards.context import context_of
from dashboards.priority import priority
from detectors.contract import AlertChange

_SAME_US = 600 * US_PER_SECOND
_MOST_SAME = 8
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
router = APIRouter()


@router.get("/a/{fingerprint}", include_in_schema=False)
async def alert(request: Request, _who: Viewer, fingerprint: Fingerprint, said: str = "") -> HTMLResponse:
    """Return an alert's newest episode."""
    return await _page(request, fingerprint, None, said)


@router.get("/a/{fingerprint}/{episode}", include_in_schema=False)
async def episode(
    request: Request,
    _who: Viewer,
    fingerprint: Fingerprint,
    episode: Annotated[int, Path(ge=-(2**62), le=2**62)],
    said: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Return one episode, named by its beginning in microseconds."""
    return await _page(request, fingerprint, episode, said)


async def _page(request: Request, fingerprint: str, starts_us: int | None, said: str) -> HTMLResponse:
    context, console = context_of(request), console_of(request)
    now_us = context.now_us()
    detectors = await console.detectors()
    seen = await to_thread.run_sync(read, context, detectors, console.evidence, fingerprint, starts_us, now_us)
    current = seen.detail.current
    table = console.tables.now(now_us)
    row = next((one for one in table.rows if one.alert.fingerprint == fingerprint), None) if seen.latest else None
    before, behind = neighbours(table.rows, fingerprint)
    urgency = None if row is None else row.alert.urgency
    return await page(
        request,
        "alert.html",
        active="inbox",
        title=current.annotations.get("summary") or current.labels.get("alertname", fingerprint),
        seen=seen,
        current=current,
        row=row,
        urgency=urgency,
        priority=None if urgency is None else priority(urgency.rank),
        mutes=() if row is None else context.mirror.mutes(fingerprint, now_us),
        same=same_time(table.rows, current),
        about_it=silences_of(context.mirror.silences, current.labels),
        query=written(current.labels),
        seq=context.mirror.seq,
        storming=console.weather.now(table),
        before=before,
        behind=behind,
        raw=msgspec.json.format(msgspec.json.encode(to_json(current)), indent=2).decode(),
        said=acts_of(request).told(said),
        people=sorted([*context.settings.people, *context.settings.schedules]),
        where=f"/a/{fingerprint}" + ("" if seen.latest else f"/{current.starts_at_us}"),
        incident=number_of(seen.story),
        median_us=_median([one.lasted_us for one in seen.episodes if one.lasted_us is not None]),
    )


def same_time(rows: Sequence[Row], current: AlertChange) -> list[Row]:
    """Return other alerts that began about when this one did, by event time: the most urgent first."""
    near = [
        row
        for row in rows
        if abs(row.alert.change.starts_at_us - current.starts_at_us) <= _SAME_US
        and row.alert.fingerprint != current.fingerprint
    ]
    near.sort(key=lambda row: (row.priority, abs(row.alert.change.starts_at_us - current.starts_at_us)))
    return near[:_MOST_SAME]


def neighbours(rows: Sequence[Row], fingerprint: str) -> tuple[str, str]:
    """Return the alerts before and behind one in the order of the inbox; empty where there is none."""
    places = sorted((row.priority, -row.changed_us, row.alert.fingerprint) for row in rows if row.place == "open")
    prints = [one[2] for one in places]
    if fingerprint not in prints:
        return "", prints[0] if prints else ""
    at = prints.index(fingerprint)
    return prints[at - 1] if at else "", prints[at + 1] if at + 1 < len(prints) else ""


def silences_of(silences: Sequence[Silence], labels: Mapping[str, str]) -> list[Silence]:
    """Return the silences that are about these labels, ended ones too: those that end last come first."""
    return sorted((one for one in silences if one.matches(labels)), key=lambda one: -one.ends_us)


def _median(values: Sequence[int]) -> int | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None
