"""What is sent: alerts of a Prometheus, silences."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Request

from alerts.pushing import Pushes
from alerts.silences import SilenceBook, SilenceConflictError, SilenceError, UnknownSilenceError, Wanted
from alerts.silencing import Silence
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v2.openapi import ALERTS, ANSWERS
from dashboards.api.v2.reading import board_of, silences_of
from dashboards.api.v2.sent import PostableSilence, read_alerts, read_silence
from dashboards.api.v2.wire import Json, said, time_us
from dashboards.context import Context, context_of
from dashboards.mirror import Mirror

router = APIRouter(tags=["Alertmanager"])
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
_SHOWN_WITHIN_S = 1.0
_LOOK_S = 0.2
_MOST_WRONG = 20
_log = structlog.get_logger("makegood.console")


@router.post("/alerts", responses=ANSWERS, openapi_extra=ALERTS["post_alerts"])
async def post_alerts(request: Request, _who: Responder) -> Json:
    """Take alerts. Those that are as they should be are kept, even where others are not."""
    context = context_of(request)
    given, wrong = read_alerts(await request.body())
    now_us = context.now_us()
    pushes: Pushes = request.app.state.alertmanager_pushes
    taken = await to_thread.run_sync(pushes.put, given, now_us)
    board = board_of(request)
    begun, ended = [], []
    for print_, step in taken.items():
        board.heard(print_, step.pushed)
        if step.change is not None and step.change.step.startswith("firing"):
            begun.append(print_)
        elif step.change is not None and step.change.status == "resolved":
            ended.append(print_)
    if begun or ended:
        counts = {"began": len(begun), "ended": len(ended)}
        await record(request, action="alerts.push", object="alerts", after=counts, count=len(begun) + len(ended))
    shown = context.mirror.alerts
    await _shown(
        context, lambda: all(one in shown for one in begun) and not any(one in shown for one in ended)
    )  # who asks next sees what was sent
    if wrong:
        _log.warning("alerts_refused", count=len(wrong), taken=len(given))
        more = [f"and {len(wrong) - _MOST_WRONG} more"] if len(wrong) > _MOST_WRONG else []
        return said("; ".join([*wrong[:_MOST_WRONG], *more]), 400)
    return Json(b"")


@router.post("/silences", responses=ANSWERS, openapi_extra=ALERTS["post_silences"])
async def post_silences(request: Request, who: Responder) -> Json:
    """Make a silence, or, with an id, change one: what was hidden is never rewritten, another may take its place."""
    context = context_of(request)
    given = read_silence(await request.body())
    starts_us, ends_us = time_us(given.starts_at), time_us(given.ends_at)
    now_us = context.now_us()
    if ends_us is None or (starts_us is not None and starts_us >= ends_us):
        return said("Failed to create silence: start time must be before end time", 400)
    if ends_us <= now_us:
        return said("Failed to create silence: end time can't be in the past", 400)
    book: SilenceBook = request.app.state.alertmanager_book
    before = silences_of(request).known(given.id) if given.id else None
    try:
        made = await to_thread.run_sync(_write, book, given, starts_us, ends_us, who.name, now_us)
    except UnknownSilenceError:
        return said("silence not found", 404)
    except (SilenceConflictError, SilenceError) as error:
        return said(f"silence invalid: {error}", 400)
    action = "silence.change" if given.id else "silence.create"
    await record(
        request,
        action=action,
        object=f"silence:{made.id}",
        before=None if before is None else msgspec.to_builtins(before),
        after=msgspec.to_builtins(made),
        why=made.comment,
    )
    await _shown(context, lambda: made in context.mirror.silences)
    return Json(msgspec.json.encode({"silenceID": made.id}) + b"\n")


@router.delete("/silence/{silence_id}", responses=ANSWERS, openapi_extra=ALERTS["delete_silence"])
async def delete_silence(request: Request, silence_id: str, who: Responder) -> Json:
    """End a silence now. One that is over stays as it is."""
    context = context_of(request)
    book: SilenceBook = request.app.state.alertmanager_book
    now_us = context.now_us()
    try:
        before = await to_thread.run_sync(_exact, book, silence_id)
        if before.state(now_us) != "expired":
            ended = await to_thread.run_sync(lambda: book.expire(before.id, by=who.name, now_us=now_us))
            await record(
                request,
                action="silence.end",
                object=f"silence:{ended.id}",
                before=msgspec.to_builtins(before),
                after=msgspec.to_builtins(ended),
            )
            await _shown(context, lambda: ended in context.mirror.silences)
    except UnknownSilenceError:
        return said("silence not found", 404)
    return Json(b"")


def _exact(book: SilenceBook, silence_id: str) -> Silence:
    """Return the silence with this id; what people may cut short, programs may not.

    Raises:
        UnknownSilenceError: there is none.
    """
    found = book.get(silence_id)
    if found.id != silence_id:
        raise UnknownSilenceError(silence_id)
    return found


def _write(
    book: SilenceBook, given: PostableSilence, starts_us: int | None, ends_us: int, who: str, now_us: int
) -> Silence:
    author = given.created_by.strip() or who
    matchers = tuple(matcher.text() for matcher in given.matchers)
    if not given.id:
        return book.add(
            matchers, starts_us=starts_us, ends_us=ends_us, author=author, comment=given.comment, now_us=now_us
        )
    old = _exact(book, given.id)
    wanted = Wanted(
        matchers=matchers,
        starts_us=now_us if starts_us is None else starts_us,
        ends_us=ends_us,
        comment=given.comment,
        author=author,
    )
    return book.edit(old.id, wanted, by=author, now_us=now_us).silence


async def _shown(context: Context, holds: Callable[[], bool]) -> None:
    """Wait until the mirror has what was written, but not for long: it is written in any case."""
    mirror: Mirror = context.mirror
    try:
        async with asyncio.timeout(_SHOWN_WITHIN_S):
            version = mirror.version  # read first: what changes while it is looked at is not waited for
            while not holds():
                version = await mirror.wait(version, _LOOK_S)
    except TimeoutError:
        return
