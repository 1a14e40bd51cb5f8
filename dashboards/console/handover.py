"""Hand-over: what whoever goes off duty leaves to the next, with what is open; the next one takes it."""

from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import Response

from alerts.handovers import HandoverBook, HandoverError
from alerts.response_model import NAME_MAX, TEXT_MAX
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.state import console_of, truth_of
from dashboards.console.table import Table, next_end
from dashboards.console.templating import lead
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.freshness import Truth
from dashboards.freshness_model import ago

Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
_NAMED = 5
router = APIRouter()


@router.post("/duty/handovers", include_in_schema=False)
async def write(
    request: Request,
    who: Responder,
    *,
    schedule: Annotated[str, Form(max_length=NAME_MAX)] = "",
    text: Annotated[str, Form(max_length=TEXT_MAX)] = "",
) -> Response:
    """Leave a note for whoever is on duty next, with what is open now."""
    context = context_of(request)
    if schedule and schedule not in context.settings.schedules:
        raise Refused(422, f"there is no schedule {schedule!r}")
    facts = await facts_now(request)
    now_us = context.now_us()
    book = HandoverBook(context.store)
    try:
        note = await to_thread.run_sync(
            lambda: book.write(schedule=schedule, by=who.name, at_us=now_us, text=text, facts=facts)
        )
    except HandoverError as error:
        raise Refused(422, str(error)) from error
    after = {"schedule": schedule, "facts": list(facts)}
    await record(request, action="duty.handover", object=f"handover:{note.id}", after=after, why=note.text)
    return lead(request, "/duty")


@router.post("/duty/handovers/{note}/accept", include_in_schema=False)
async def accept(request: Request, who: Responder, note: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
    """Take a note: from now on whoever asks knows of it."""
    context = context_of(request)
    now_us = context.now_us()
    try:
        taken = await to_thread.run_sync(lambda: HandoverBook(context.store).accept(note, by=who.name, at_us=now_us))
    except HandoverError as error:
        raise Refused(409, str(error)) from error
    await record(request, action="duty.accept", object=f"handover:{note}", after=msgspec.to_builtins(taken))
    return lead(request, "/duty")


async def facts_now(request: Request) -> tuple[str, ...]:
    """Return what whoever comes next has to know of now, a line each."""
    context = context_of(request)
    now_us = context.now_us()
    table = console_of(request).tables.now(now_us)
    silences = sum(one.state(now_us) == "active" for one in context.mirror.silences)
    return facts_of(table, silences, await truth_of(request), now_us)


def facts_of(table: Table, silences: int, truth: Truth, now_us: int) -> tuple[str, ...]:
    """Return what is open, in hand, hidden and not seen, a line each.

    Args:
        table: of open alerts.
        silences: how many are active.
        truth: how fresh everything is.
        now_us: microseconds UTC.
    """
    counts, ends_us = table.counts, next_end(table)
    first, second, third = counts.by_priority
    ends = "" if ends_us is None else f"; the next acknowledgement ends in {ago(ends_us - now_us)}"
    lines = [
        f"{counts.open:,} open: {first:,} P1, {second:,} P2, {third:,} P3; {counts.standing:,} for longer than a day",
        f"{counts.acked:,} acknowledged{ends}",
        f"{silences:,} silence{'s' if silences != 1 else ''} hide {counts.silenced:,}",
    ]
    for layer in truth.layers:
        bad = [sign.name for sign in layer.signs if sign.state != "fresh"]
        if bad:
            more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
            lines.append(f"{layer.name} not as they should be: {', '.join(bad[:_NAMED])}{more}")
        elif layer.state != "fresh":
            lines.append(layer.says)
    return tuple(lines)
