"""The audit log: who changed what, when, and why."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.trail_check import verify
from config.durations import US_PER_SECOND
from dashboards.access.audit import Wanted, read_page, trail_of
from dashboards.access.audit import shown as entry_of
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import After, Limit, cursor, number, place, shown
from dashboards.context import context_of

router = APIRouter(prefix="/audit", tags=["audit"])
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Text = Annotated[str, Query(max_length=200)]


class EntryPage(BaseModel):
    """Entries, the newest first."""

    items: list[dict[str, Any]]
    next: str | None
    searched: int = Field(description="How many were looked at: a page may have few and yet be followed by another.")


class ChainOut(BaseModel):
    """Whether the log is what was written."""

    well: bool
    seq: int = Field(description="Number of the last entry.")
    hash: str = Field(description="Of it: whoever notes it notices later when anything before was changed or cut off.")
    problems: list[str]


@router.get("", response_model=EntryPage, summary="Read the audit log")
async def listed(
    request: Request,
    _who: Admin,
    *,
    who: Text = "",
    action: Text = "",
    about: Text = "",
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
    limit: Limit = 50,
    after: After = "",
) -> Response:
    """Read entries: of somebody (`who`), whose action or object begins so, in a span of time."""
    at = place(after, 1)
    before = None if at is None else number(at[0], 0)
    wanted = Wanted(
        who=who,
        action=action,
        object=about,
        from_us=None if since is None else round(since.timestamp() * US_PER_SECOND),
        to_us=None if until is None else round(until.timestamp() * US_PER_SECOND),
    )
    trail = trail_of(context_of(request).store)
    found = await to_thread.run_sync(lambda: read_page(trail, wanted, before=before, limit=limit))
    more = None if found.before is None else cursor(str(found.before))
    items = [entry_of(one) for one in found.entries]
    return shown(request, EntryPage(items=items, next=more, searched=found.searched))


@router.get("/verify", response_model=ChainOut, summary="Prove the audit log")
async def verified(request: Request, _who: Admin) -> Response:
    """Follow the chain of hashes from the first entry that is kept to the last."""
    trail = trail_of(context_of(request).store)
    found = await to_thread.run_sync(verify, trail)
    problems = [f"entry {one.seq}: {one.what}" for one in found.problems]
    return shown(request, ChainOut(well=found.well, seq=found.head.seq, hash=found.head.hash, problems=problems))
