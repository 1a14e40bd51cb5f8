"""Alerts: listed, looked at, answered."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.control_log import ControlLog
from alerts.response_model import TEXT_MAX, Answer, Kind, ResponseError, Said
from alerts.responses import Responses
from config.matchers import Matcher, matchers_of, matches_all
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.answering import After, Key, Limit, once, page, place, shown
from dashboards.api.v1.shapes import (
    AccountOut,
    AlertDetailOut,
    AlertOut,
    AlertPage,
    AnswerOut,
    ChangeOut,
    NotificationOut,
    ResponseOut,
)
from dashboards.context import Context, context_of
from dashboards.errors import Refused
from dashboards.mirror import OpenAlert
from detectors.contract import AlertChange
from detectors.control import Control, VerdictGiven

router = APIRouter(prefix="/alerts", tags=["alerts"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
Fingerprint = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of the alert: 16 hexadecimal digits.")]
Text = Annotated[str, Field(max_length=TEXT_MAX, description="What else there is to say.")]
_STATES = Literal["open", "acknowledged", "suppressed", "resolved"]
_PLAIN = ConfigDict(extra="forbid")


class Saying(BaseModel):
    """What a response says."""

    model_config = _PLAIN
    text: Text = ""


class Acknowledging(Saying):
    """Taking an alert on."""

    minutes: int | None = Field(
        default=None, ge=1, le=43_200, description="For how long; null: as the settings say, else until it fires anew."
    )


class Commenting(BaseModel):
    """Saying something of an alert."""

    model_config = _PLAIN
    text: str = Field(min_length=1, max_length=TEXT_MAX)


class Assigning(Saying):
    """Giving an alert to somebody."""

    to: str = Field(min_length=1, max_length=200, description="A person or a schedule of the settings.")


class Judging(BaseModel):
    """Saying whether an alert was worth it."""

    model_config = _PLAIN
    verdict: Literal["useful", "noise"]
    note: Text = ""


class VerdictOut(BaseModel):
    """A verdict that was kept."""

    number: int
    detector: str
    fingerprint: str


@router.get("", response_model=AlertPage, summary="List alerts")
async def listed(
    request: Request,
    _who: Viewer,
    *,
    match: Annotated[
        list[str] | None, Query(max_length=20, description='Matchers, like service="pay" or region=~"eu.*".')
    ] = None,
    state: Annotated[list[_STATES] | None, Query(description="Only these; default: all that fire.")] = None,
    limit: Limit = 50,
    after: After = "",
) -> Response:
    """List alerts, the most urgent first, then the newest; resolved ones by their last change."""
    context = context_of(request)
    matchers = _matchers(match or ())
    states = frozenset(state or ("open", "acknowledged", "suppressed"))
    at = place(after, 3)
    if states == {"resolved"}:
        return shown(request, await _resolved(context, matchers, limit, at))
    if "resolved" in states:
        raise Refused(400, "state=resolved cannot be asked for together with others: ask twice")
    mirror, now_us = context.mirror, context.now_us()
    found = [
        one
        for one in mirror.alerts.values()
        if matches_all(matchers, one.labels) and (len(states) == 3 or mirror.state(one, now_us) in states)
    ]
    found.sort(key=_order)
    total = len(found)
    if at is not None:
        reached = (_number(at[0]), _number(at[1]), at[2])
        found = [one for one in found if _order(one) > reached]
    kept, more = page(found, limit, lambda one: tuple(str(part) for part in _order(one)))
    items = [AlertOut.of(one, mirror, now_us) for one in kept]
    return shown(request, AlertPage(items=items, next=more, total=total, seq=str(mirror.seq)))


@router.get("/{fingerprint}", response_model=AlertDetailOut, summary="Look at one alert")
async def one(request: Request, _who: Viewer, fingerprint: Fingerprint) -> Response:
    """Return an alert with its history, who was told, what became of each change, and what people said."""
    context = context_of(request)
    detail = await to_thread.run_sync(context.store.get, fingerprint)
    standing = await to_thread.run_sync(_responses(context).of, fingerprint)
    if detail is None:
        raise Refused(404, f"there is no alert {fingerprint} (any more): resolved ones are kept for a time")
    known = context.mirror.alerts.get(fingerprint)
    if known is not None:
        alert = AlertOut.of(known, context.mirror, context.now_us())
    else:
        alert = AlertOut.resolved(detail.current, _receivers(context, detail.current))
    answer = AlertDetailOut(
        alert=alert,
        history=[ChangeOut.of(one) for one in detail.history],
        notifications=[NotificationOut.of(one) for one in detail.notifications],
        accounts=[AccountOut.of(one) for one in detail.accounts],
        responses=[] if standing is None else [ResponseOut.of(one) for one in standing.responses],
    )
    return shown(request, answer)


@router.post("/{fingerprint}/acknowledge", response_model=AnswerOut, summary="Take an alert on")
async def acknowledge(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Acknowledging, key: Key = None
) -> Response:
    """Its escalation stops until the acknowledgement ends."""
    until_us = None if body.minutes is None else context_of(request).now_us() + body.minutes * 60_000_000
    return await _respond(request, who, fingerprint, "acknowledge", key, until_us=until_us, text=body.text)


@router.post("/{fingerprint}/unacknowledge", response_model=AnswerOut, summary="Take an acknowledgement back")
async def unacknowledge(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Saying, key: Key = None
) -> Response:
    """Whoever gave it: the escalation goes on."""
    return await _respond(request, who, fingerprint, "unacknowledge", key, text=body.text)


@router.post("/{fingerprint}/resolve", response_model=AnswerOut, summary="Resolve an alert by hand")
async def resolve(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Saying, key: Key = None
) -> Response:
    """Its episode stays resolved, whatever the detector says of it later; a new one fires as always."""
    return await _respond(request, who, fingerprint, "resolve", key, text=body.text)


@router.post("/{fingerprint}/comment", response_model=AnswerOut, summary="Say something of an alert")
async def comment(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Commenting, key: Key = None
) -> Response:
    """It changes nothing about the alert."""
    return await _respond(request, who, fingerprint, "comment", key, text=body.text)


@router.post("/{fingerprint}/assign", response_model=AnswerOut, summary="Give an alert to somebody")
async def assign(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Assigning, key: Key = None
) -> Response:
    """Give the alert's episode to a person or a schedule of the settings."""
    settings = context_of(request).settings
    if body.to not in settings.people and body.to not in settings.schedules:
        known = ", ".join(sorted([*settings.people, *settings.schedules])) or "none"
        raise Refused(422, f"there is no person or schedule {body.to!r}; there are: {known}")
    return await _respond(request, who, fingerprint, "reassign", key, to=body.to, text=body.text)


