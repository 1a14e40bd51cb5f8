"""Feeds: what are we blind to? And what could not be read: dead letters."""

from collections.abc import Mapping
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import HTMLResponse, Response

from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.feeds import requeue
from dashboards.console.templating import lead, page
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.freshness_model import believed
from pipeline.deadletters import DeadLetters, LetterFilter, StoredLetter
from pipeline.reasons import Reason
from pipeline.work import deadletters_path

Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
_SIZE = 50
_RAW_SHOWN = 4_000
router = APIRouter()


@router.get("/feeds", include_in_schema=False)
async def listed(request: Request, _who: Viewer, *, only: Annotated[str, Query(max_length=20)] = "") -> HTMLResponse:
    """Return the feeds, the worst first, the processes that we hear of, and the walls.

    ``only=problems`` leaves out what is as it should be.
    """
    context = context_of(request)
    flows = [one for one in context.mirror.statuses if one.kind == "flow"]
    told: dict[str, dict[str, Any]] = {}
    for flow in flows:
        for name, by in flow.report.get("by_feed", {}).items():
            kept = told.setdefault(name, {"events": 0, "letters": {}, "partitions": 0, "lag_us": None})
            kept["lag_us"] = _older(kept["lag_us"], lag_us(by))
            kept["events"] += by.get("events", 0)
            kept["partitions"] += by.get("partitions", 0)
            for reason, count in by.get("dead_letters", {}).items():
                kept["letters"][reason] = kept["letters"].get(reason, 0) + count
    return await page(
        request,
        "feeds.html",
        active="feeds",
        part="feeds_list.html",
        title="Feeds",
        told=told,
        types={name: entry.type for name, entry in context.settings.feeds.items()},
        processes=[one for one in context.mirror.statuses if one.kind != "wall"],
        walls=[one for one in context.mirror.statuses if one.kind == "wall"],
        only="problems" if only == "problems" else "",
        believed=believed,
    )


def lag_us(by: Mapping[str, Any]) -> int | None:
    """Return how old the newest event of a feed was when it came; below zero: its time is ahead of our clock.

    Args:
        by: what a flow process says of the feed.
    """
    last, newest = by.get("last_at_us"), by.get("newest_us")
    return None if not last or newest is None else int(last - newest)


def _older(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other, key=abs)


@router.get("/dead-letters", include_in_schema=False)
async def letters(
    request: Request,
    _who: Tuner,
    *,
    feed: Annotated[str, Query(max_length=200)] = "",
    reason: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> HTMLResponse:
    """Return records that could not become events, the newest first, with the beginning of their bytes."""
    context = context_of(request)
    known = {one.value for one in Reason}
    chosen = LetterFilter(feed=feed or None, reason=reason if reason in known else None)

    def read() -> tuple[list[tuple[StoredLetter, str]], dict[str, dict[str, int]]]:
        path = deadletters_path(context.settings)
        if not path.exists():
            return [], {}
        with DeadLetters(path) as kept:
            found = kept.page(chosen, before_id=before, limit=_SIZE + 1)
            whole = [(one, kept.get(one.id)) for one in found]
            return [(one, _raw(full)) for one, full in whole], kept.counts(chosen)

    found, counts = await to_thread.run_sync(read)
    more = found[_SIZE - 1][0].id if len(found) > _SIZE else None
    return await page(
        request,
        "dead_letters.html",
        active="feeds",
        title="Dead letters",
        letters=found[:_SIZE],
        tallied=counts,
        feed=feed,
        reason=chosen.reason or "",
        more=more,
    )


@router.post("/dead-letters/replay", include_in_schema=False)
async def replay(
    request: Request,
    _who: Tuner,
    *,
    feed: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=100)] = "",
    letter: Annotated[int | None, Form(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Have dead letters read again, by their feed's mapping as it is now."""
    context = context_of(request)
    if not (feed or reason or letter):
        raise Refused(422, "say which: one letter, those of a feed, or those with a reason")
    chosen = LetterFilter(feed=feed or None, reason=reason or None, ids=None if letter is None else (letter,))
    count = await to_thread.run_sync(requeue, context, chosen)
    after = {"feed": feed, "reason": reason, "letter": letter}
    await record(request, action="deadletters.replay", object="deadletters", after=after, count=count)
    return lead(request, "/dead-letters")


def _raw(letter: StoredLetter | None) -> str:
    if letter is None or letter.raw is None:
        return ""
    text = letter.raw[:_RAW_SHOWN].decode("utf-8", errors="replace")
    return text + (" …" if len(letter.raw) > _RAW_SHOWN else "")
