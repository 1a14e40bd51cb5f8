"""Silences: what we choose not to hear, who said so, until when; and what a new one would hide, before it is made."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from alerts.silences import SilenceBook, SilenceError, Wanted
from alerts.silencing import MOST_COMMENT, Silence
from config.durations import US_PER_SECOND
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.silence_shapes import PreviewOut, plain
from dashboards.api.v1.silences import preview_of
from dashboards.console.ending import ends_us_of
from dashboards.console.matching import matchers_in
from dashboards.console.state import console_of
from dashboards.console.templating import lead, page
from dashboards.console.times import Zone
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.priority import priority
from dashboards.windows import windows_of

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
Id = Annotated[str, Path(pattern="^[0-9a-fA-F-]{4,36}$")]
Text = Annotated[str, Query(max_length=4000)]
SPANS = ("30m", "1h", "2h", "4h", "12h", "1d", "7d")
MOST_WITH_P1_US = 4 * 3_600 * US_PER_SECOND
"""A silence that hides something of priority 1 lasts no longer."""
_SOON_US = 600 * US_PER_SECOND
_LONG_US = 7 * 86_400 * US_PER_SECOND
_PREVIEW_DAYS = 7
_ENDED_SHOWN = 30
_NAMED = 5
"""So many of the alerts that a silence would hide are named before it is made."""
router = APIRouter()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as the list shows it.

    Attributes:
        hides: alerts that fire and that it is about; ``urgent``: of these, priority 1.
        soon: it ends within ten minutes. long: it lasts longer than a week.
        outside: made by a tool that acknowledges so (karma): no silence for people.
    """

    silence: Silence
    state: str
    hides: int
    urgent: int
    soon: bool
    long: bool
    outside: bool


@router.get("/silences", include_in_schema=False)
async def listed(request: Request, _who: Viewer) -> HTMLResponse:
    """Return the silences: active ones by their end, then those to come, then ended ones."""
    context = context_of(request)
    now_us = context.now_us()
    book = SilenceBook(context.store)
    found = await to_thread.run_sync(lambda: book.list(now_us, ("active", "pending", "expired")))
    shown = [_shown(context, one, now_us) for one in found]
    return await page(
        request,
        "silences.html",
        active="silences",
        part="silences_list.html",
        title="Silences",
        now=[one for one in shown if one.state == "active"],
        coming=[one for one in shown if one.state == "pending"],
        ended=[one for one in shown if one.state == "expired"][:_ENDED_SHOWN],
        windows=windows_of(context, now_us),
    )


@router.get("/silences/new", include_in_schema=False)
async def new(
    request: Request,
    _who: Viewer,
    *,
    m: Text = "",
    span: Annotated[str, Query(alias="for", max_length=20)] = "2h",
    until: Annotated[str, Query(max_length=30)] = "",
    zone: Annotated[str, Query(max_length=64)] = "UTC",
    why: Text = "",
    again: Annotated[str, Query(max_length=36)] = "",
) -> HTMLResponse:
    """Return the form of a new silence, filled in as the address says."""
    context = context_of(request)
    if again:
        old = await _get(context, again)
        m, why = ", ".join(old.matchers), old.comment
    found, problem = await _preview(context, m)
    ends_us = None
    try:
        ends_us = ends_us_of(span, until, zone, context.now_us())
    except Refused as error:
        problem = problem or error.refusal.detail
    return await page(
        request,
        "silence_new.html",
        active="silences",
        part="silence_preview.html",
        title="New silence",
        matchers=m,
        span=span if span in SPANS else "2h",
        spans=SPANS,
        why=why,
        until=until,
        ends_us=ends_us,
        utc=Zone("utc", "UTC"),
        storming=console_of(request).weather.now(console_of(request).tables.now(context.now_us())),
        found=found,
        hidden=[context.mirror.alerts[one] for one in (found.fingerprints if found else ())[:_NAMED]],
        problem=problem,
        most_comment=MOST_COMMENT,
    )


