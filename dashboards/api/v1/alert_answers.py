"""What people say of alerts: they take them on, comment, assign, resolve, and judge them."""

import secrets
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.control_log import ControlLog
from alerts.response_model import TEXT_MAX, Answer, Kind, ResponseError, Said
from alerts.verdicts import give_verdict
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.alerts import Fingerprint, responses_of
from dashboards.api.v1.answering import Key, once, shown
from dashboards.api.v1.told_shapes import AnswerOut
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.people import must_be_known

router = APIRouter(prefix="/alerts", tags=["alerts"])
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]
Text = Annotated[str, Field(max_length=TEXT_MAX, description="What else there is to say.")]
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
    must_be_known(context_of(request).settings, body.to)
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
        now_us, log = context.now_us(), ControlLog(context.store)
        given = await to_thread.run_sync(
            lambda: give_verdict(log, detail.current, body.verdict, by=who.name, note=body.note, now_us=now_us)
        )
        await record(
            request,
            action=f"alert.{body.verdict}",
            object=f"alert:{fingerprint}",
            after={"verdict": body.verdict},
            why=body.note,
        )
        return shown(request, VerdictOut(number=given.number, detector=given.detector, fingerprint=fingerprint))

    return await once(request, who, key, act)


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
        return responses_of(context).respond(fingerprint, kind, said, until_us=until_us, to=to, text=text)

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
