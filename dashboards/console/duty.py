"""Duty: who is on duty, who is next, when nobody is, and what was handed over."""

from typing import Annotated, NamedTuple

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from alerts.duty import Shift
from alerts.duty_files import DutyFiles
from alerts.handovers import HandoverBook
from alerts.response_model import TEXT_MAX
from config.duty import DAY_US
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.handover import facts_now
from dashboards.console.templating import page
from dashboards.context import context_of

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
_NEXT = 3
_NOTES_SHOWN = 8
router = APIRouter()


class Schedule(NamedTuple):
    """One schedule from now on.

    Attributes:
        people: on duty now; empty: nobody.
        until_us: when that changes; None: not in the time shown.
        coming: the next hand-overs.
        days: by person, what share of each day they are on duty, from 0 to 1; ``nobody`` last where there are gaps.
        starts: of the days, in the schedule's zone.
        gaps: when nobody is.
    """

    name: str
    zone: str
    people: tuple[str, ...]
    until_us: int | None
    coming: list[Shift]
    days: dict[str, list[float]]
    starts: list[int]
    gaps: list[Shift]


@router.get("/duty", include_in_schema=False)
async def duty(request: Request, _who: Viewer, *, days: Annotated[int, Query(ge=1, le=28)] = 7) -> HTMLResponse:
    """Return the schedules: now, the next three hand-overs, and a grid of days."""
    context = context_of(request)
    now_us = context.now_us()

    def read() -> tuple[list[Schedule], list[str]]:
        files = DutyFiles(context.settings)
        current = files.current()
        found = []
        for name in context.settings.schedules:
            until_us = now_us + days * DAY_US
            shifts = current.changes(name, now_us, until_us)
            starts = [now_us + day * DAY_US for day in range(days)]
            found.append(
                Schedule(
                    name,
                    current.zone(name).key,
                    current.on_duty(name, now_us),
                    shifts[0].end_us if len(shifts) > 1 else None,
                    shifts[1 : 1 + _NEXT],
                    shares(shifts, starts),
                    starts,
                    current.gaps(name, now_us, until_us),
                )
            )
        return found, [f"{one.schedule}: {one.message}" for one in files.problems]

    schedules, problems = await to_thread.run_sync(read)
    notes = await to_thread.run_sync(HandoverBook(context.store).newest, _NOTES_SHOWN)
    return await page(
        request,
        "duty.html",
        active="duty",
        title="Duty",
        schedules=schedules,
        problems=problems,
        days=days,
        people=context.settings.people,
        notes=notes,
        facts=await facts_now(request),
        most_text=TEXT_MAX,
    )


def shares(shifts: list[Shift], starts: list[int]) -> dict[str, list[float]]:
    """Return, by person, what share of each day they are on duty; ``nobody`` where there is a time without anybody.

    Args:
        shifts: one after the other.
        starts: of the days, each 24 hours long.
    """
    found: dict[str, list[float]] = {}
    for shift in shifts:
        for place, start_us in enumerate(starts):
            inside_us = min(shift.end_us, start_us + DAY_US) - max(shift.start_us, start_us)
            if inside_us > 0:
                for person in shift.people or ("nobody",):
                    row = found.setdefault(person, [0.0] * len(starts))
                    row[place] = min(1.0, row[place] + inside_us / DAY_US)
    return dict(sorted(found.items(), key=lambda one: (one[0] == "nobody", one[0])))
