"""Maintenance windows: what is expected, so that nobody is told; when, and what that hides now and next."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.maintenance import Occurrence
from alerts.preview import window_preview
from config.duty import DAY_US
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import shown
from dashboards.api.v1.shapes import time_text
from dashboards.context import Context, context_of
from dashboards.windows import Shown, window_of, windows_of

router = APIRouter(prefix="/maintenance-windows", tags=["maintenance windows"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Name = Annotated[str, Path(min_length=1, max_length=64, description="Of its entry in the settings.")]
Days = Annotated[int, Query(ge=1, le=366, description="How far ahead.")]
MOST_OCCURRENCES = 100
SHOWN = 50
_ONLY_SETTINGS = (
    " Windows are written in the settings file (`maintenance_windows`), and nowhere else: no request makes, changes or "
    "ends one (405). For once, and now, there are silences."
)


class OccurrenceOut(BaseModel):
    """One time that a window takes place."""

    starts_at: str | None
    ends_at: str | None

    @classmethod
    def of(cls, one: Occurrence) -> "OccurrenceOut":
        """Return it as it is answered."""
        return cls(starts_at=time_text(one.start_us), ends_at=time_text(one.end_us))


class WindowOut(BaseModel):
    """A maintenance window."""

    name: str
    matchers: list[str] = Field(description="Which alerts: all must match.")
    comment: str
    owner: str | None = Field(description="Of `people` or `schedules`: whom to ask.")
    zone: str = Field(description="On whose clock it is written.")
    rrule: str | None = Field(description="How it comes again (RFC 5545); null: it is once.")
    open_until: str | None = Field(description="null: it is closed now.")
    next_at: str | None = Field(description="When the next one begins; null: never again.")
    occurrences: list[OccurrenceOut] = Field(
        description=f"From now on, as far ahead as was asked, {MOST_OCCURRENCES} at most; one that is open is first."
    )
    hides_now: int = Field(description="Alerts that fire, and that nobody is told of because it is open.")
    hides_next: int = Field(description="Alerts that fire now, and that the next one hides if they still do then.")
    hides_next_urgent: int = Field(description="Of these, those of priority 1.")
    fingerprints: list[str] = Field(description=f"The first {SHOWN} alerts that fire and that it is about.")


class WindowList(BaseModel):
    """All windows: those that are open by their end, then by their next beginning."""

    items: list[WindowOut]


class WindowPreview(BaseModel):
    """What a window has hidden, or would have, had it been there."""

    name: str
    from_at: str | None
    to_at: str | None
    past: int = Field(description="Alerts that nobody would have been told of.")
    late: int = Field(description="Alerts that would have been told only when it had ended, because they still fired.")
    past_total: int = Field(description="All alerts of that time.")
    fingerprints: list[str] = Field(description=f"The first {SHOWN} of `past`.")


@router.get(
    "",
    response_model=WindowList,
    summary="List maintenance windows",
    description="List the maintenance windows of the settings, with what each hides now and next." + _ONLY_SETTINGS,
)
async def listed(request: Request, _who: Viewer, *, days: Days = 14) -> Response:
    """List the maintenance windows of the settings, with what each hides now and next."""
    context = context_of(request)
    now_us = context.now_us()
    items = [_told(context, one, now_us, days) for one in windows_of(context, now_us)]
    return shown(request, WindowList(items=items))


@router.get(
    "/{name}",
    response_model=WindowOut,
    summary="Look at one maintenance window",
    description="Return a maintenance window, with what it hides now and next." + _ONLY_SETTINGS,
)
async def one(request: Request, _who: Viewer, name: Name, *, days: Days = 14) -> Response:
    """Return a maintenance window, with what it hides now and next."""
    context = context_of(request)
    now_us = context.now_us()
    return shown(request, _told(context, window_of(context, name, now_us), now_us, days))


@router.get("/{name}/preview", response_model=WindowPreview, summary="See what a maintenance window has hidden")
async def previewed(
    request: Request,
    _who: Viewer,
    name: Name,
    *,
    days: Annotated[int, Query(ge=1, le=90, description="How far back to look.")] = 7,
) -> Response:
    """Return what a window has hidden in the last days, at its times; or would have, had it been there."""
    context = context_of(request)
    windows, to_us = context.mirror.maintenance, context.now_us()
    window_of(context, name, to_us)
    from_us = to_us - days * DAY_US
    found = await to_thread.run_sync(lambda: window_preview(context.store, windows, name, from_us=from_us, to_us=to_us))
    answer = WindowPreview(
        name=name,
        from_at=time_text(from_us),
        to_at=time_text(to_us),
        past=len(found.hidden),
        late=len(found.late),
        past_total=found.total,
        fingerprints=[episode.fingerprint for episode in found.hidden[:SHOWN]],
    )
    return shown(request, answer)


def _told(context: Context, found: Shown, now_us: int, days: int) -> WindowOut:
    times = context.mirror.maintenance.occurrences(found.name, now_us, now_us + days * DAY_US)
    comes, settings = found.next_us is not None, found.settings
    return WindowOut(
        name=found.name,
        matchers=list(settings.matchers),
        comment=settings.comment,
        owner=settings.owner,
        zone=settings.zone,
        rrule=settings.rrule,
        open_until=time_text(found.until_us),
        next_at=time_text(found.next_us),
        occurrences=[OccurrenceOut.of(one) for one in times[:MOST_OCCURRENCES]],
        hides_now=0 if found.until_us is None else len(found.about),
        hides_next=len(found.about) if comes else 0,
        hides_next_urgent=found.urgent if comes else 0,
        fingerprints=sorted(alert.fingerprint for alert in found.about)[:SHOWN],
    )