@router.post("/{fingerprint}/verdict", response_model=VerdictOut, summary="Say whether an alert was worth it")
async def verdict(
    request: Request, who: Responder, fingerprint: Fingerprint, body: Judging, key: Key = None
) -> Response:
    """Verdicts are counted: the rate of false alarms of each detector is estimated from them."""
    context = context_of(request)

    async def act() -> Response:
        detail = await to_thread.run_sync(context.store.get, fingerprint)
        if detail is None:
            raise Refused(404, f"there is no alert {fingerprint} (any more)")
        given = verdict_on(detail.current, body.verdict, by=who.name, note=body.note, now_us=context.now_us())

        def next_one(_log: list[Control]) -> Control:
            return given

        written = await to_thread.run_sync(ControlLog(context.store).append, next_one)
        await record(
            request,
            action=f"alert.{body.verdict}",
            object=f"alert:{fingerprint}",
            after={"verdict": body.verdict},
            why=body.note,
        )
        return shown(request, VerdictOut(number=written.number, detector=given.detector, fingerprint=fingerprint))

    return await once(request, who, key, act)


def verdict_on(
    change: AlertChange, said: Literal["useful", "noise"], *, by: str, note: str, now_us: int
) -> VerdictGiven:
    """Return a verdict about an alert's episode."""
    return VerdictGiven(
        fingerprint=change.fingerprint,
        starts_at_us=change.starts_at_us,
        detector=change.labels.get("rule") or change.labels.get("detector", ""),
        verdict=said,
        by=by,
        at_us=now_us,
        note=note,
    )


async def _respond(
    request: Request,
    who: Principal,
    fingerprint: str,
    kind: Kind,
    key: str | None,
    *,
    until_us: int | None = None,
    to: str = "",
    text: str = "",
) -> Response:
    """Give a response; sent again with the same key it has no effect: the store sees to that."""
    context = context_of(request)
    said = Said(id=_said_id(who, key), by=who.name, via="api", at_us=context.now_us())

    def give() -> Answer:
        return _responses(context).respond(fingerprint, kind, said, until_us=until_us, to=to, text=text)

    try:
        answer = await to_thread.run_sync(give)
    except ResponseError as error:
        raise Refused(422, str(error)) from error
    if answer.result == "unknown":
        raise Refused(404, f"there is no alert {fingerprint} (any more)")
    if answer.result == "done":
        after = {name: value for name, value in (("until_us", until_us), ("to", to), ("text", text)) if value}
        await record(request, action=f"alert.{kind}", object=f"alert:{fingerprint}", after=after, why=text)
    refused = answer.result in {"resolved", "not_acknowledged"}
    return shown(request, AnswerOut.of(answer), status=409 if refused else 200)


def _said_id(who: Principal, key: str | None) -> str:
    return f"api:{secrets.token_hex(12)}" if key is None else f"api:{who.name[:60]}:{key[:100]}"


def _responses(context: Context) -> Responses:
    return Responses(context.store, context.settings.responses)


def _receivers(context: Context, change: AlertChange) -> list[str]:
    return list(dict.fromkeys(place.match.receiver for place in context.mirror.places(change.labels)))


async def _resolved(context: Context, matchers: Sequence[Matcher], limit: int, at: tuple[str, ...] | None) -> AlertPage:
    records = await to_thread.run_sync(lambda: context.store.list_alerts(status="resolved", matchers=matchers))
    keyed = [((0, -one.current.at_us, one.current.fingerprint), one.current) for one in records]
    total = len(keyed)
    if at is not None:
        reached = (0, _number(at[1]), at[2])
        keyed = [one for one in keyed if one[0] > reached]
    kept, more = page(keyed, limit, lambda one: tuple(str(part) for part in one[0]))
    items = [AlertOut.resolved(change, _receivers(context, change)) for _, change in kept]
    return AlertPage(items=items, next=more, total=total, seq=str(context.mirror.seq))


def _order(alert: OpenAlert) -> tuple[int, int, str]:
    return alert.urgency.rank, -alert.change.starts_at_us, alert.fingerprint


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Refused(400, "after= is no place in this list: give `next` of the page before, as it was") from error


def _matchers(texts: Sequence[str]) -> Sequence[Matcher]:
    try:
        return matchers_of(texts)
    except ValueError as error:
        raise Refused(400, f"match: {error}") from error
