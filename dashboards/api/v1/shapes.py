"""What the API answers with, as the OpenAPI document describes it. Times are RFC 3339 in UTC."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from alerts.incident_model import Incident
from alerts.model import Account, NotificationRecord, rfc3339
from alerts.muting import Mute
from alerts.response_model import Acknowledgement, Answer, Response
from dashboards.mirror import Mirror, OpenAlert
from dashboards.priority import Priority, priority
from detectors.contract import AlertChange


def time_text(time_us: int | None) -> str | None:
    """Return a time as it is written in answers."""
    return None if time_us is None else rfc3339(time_us)


class MuteOut(BaseModel):
    """Something that hides an alert."""

    kind: str = Field(description="inhibited, silenced or maintenance.")
    by: str = Field(description="The rule's number, the silence's id, or the window's name.")
    detail: str
    until: str | None

    @classmethod
    def of(cls, mute: Mute) -> "MuteOut":
        """Return it as it is answered."""
        return cls(kind=mute.kind, by=mute.by, detail=mute.detail, until=time_text(mute.until_us))


class AcknowledgementOut(BaseModel):
    """Who has an alert in hand."""

    by: str
    at: str | None
    until: str | None = Field(description="When it counts as open again; null: when it fires anew.")
    via: str

    @classmethod
    def of(cls, one: Acknowledgement) -> "AcknowledgementOut":
        """Return it as it is answered."""
        return cls(by=one.by, at=time_text(one.at_us), until=time_text(one.until_us), via=one.via)


class AlertOut(BaseModel):
    """An alert as it is now."""

    fingerprint: str
    status: Literal["firing", "resolved"]
    state: Literal["open", "acknowledged", "suppressed", "resolved"]
    priority: Priority | None = Field(description="1: page now, 2: this shift, 3: this week; null: it has resolved.")
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str | None
    ends_at: str | None
    changed_at: str | None = Field(description="Event time of its newest change.")
    step: str
    receivers: list[str]
    muted_by: list[MuteOut]
    acknowledgement: AcknowledgementOut | None
    assigned_to: str | None
    incident: int | None
    since: str | None = Field(description="Place in the store's log since which it fires; compare with `seq`.")

    @classmethod
    def of(cls, alert: OpenAlert, mirror: Mirror, now_us: int) -> "AlertOut":
        """Return an alert that fires."""
        held = alert.acknowledgement if alert.acknowledged(now_us) else None
        return cls(
            **_change(alert.change),
            state=mirror.state(alert, now_us),
            priority=priority(alert.urgency.rank),
            receivers=list(alert.receivers),
            muted_by=[MuteOut.of(one) for one in mirror.mutes(alert.fingerprint, now_us)],
            acknowledgement=None if held is None else AcknowledgementOut.of(held),
            assigned_to=None if alert.assignment is None else alert.assignment.to,
            incident=alert.incident,
            since=str(alert.since),
        )

    @classmethod
    def resolved(cls, change: AlertChange, receivers: list[str]) -> "AlertOut":
        """Return an alert that does not fire."""
        return cls(
            **_change(change),
            state="resolved",
            priority=None,
            receivers=receivers,
            muted_by=[],
            acknowledgement=None,
            assigned_to=None,
            incident=None,
            since=None,
        )


class AlertPage(BaseModel):
    """A page of alerts."""

    items: list[AlertOut]
    next: str | None
    total: int = Field(description="How many fit the question.")
    seq: str = Field(description="Place in the store's log that this list is as of.")


class ChangeOut(BaseModel):
    """One step in the life of an alert."""

    id: str
    step: str
    status: str
    at: str | None
    starts_at: str | None
    annotations: dict[str, str]

    @classmethod
    def of(cls, change: AlertChange) -> "ChangeOut":
        """Return it as it is answered."""
        return cls(
            id=change.change_id,
            step=change.step,
            status=change.status,
            at=time_text(change.at_us),
            starts_at=time_text(change.starts_at_us),
            annotations=change.annotations,
        )


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


class AlertDetailOut(BaseModel):
    """An alert with everything that is known of it."""

    alert: AlertOut
    history: list[ChangeOut]
    notifications: list[NotificationOut]
    accounts: list[AccountOut]
    responses: list[ResponseOut]


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


class IncidentOut(BaseModel):
    """Alerts that belong together."""

    number: int
    name: str
    title: str
    status: str
    severity: str
    about: dict[str, str]
    customers: int
    alerts: int
    firing: int
    evidence: list[str]
    blind: list[str]
    first_at: str | None
    last_at: str | None
    ended_at: str | None
    linked: list[int]

    @classmethod
    def of(cls, one: Incident) -> "IncidentOut":
        """Return it as it is answered."""
        return cls(
            number=one.number,
            name=one.name,
            title=one.title,
            status=one.status,
            severity=one.severity,
            about=one.about,
            customers=one.customers,
            alerts=one.alerts,
            firing=one.firing,
            evidence=list(one.evidence_lines),
            blind=list(one.blind_lines),
            first_at=time_text(one.first_us),
            last_at=time_text(one.last_us),
            ended_at=time_text(one.ended_us),
            linked=list(one.linked),
        )


def _change(change: AlertChange) -> dict[str, Any]:
    return {
        "fingerprint": change.fingerprint,
        "status": change.status,
        "labels": change.labels,
        "annotations": change.annotations,
        "starts_at": time_text(change.starts_at_us),
        "ends_at": time_text(change.ends_at_us),
        "changed_at": time_text(change.at_us),
        "step": change.step,
    }
