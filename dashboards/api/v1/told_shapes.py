"""What the API answers of who was told of an alert, and what people said of it."""

from pydantic import BaseModel, Field

from alerts.model import Account, NotificationRecord
from alerts.response_model import Answer, Response
from dashboards.api.v1.shapes import time_text


class TryOut(BaseModel):
    """One try to tell somebody."""

    tier: int
    channel: str
    outcome: str
    reason: str
    detail: str
    at: str | None
    took_ms: float
    recipients: list[str]


class NotificationOut(BaseModel):
    """One notification about an alert."""

    key: str
    kind: str
    receiver: str
    group: str
    status: str
    undelivered: bool
    accepted_at: str | None
    done_at: str | None
    note: str
    tries: list[TryOut]

    @classmethod
    def of(cls, one: NotificationRecord) -> "NotificationOut":
        """Return it as it is answered."""
        return cls(
            key=one.key,
            kind=one.kind,
            receiver=one.receiver,
            group=one.group,
            status=one.status,
            undelivered=one.undelivered,
            accepted_at=time_text(one.accepted_us),
            done_at=time_text(one.done_us),
            note=one.note,
            tries=[
                TryOut(
                    tier=each.tier,
                    channel=each.channel,
                    outcome=each.outcome,
                    reason=each.reason,
                    detail=each.detail,
                    at=time_text(each.at_us),
                    took_ms=each.took_us / 1000,
                    recipients=list(each.recipients),
                )
                for each in one.tries
            ],
        )


class AccountOut(BaseModel):
    """What became of a change in one group: why somebody was told, or not."""

    change: str
    receiver: str
    group: str
    verdict: str
    by: str
    at: str | None

    @classmethod
    def of(cls, one: Account) -> "AccountOut":
        """Return it as it is answered."""
        return cls(
            change=one.change_id,
            receiver=one.receiver,
            group=one.group,
            verdict=one.verdict,
            by=one.by,
            at=time_text(one.at_us),
        )


class ResponseOut(BaseModel):
    """What somebody said of an alert."""

    number: int
    kind: str
    by: str
    via: str
    at: str | None
    until: str | None
    to: str
    text: str

    @classmethod
    def of(cls, one: Response) -> "ResponseOut":
        """Return it as it is answered."""
        return cls(
            number=one.number,
            kind=one.kind,
            by=one.by,
            via=one.via,
            at=time_text(one.at_us),
            until=time_text(one.until_us),
            to=one.to,
            text=one.text,
        )


class AnswerOut(BaseModel):
    """What became of a response to an alert."""

    fingerprint: str
    result: str = Field(description="done, repeated, unknown, resolved, not_acknowledged or another_episode.")
    response: ResponseOut | None

    @classmethod
    def of(cls, one: Answer) -> "AnswerOut":
        """Return it as it is answered."""
        said = None if one.response is None else ResponseOut.of(one.response)
        return cls(fingerprint=one.fingerprint, result=one.result, response=said)
