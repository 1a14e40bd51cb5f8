"""What the API answers of alerts, as the OpenAPI document describes it. Times are RFC 3339 in UTC."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from alerts.muting import Mute
from alerts.response_model import Acknowledgement
from dashboards.api.v1.shapes import time_text
from dashboards.api.v1.told_shapes import AccountOut, NotificationOut, ResponseOut
from dashboards.mirror import Mirror, OpenAlert
from dashboards.priority import Priority, priority
from detectors.contract import AlertChange


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


class AlertDetailOut(BaseModel):
    """An alert with everything that is known of it."""

    alert: AlertOut
    history: list[ChangeOut]
    notifications: list[NotificationOut]
    accounts: list[AccountOut]
    responses: list[ResponseOut]


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
