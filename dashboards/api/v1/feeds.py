"""Feeds: what are we blind to? And dead letters: records that could not become events."""

import base64
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import After, Key, Limit, number, once, page, place, shown
from dashboards.api.v1.shapes import time_text
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.freshness_layers import feeds_layer
from pipeline.deadletters import DeadLetters, LetterFilter, StoredLetter
from pipeline.letters import LetterStatus
from pipeline.reasons import Reason
from pipeline.scale.requeued import why_not_read
from pipeline.work import deadletters_path

router = APIRouter(tags=["feeds"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Tuner = Annotated[Principal, Depends(needs(Role.TUNER))]
_MOST_RAW = 65_536


class FeedOut(BaseModel):
    """A feed, and how fresh it is."""

    name: str
    type: str
    state: str = Field(description="fresh, late, stale, never (nothing came so far) or unknown (no flow tells).")
    says: str
    heard_at: str | None = Field(description="When it gave something last, by Makegood's clock.")
    newest_at: str | None = Field(description="Event time of its newest event.")
    expected_every_s: float | None
    dead_letters: dict[str, int] = Field(description="Since the flow started, by reason.")


class FeedList(BaseModel):
    """All feeds, the worst first."""

    items: list[FeedOut]


class LetterOut(BaseModel):
    """A record that could not become an event."""

    id: int
    feed: str
    partition: str
    offset: int
    reason: str
    detail: str
    bytes: int
    seen_at: str | None
    status: LetterStatus
    raw_base64: str | None = Field(default=None, description=f"Its first {_MOST_RAW} bytes; null in lists.")

    @classmethod
    def of(cls, one: StoredLetter) -> "LetterOut":
        """Return it as it is answered."""
        return cls(
            id=one.id,
            feed=one.feed,
            partition=one.partition,
            offset=one.offset,
            reason=one.reason,
            detail=one.detail,
            bytes=one.size,
            seen_at=time_text(one.seen_at_us or None),
            status=one.status,
            raw_base64=None if one.raw is None else base64.b64encode(one.raw[:_MOST_RAW]).decode(),
        )


class LetterPage(BaseModel):
    """Dead letters, the newest first."""

    items: list[LetterOut]
    next: str | None
    counts: dict[str, dict[str, int]] = Field(description="Of all that fit, by feed and reason.")


class Replaying(BaseModel):
    """Which dead letters are to be read again; at least one of these."""

    model_config = ConfigDict(extra="forbid")
    ids: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] = Field(default=[], max_length=1000)
    feed: str | None = Field(default=None, max_length=200)
    reason: Reason | None = None


class ReplayedOut(BaseModel):
    """What waits to be read again."""

    requeued: int


@router.get("/feeds", response_model=FeedList, summary="List feeds")
async def listed(request: Request, _who: Viewer) -> Response:
    """List the feeds of the settings, the worst first."""
    context = context_of(request)
    flows = [one for one in context.mirror.statuses if one.kind == "flow"]
    letters: dict[str, dict[str, int]] = {}
    for flow in flows:
        for name, told in flow.report.get("by_feed", {}).items():
            counted = letters.setdefault(name, {})
            for reason, count in told.get("dead_letters", {}).items():
                counted[reason] = counted.get(reason, 0) + count
    items = [
        FeedOut(
            name=sign.name,
            type=context.settings.feeds[sign.name].type,
            state=sign.state,
            says=sign.says,
            heard_at=time_text(sign.heard_us),
            newest_at=time_text(sign.newest_us),
            expected_every_s=None if sign.expected_us is None else sign.expected_us / 1e6,
            dead_letters=letters.get(sign.name, {}),
        )
        for sign in feeds_layer(context.settings, flows, context.now_us()).signs
    ]
    return shown(request, FeedList(items=items))


@router.get("/dead-letters", response_model=LetterPage, summary="List dead letters")
async def letters(
    request: Request,
    _who: Viewer,
    *,
    feed: Annotated[str | None, Query(max_length=200)] = None,
    reason: Annotated[Reason | None, Query()] = None,
    status: Annotated[LetterStatus | None, Query()] = None,
    limit: Limit = 50,
    after: After = "",
) -> Response:
    """List records that could not become events, the newest first. Their bytes are not in the list."""
    at = place(after, 1)
    before = None if at is None else number(at[0], 0)
    chosen = LetterFilter(feed=feed, reason=reason, status=status)
    context = context_of(request)

    def read() -> tuple[list[StoredLetter], dict[str, dict[str, int]]]:
        if not deadletters_path(context.settings).exists():
            return [], {}
        with _opened(context) as kept:
            return kept.page(chosen, before_id=before, limit=limit + 1), kept.counts(chosen)

    found, counts = await to_thread.run_sync(read)
    kept, more = page(found, limit, lambda one: (str(one.id),))
    return shown(request, LetterPage(items=[LetterOut.of(one) for one in kept], next=more, counts=counts))


@router.get("/dead-letters/{letter_id}", response_model=LetterOut, summary="Look at a dead letter")
async def letter(request: Request, _who: Tuner, letter_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Response:
    """Return a dead letter with its bytes. They may hold personal data: this needs more than looking at lists."""
    context = context_of(request)

    def read() -> StoredLetter | None:
        if not deadletters_path(context.settings).exists():
            return None
        with _opened(context) as kept:
            return kept.get(letter_id)

    found = await to_thread.run_sync(read)
    if found is None:
        raise Refused(404, f"there is no dead letter {letter_id} (any more)")
    return shown(request, LetterOut.of(found))


@router.post("/dead-letters/replay", response_model=ReplayedOut, summary="Read dead letters again")
async def replayed(request: Request, who: Tuner, body: Replaying, key: Key = None) -> Response:
    """Have dead letters go through the flow again, by their feed's mapping as it is now."""
    context = context_of(request)
    if not (body.ids or body.feed or body.reason):
        raise Refused(422, "say which: ids, feed or reason")
    chosen = LetterFilter(feed=body.feed, reason=body.reason, ids=tuple(body.ids) or None)

    async def act() -> Response:
        count = await to_thread.run_sync(requeue, context, chosen)
        await record(
            request, action="deadletters.replay", object="deadletters", after=body.model_dump(mode="json"), count=count
        )
        return shown(request, ReplayedOut(requeued=count))

    return await once(request, who, key, act)


def requeue(context: Context, chosen: LetterFilter) -> int:
    """Have dead letters read again; return how many.

    Raises:
        Refused: when no process would read all of it.
    """
    if not deadletters_path(context.settings).exists():
        return 0
    with _opened(context) as kept:
        problems = why_not_read(context.settings, kept.places(chosen))
        if problems:
            raise Refused(409, "nothing was sent again, as no process would read all of it: " + "; ".join(problems))
        return kept.requeue(chosen, context.now_us())


def _opened(context: Context) -> DeadLetters:
    return DeadLetters(deadletters_path(context.settings))
