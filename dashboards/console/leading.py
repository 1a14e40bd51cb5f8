"""Who leads an incident, and notes on it: forms of the timeline, of storms and of selections come here."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import Response

from alerts.incident_book import BookEntry, IncidentBook, IncidentBookError, lead_of
from alerts.response_model import NAME_MAX, TEXT_MAX
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.incidents import incidents_of
from dashboards.console.table import Row
from dashboards.console.templating import lead
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.people import must_be_known

Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
Number = Annotated[int, Path(ge=1, le=10**12)]
Text = Annotated[str, Form(max_length=TEXT_MAX)]
router = APIRouter()


@router.post("/incidents/{number}/lead", include_in_schema=False)
async def take(
    request: Request,
    who: Responder,
    number: Number,
    to: Annotated[str, Form(max_length=NAME_MAX)] = "",
    text: Text = "",
) -> Response:
    """Take the lead of an incident, or give it to somebody."""
    context = context_of(request)
    to = to.strip() or who.name
    known_person(context, who, to)
    await _there(context, number)
    before = await to_thread.run_sync(lambda: lead_of(IncidentBook(context.store).read(number)))
    entry = BookEntry(
        kind="lead",
        by=who.name,
        at_us=context.now_us(),
        to=to,
        others=() if before is None else before.others,
        text=text.strip(),
    )
    await _write(request, number, entry, before)
    return lead(request, f"/incidents/{number}")


@router.post("/incidents/{number}/note", include_in_schema=False)
async def note(request: Request, who: Responder, number: Number, text: Text = "") -> Response:
    """Note something on an incident, also on one that has ended."""
    context = context_of(request)
    await _there(context, number)
    entry = BookEntry(kind="note", by=who.name, at_us=context.now_us(), text=text.strip())
    await _write(request, number, entry, None)
    return lead(request, f"/incidents/{number}")


async def declared(request: Request, who: Principal, rows: Sequence[Row], text: str) -> Response:
    """Make one incident of those that some alerts belong to: the largest, together with the others.

    Whoever asks leads it, unless somebody does already.
    """
    context = context_of(request)
    counted = Counter(row.alert.incident for row in rows if row.alert.incident is not None)
    if not counted:
        raise Refused(409, "none of these is in an incident so far: the notifier puts them there, does it run?")
    number = min(counted, key=lambda one: (-counted[one], one))
    before = await to_thread.run_sync(lambda: lead_of(IncidentBook(context.store).read(number)))
    others = {one for one in counted if one != number} | set(() if before is None else before.others)
    entry = BookEntry(
        kind="lead",
        by=who.name,
        at_us=context.now_us(),
        to=who.name if before is None else before.to,
        others=tuple(sorted(others)),
        text=text,
    )
    await _write(request, number, entry, before)
    return lead(request, f"/incidents/{number}")


def known_person(context: Context, who: Principal, to: str) -> None:
    """Refuse a name that is neither a person, nor a schedule, nor whoever asks."""
    if to != who.name:
        must_be_known(context.settings, to)


async def _there(context: Context, number: int) -> None:
    detail = await to_thread.run_sync(lambda: incidents_of(context).get(number, context.now_us(), most=1))
    if detail is None:
        raise Refused(404, f"there is no incident {number} (any more)", title="No such incident")


async def _write(request: Request, number: int, entry: BookEntry, before: BookEntry | None) -> None:
    try:
        await to_thread.run_sync(IncidentBook(context_of(request).store).write, number, entry)
    except IncidentBookError as error:
        raise Refused(422, str(error)) from error
    await record(
        request,
        action=f"incident.{entry.kind}",
        object=f"incident:{number}",
        before=None if before is None else msgspec.to_builtins(before),
        after=msgspec.to_builtins(entry),
        why=entry.text,
    )
