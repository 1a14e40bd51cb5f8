"""Duty: who is on duty, who is next, and when nobody is."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.duty import Shift
from alerts.duty_files import DutyFiles
from config.duty import DAY_US
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import shown
from dashboards.api.v1.shapes import time_text
from dashboards.context import context_of

router = APIRouter(prefix="/duty", tags=["duty"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]


class ShiftOut(BaseModel):
    """A time in which the same people are on duty."""

    starts_at: str | None
    ends_at: str | None
    people: list[str] = Field(description="Empty: nobody.")

    @classmethod
    def of(cls, one: Shift) -> "ShiftOut":
        """Return it as it is answered."""
        return cls(starts_at=time_text(one.start_us), ends_at=time_text(one.end_us), people=list(one.people))


class ScheduleOut(BaseModel):
    """A schedule from now on."""

    name: str
    zone: str
    on_duty: list[str]
    shifts: list[ShiftOut]
    gaps: list[ShiftOut] = Field(description="When nobody is on duty.")


class DutyOut(BaseModel):
    """All schedules."""

    items: list[ScheduleOut]
    problems: list[str] = Field(description="Calendars that cannot be read.")


@router.get("", response_model=DutyOut, summary="See who is on duty")
async def duty(
    request: Request, _who: Viewer, *, days: Annotated[int, Query(ge=1, le=366, description="How far ahead.")] = 14
) -> Response:
    """Return who is on duty now, and all shifts from now on."""
    context = context_of(request)
    now_us = context.now_us()

    def read() -> DutyOut:
        files = DutyFiles(context.settings)
        current = files.current()
        until_us = now_us + days * DAY_US
        items = [
            ScheduleOut(
                name=name,
                zone=current.zone(name).key,
                on_duty=list(current.on_duty(name, now_us)),
                shifts=[ShiftOut.of(one) for one in current.changes(name, now_us, until_us)],
                gaps=[ShiftOut.of(one) for one in current.gaps(name, now_us, until_us)],
            )
            for name in sorted(context.settings.schedules)
        ]
        problems = [f"schedules.{one.schedule}.icalendar: {one.message}" for one in files.problems]
        return DutyOut(items=items, problems=problems)

    return shown(request, await to_thread.run_sync(read))
