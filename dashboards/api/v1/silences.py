"""Silences: what is not told, by whom, until when; and what one would hide."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from alerts.silences import SilenceBook, SilenceConflictError, SilenceError, UnknownSilenceError, Wanted
from alerts.silencing import Silence, State
from config.durations import US_PER_SECOND
from config.matchers import condition, matchers_of
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import IfMatch, Key, demand, once, shown
from dashboards.api.v1.silence_shapes import (
    SHOWN,
    Changing,
    Previewing,
    PreviewOut,
    SilenceList,
    SilenceOut,
    Silencing,
    plain,
)
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.priority import priority

router = APIRouter(prefix="/silences", tags=["silences"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
Id = Annotated[str, Path(pattern="^[0-9a-fA-F-]{4,36}$", description="Of the silence, or how that begins.")]


@router.get("", response_model=SilenceList, summary="List silences")
async def listed(
    request: Request,
    _who: Viewer,
    *,
    state: Annotated[list[State] | None, Query(description="Only these; default: active and pending.")] = None,
) -> Response:
    """List silences with what each hides now."""
    context = context_of(request)
    states = state or ["active", "pending"]
    found = await to_thread.run_sync(lambda: SilenceBook(context.store).list(context.now_us(), states))
    return shown(request, SilenceList(items=[SilenceOut.of(one, context) for one in found]))


@router.post("/preview", response_model=PreviewOut, summary="See what a silence would hide")
async def previewed(request: Request, _who: Viewer, body: Previewing) -> Response:
    """Return what a silence would hide now, and would have hidden lately. It makes none."""
    return shown(request, await preview_of(context_of(request), body.matchers, days=body.days))


async def preview_of(context: Context, matchers: list[str], *, days: int) -> PreviewOut:
    """Return what a silence with these matchers would hide.

    Raises:
        Refused: when they make no sense.
    """
    now_us = context.now_us()
    from_us = now_us - days * 86_400 * US_PER_SECOND
    try:
        past = await to_thread.run_sync(
            lambda: SilenceBook(context.store).preview(matchers, from_us=from_us, to_us=now_us)
        )
    except SilenceError as error:
        raise Refused(422, str(error)) from error
    parsed = matchers_of(matchers)
    about = condition(parsed)
    now = [one for one in context.mirror.alerts.values() if about(one.labels)]
    return PreviewOut(
        matchers=[str(one) for one in parsed],
        now=len(now),
        now_urgent=sum(priority(one.urgency.rank) == 1 for one in now),
        fingerprints=[one.fingerprint for one in now[:SHOWN]],
        past=len(past.hidden),
        past_total=past.total,
    )


@router.get("/{silence_id}", response_model=SilenceOut, summary="Look at one silence")
async def one(request: Request, _who: Viewer, silence_id: Id) -> Response:
    """Return a silence. Its ETag is its version."""
    context = context_of(request)
    found = await _get(context, silence_id)
    return shown(request, SilenceOut.of(found, context), tag=_tag(found))


@router.post("", response_model=SilenceOut, status_code=201, summary="Make a silence")
async def made(request: Request, who: Responder, body: Silencing, key: Key = None) -> Response:
    """Make a silence that begins now or later."""
    context = context_of(request)

    async def act() -> Response:
        def add() -> Silence:
            return SilenceBook(context.store).add(
                body.matchers,
                ends_us=_us(body.ends_at),
                starts_us=None if body.starts_at is None else _us(body.starts_at),
                author=who.name,
                comment=body.comment,
                now_us=context.now_us(),
            )

        made = await _done(add)
        await record(request, action="silence.create", object=f"silence:{made.id}", after=plain(made), why=body.comment)
        return shown(request, SilenceOut.of(made, context), tag=_tag(made), status=201)

    return await once(request, who, key, act)


@router.patch("/{silence_id}", response_model=SilenceOut, summary="Change a silence")
async def changed(
    request: Request, who: Responder, silence_id: Id, body: Changing, key: Key = None, if_match: IfMatch = None
) -> Response:
    """Change a silence. One whose matchers or start change while it is active is ended, and another takes its place."""
    context = context_of(request)

    async def act() -> Response:
        old = await _get(context, silence_id)
        demand(if_match, _tag(old), f"silence {old.id}")
        wanted = Wanted(
            matchers=None if body.matchers is None else tuple(body.matchers),
            starts_us=None if body.starts_at is None else _us(body.starts_at),
            ends_us=None if body.ends_at is None else _us(body.ends_at),
            comment=body.comment,
        )

        def edit() -> Silence:
            version = None if if_match is None else old.version
            book = SilenceBook(context.store)
            return book.edit(old.id, wanted, by=who.name, now_us=context.now_us(), version=version).silence

        now = await _done(edit)
        await record(request, action="silence.change", object=f"silence:{old.id}", before=plain(old), after=plain(now))
        return shown(request, SilenceOut.of(now, context), tag=_tag(now))

    return await once(request, who, key, act)


@router.delete("/{silence_id}", response_model=SilenceOut, summary="End a silence")
async def ended(request: Request, who: Responder, silence_id: Id, if_match: IfMatch = None) -> Response:
    """End a silence now. One that is over stays as it is."""
    context = context_of(request)
    old = await _get(context, silence_id)
    demand(if_match, _tag(old), f"silence {old.id}")

    def expire() -> Silence:
        version = None if if_match is None else old.version
        return SilenceBook(context.store).expire(old.id, by=who.name, now_us=context.now_us(), version=version)

    now = await _done(expire)
    if now.version != old.version:
        await record(request, action="silence.end", object=f"silence:{old.id}", before=plain(old), after=plain(now))
    return shown(request, SilenceOut.of(now, context), tag=_tag(now))


async def _get(context: Context, silence_id: str) -> Silence:
    try:
        return await to_thread.run_sync(SilenceBook(context.store).get, silence_id.lower())
    except UnknownSilenceError as error:
        raise Refused(404, str(error)) from error


async def _done(act: Callable[[], Silence]) -> Silence:
    try:
        return await to_thread.run_sync(act)
    except UnknownSilenceError as error:
        raise Refused(404, str(error)) from error
    except SilenceConflictError as error:
        raise Refused(409, str(error)) from error
    except SilenceError as error:
        raise Refused(422, str(error)) from error


def _tag(silence: Silence) -> str:
    return f'"{silence.version}"'


def _us(time: datetime) -> int:
    return round(time.timestamp() * US_PER_SECOND)