@router.post("/silences", include_in_schema=False)
async def make(
    request: Request,
    who: Responder,
    *,
    m: Annotated[str, Form(max_length=4000)] = "",
    span: Annotated[str, Form(alias="for", max_length=20)] = "2h",
    until: Annotated[str, Form(max_length=30)] = "",
    zone: Annotated[str, Form(max_length=64)] = "UTC",
    why: Annotated[str, Form(max_length=MOST_COMMENT)] = "",
    p1: Annotated[bool, Form()] = False,
) -> Response:
    """Make a silence; one that hides something of priority 1 only if that is confirmed, for four hours at most."""
    context = context_of(request)
    now_us = context.now_us()
    ends_us = ends_us_of(span, until, zone, now_us)
    found, problem = await _preview(context, m)
    if found is None:
        raise Refused(422, problem or "say what is to be silenced: a matcher like service=pay")
    if not why.strip():
        raise Refused(422, "say why: whoever misses an alert wants to know")
    if found.now_urgent and not p1:
        raise Refused(409, f"it would hide {found.now_urgent} alerts of priority 1: tick the box that says so")
    if found.now_urgent and ends_us - now_us > MOST_WITH_P1_US:
        raise Refused(422, "it would hide alerts of priority 1: such a silence lasts four hours at most")

    def add() -> Silence:
        book = SilenceBook(context.store)
        return book.add(matchers_in(m), ends_us=ends_us, author=who.name, comment=why.strip(), now_us=context.now_us())

    try:
        made = await to_thread.run_sync(add)
    except SilenceError as error:
        raise Refused(422, str(error)) from error
    await record(request, action="silence.create", object=f"silence:{made.id}", after=plain(made), why=why.strip())
    return await _back(request, context)


@router.post("/silences/{silence_id}/end", include_in_schema=False)
async def end(request: Request, who: Responder, silence_id: Id) -> Response:
    """End a silence now."""
    context = context_of(request)
    return await _changed(
        request, "silence.end", silence_id, lambda book, old: book.expire(old.id, by=who.name, now_us=context.now_us())
    )


@router.post("/silences/{silence_id}/extend", include_in_schema=False)
async def extend(
    request: Request, who: Responder, silence_id: Id, *, minutes: Annotated[int, Form(ge=1, le=10_080)] = 60
) -> Response:
    """Let a silence last longer."""
    context = context_of(request)

    def longer(book: SilenceBook, old: Silence) -> Silence:
        wanted = Wanted(ends_us=old.ends_us + minutes * 60 * US_PER_SECOND)
        return book.edit(old.id, wanted, by=who.name, now_us=context.now_us()).silence

    return await _changed(request, "silence.change", silence_id, longer)


async def _changed(
    request: Request, action: str, silence_id: str, act: Callable[[SilenceBook, Silence], Silence]
) -> Response:
    context = context_of(request)
    old = await _get(context, silence_id)
    try:
        now = await to_thread.run_sync(lambda: act(SilenceBook(context.store), old))
    except SilenceError as error:
        raise Refused(409, str(error)) from error
    await record(request, action=action, object=f"silence:{old.id}", before=plain(old), after=plain(now))
    return await _back(request, context)


async def _back(request: Request, context: Context) -> Response:
    await context.mirror.wait(context.mirror.version, 0.5)  # who acted sees it
    return lead(request, "/silences")


async def _get(context: Context, silence_id: str) -> Silence:
    try:
        return await to_thread.run_sync(SilenceBook(context.store).get, silence_id.lower())
    except SilenceError as error:
        raise Refused(404, str(error)) from error


async def _preview(context: Context, matchers: str) -> tuple[PreviewOut | None, str]:
    """Return what would be hidden; or None, and why it cannot be told."""
    if not matchers.strip():
        return None, ""
    try:
        return await preview_of(context, matchers_in(matchers), days=_PREVIEW_DAYS), ""
    except Refused as error:
        return None, error.refusal.detail


def _shown(context: Context, one: Silence, now_us: int) -> Shown:
    state = one.state(now_us)
    about = [] if state == "expired" else context.mirror.about(one)
    return Shown(
        silence=one,
        state=state,
        hides=len(about),
        urgent=sum(priority(alert.urgency.rank) == 1 for alert in about),
        soon=state == "active" and one.ends_us - now_us < _SOON_US,
        long=one.ends_us - one.starts_us > _LONG_US,
        outside=one.comment.startswith("ACK!"),
    )
