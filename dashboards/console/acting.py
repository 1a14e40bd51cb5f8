"""The addresses of acts: forms of the inbox and of the alert's page come here."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from anyio import move_on_after, to_thread
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from alerts.changelog import ChangeLog, Seq, seq_of
from alerts.connection import StoreError, StoreUnavailableError
from alerts.response_model import NAME_MAX, TEXT_MAX, ResponseError
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.console.acts import KINDS, Wish, acts_of, new_id
from dashboards.console.groups import Group
from dashboards.console.inbox import SIZE, groups_of, selected
from dashboards.console.judging import MOST_AT_ONCE, judged
from dashboards.console.leading import declared, known_person
from dashboards.console.outcome import Act, Outcome
from dashboards.console.query import QueryError, parse, written
from dashboards.console.shell import local_path
from dashboards.console.state import console_of
from dashboards.console.table import Row
from dashboards.console.templating import is_part, lead, page
from dashboards.context import Context, context_of
from dashboards.errors import Refused

_WAIT_S, _LOOK_S = 1.0, 0.05
_MOST_ROWS = 2000
_MOST_MINUTES = 7 * 24 * 60
_SURE_ABOVE = SIZE
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
router = APIRouter()


class _Form(NamedTuple):
    """What was sent, checked.

    Attributes:
        keys: of the rows that were chosen; None: all that match.
        seq: the place in the log up to which the view was read.
        expected: how many alerts it showed.
    """

    act: str
    keys: frozenset[str] | None
    q: str
    state: str
    view: str
    seq: Seq
    expected: int | None
    minutes: int | None
    to: str
    text: str
    back: str
    nonce: str
    sure: bool


@router.post("/acts", include_in_schema=False)
async def act(request: Request, who: Responder) -> Response:
    """Do something about the alerts that were chosen, as they were seen."""
    context = context_of(request)
    form = _read(await request.form(), who)
    groups, later = _chosen(request, who, form)
    rows = [row for group in groups for row in group.rows]
    if form.act == "silence":
        return lead(request, f"/silences/new?{urlencode({'m': written(_common(rows))})}")
    if form.act not in {*KINDS, "incident", "noise"}:
        raise Refused(400, f"there is no act {form.act!r}")
    if not rows:
        raise Refused(409, "none of what was chosen is still there: look at the list again")
    if form.act == "noise" and len(rows) > MOST_AT_ONCE:
        raise Refused(422, f"at most {MOST_AT_ONCE} alerts are marked as noise at once: these are {len(rows)}")
    if form.act == "incident":
        return await declared(request, who, rows, form.text)
    if not form.sure and (form.act == "resolve" or (form.keys is None and len(groups) > _SURE_ABOVE)):
        hidden = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
        return await page(
            request,
            "sure.html",
            active="inbox",
            part="sure_part.html",
            title="Are you sure?",
            form=form,
            alerts=len(rows),
            groups=len(groups),
            off_page=max(0, len(groups) - _SURE_ABOVE),
            hidden=[(name, value) for name, value in hidden if name not in {"csrf_token", "sure"}],
        )
    if form.act == "assign":
        known_person(context, who, form.to)
    gone = 0 if form.keys is not None or form.expected is None else max(0, form.expected - len(rows))
    wish = Wish(form.nonce, cast("Act", form.act), who.name, context.now_us(), form.minutes, form.to, form.text)
    try:
        if form.act == "noise":
            outcome = await to_thread.run_sync(judged, context.store, wish, rows, later, gone)
            acts_of(request).keep(outcome)
        else:
            outcome = await to_thread.run_sync(acts_of(request).do, wish, rows, later, gone)
    except ResponseError as error:
        raise Refused(422, str(error)) from error
    await _note(request, outcome, rows, form)
    if outcome.done:
        await caught_up(context)
    return await _told(request, outcome, form.back)


@router.post("/undo", include_in_schema=False)
async def undo(request: Request, who: Responder) -> Response:
    """Take back the last act, within ten seconds."""
    context, acts, form = context_of(request), acts_of(request), await request.form()
    outcome, now_us = acts.told(str(form.get("id", ""))), context.now_us()
    if outcome is None or outcome.by != who.name:
        raise Refused(404, "there is nothing of yours to undo")
    if not outcome.undoable(now_us, grace_us=5_000_000):
        raise Refused(409, "it can be undone for ten seconds; now acknowledge or assign anew")
    undone = await to_thread.run_sync(acts.undo, outcome, who.name, now_us)
    objects = [f"alert:{change.fingerprint}" for change in outcome.changes]
    await record(
        request,
        action="alert.undo",
        object=objects[0] if len(objects) == 1 else "alerts",
        before={"act": outcome.act, "id": outcome.id},
        after={"alerts": objects[:100]},
        count=max(1, undone.done),
    )
    if undone.done:
        await caught_up(context)
    return await _told(request, undone, local_path(str(form.get("back", "/inbox"))))


async def caught_up(context: Context) -> None:
    """Wait until the mirror has what the store has now, so that who acted sees it; but not for long."""
    mirror = context.mirror
    try:
        last = await to_thread.run_sync(ChangeLog(context.store).last)
    except (StoreUnavailableError, StoreError):
        return  # the page says so
    with move_on_after(_WAIT_S):
        while mirror.seq < last:
            await mirror.wait(mirror.version, _LOOK_S)


def _read(given: FormData, who: Principal) -> _Form:
    def text(name: str, most: int = 2000) -> str:
        value = given.get(name, "")
        return value[:most] if isinstance(value, str) else ""

    name, _, one = text("act").partition(":")
    rows = [value for value in given.getlist("row") if isinstance(value, str)]
    if len(rows) > _MOST_ROWS:
        raise Refused(400, f"at most {_MOST_ROWS} rows at once: choose all that match instead")
    try:
        seq = seq_of(text("view_seq"))
        expected = int(text("expected_count")) if text("expected_count") else None
        minutes = int(text("minutes")) if text("minutes") else None
    except ValueError as error:
        raise Refused(400, "the form is not complete: load the page again") from error
    if minutes is not None and not 1 <= minutes <= _MOST_MINUTES:
        raise Refused(422, f"an acknowledgement holds for 1 to {_MOST_MINUTES} minutes")
    to, line = text("to", NAME_MAX).strip(), text("line") or text("incident_line")
    if line:  # of a storm: all that a query of ours finds
        name, one, rows, expected = "incident" if text("incident_line") else "acknowledge", "", [], None
    if name == "mine":
        name, to = "assign", who.name
    return _Form(
        act=name,
        keys=frozenset([one]) if one else None if line or text("whole") == "1" else frozenset(rows),
        q=line or text("q"),
        state="open" if line else text("state") or "open",
        view="alerts" if line else text("view"),
        seq=seq,
        expected=expected,
        minutes=minutes,
        to=to,
        text=text("text", TEXT_MAX).strip(),
        back=local_path(text("back") or "/inbox"),
        nonce=text("nonce", 64) or new_id(),
        sure=text("sure") == "1",
    )


def _chosen(request: Request, who: Principal, form: _Form) -> tuple[list[Group], int]:
    """Return what was chosen of what the view showed, and how many match that it did not show."""
    context = context_of(request)
    table = console_of(request).tables.now(context.now_us())
    try:
        asked = parse(form.q, who.name, table.at_us)
    except QueryError as error:
        raise Refused(400, str(error)) from error
    groups = groups_of(selected(table, asked, form.state), form.view)
    if form.keys is not None:
        groups = [group for group in groups if group.key in form.keys]
    seen = [group._replace(rows=tuple(row for row in group.rows if row.alert.since <= form.seq)) for group in groups]
    later = sum(len(group.rows) for group in groups) - sum(len(group.rows) for group in seen)
    return [group for group in seen if group.rows], later


def _common(rows: Sequence[Row]) -> dict[str, str]:
    """Return the labels that all have."""
    if not rows:
        return {}
    shared = set.intersection(*(set(row.alert.labels.items()) for row in rows))
    return dict(sorted(shared))


async def _note(request: Request, outcome: Outcome, rows: Sequence[Row], form: _Form) -> None:
    if not outcome.done:
        return
    prints = [change.fingerprint for change in outcome.changes]
    after = {
        "id": outcome.id,
        "done": outcome.done,
        "skipped": outcome.skipped,
        **({"minutes": form.minutes} if form.minutes is not None else {}),
        **({"to": form.to} if form.to else {}),
        **({"text": form.text} if form.text else {}),
        **({"alerts": prints[:200]} if len(prints) > 1 else {}),
        **({"query": form.q, "seq": str(form.seq)} if form.keys is None else {}),
    }
    await record(
        request,
        action=f"alert.{KINDS.get(outcome.act, outcome.act)}",
        object=f"alert:{prints[0]}" if len(rows) == 1 else "alerts",
        after=after,
        why=form.text,
        count=outcome.done,
    )


async def _told(request: Request, outcome: Outcome, back: str) -> Response:
    if is_part(request):
        return await page(request, "said.html", active="", said=outcome, back=back)
    parts = urlsplit(back)
    earlier = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "said"]
    query = urlencode([*earlier, ("said", outcome.id)])
    return RedirectResponse(urlunsplit(("", "", parts.path, query, "")), 303)
