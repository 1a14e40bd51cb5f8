"""The alert's life as data: changes in their JSON form, their order, and what an alert is now."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from alerts.urgency import Urgency
from detectors.contract import AlertChange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET_US = 2**62
_STEP_RANKS = {
    "firing": 0, "suspected": 0, "confirmed": 1, "updated": 2, "resolved": 5, "corrected": 6, "reinstated": 6,
    "closed": 7, "moved": 8, "retracted": 8,
}  # fmt: skip
_OTHER_STEP_RANK = 3
CLOSED = "closed"
"""The step by which a person resolves an episode. It stays the episode's state, whatever its detector says later."""
_COUNTED = frozenset({"updated", "corrected", "reinstated"})
"""Steps that may come several times within one round of an episode: the number behind their name counts them."""
Status = Literal["firing", "resolved"]
TryOutcome = Literal["delivered", "accepted", "partly", "failed"]


def rfc3339(time_us: int) -> str:
    """Return a time as RFC 3339 in UTC, exact to the microsecond and of fixed width (so that it sorts as text).

    Raises:
        OverflowError: for times outside the years 1 to 9999.

    >>> rfc3339(1_424_520_000_000_001)
    '2015-02-21T12:00:00.000001Z'
    """
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def to_json(change: AlertChange) -> dict[str, Any]:
    """Return the public JSON form of a change: Alertmanager's fields, RFC 3339 times, ``endsAt`` null while firing."""
    return {
        "status": change.status,
        "labels": dict(change.labels),
        "annotations": dict(change.annotations),
        "startsAt": rfc3339(change.starts_at_us),
        "endsAt": None if change.ends_at_us is None else rfc3339(change.ends_at_us),
        "fingerprint": change.fingerprint,
    }


def step_order(step: str) -> tuple[int, int, int]:
    """Return a key that sorts the steps of one episode as they happen: by round, then by what follows what.

    Several steps of an episode can have one ``at_us``: a watermark that stands still while late knowledge comes in.
    Whoever sorts them otherwise takes a breach that was retracted and came back for one that is still retracted.

    >>> sorted(["resolved", "suspected:2", "reinstated:1", "confirmed:2", "retracted", "suspected"], key=step_order)
    ['suspected', 'resolved', 'reinstated:1', 'retracted', 'suspected:2', 'confirmed:2']
    """
    name, *texts = step.split(":")
    numbers = [int(text) if text.isdecimal() and len(text) <= 9 else 0 for text in texts]
    count = numbers.pop(0) if numbers and name in _COUNTED else 0
    return (numbers[0] if numbers else 1, _STEP_RANKS.get(name, _OTHER_STEP_RANK), count)


def order_key(change: AlertChange) -> str:
    """Return a text that sorts as the changes of an alert happened: by ``at_us``, episode, step, id.

    Fixed width and digits only (the id at the end apart), because scripts in Redis compare it as text: their numbers
    are doubles, which are not exact for microseconds after the year 2255.
    """
    round_, rank, count = step_order(change.step)
    at, starts = change.at_us + _OFFSET_US, change.starts_at_us + _OFFSET_US
    return f"{at:020d}{starts:020d}{round_:09d}{rank:01d}{count:09d}{change.change_id}"


def episode_key(change: AlertChange) -> str:
    """Return the name of the change's episode, which sorts as episodes begin."""
    return f"{change.starts_at_us + _OFFSET_US:020d}"


Verdict = Literal["told", "known", "replaced", "muted", "unwanted", "never_told"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change in one group.

    Attributes:
        group: name of the group.
        verdict: ``told``; ``known`` (the receiver had been told just that); ``replaced`` (a later change of the alert
            was told in its place); ``muted``; ``unwanted`` (the receiver takes no resolves); ``never_told`` (it
            resolved before it was told).
        by: of ``told``: the notification's key; of ``muted``: what hid it, in words.
    """

    change_id: str
    receiver: str
    group: str
    verdict: Verdict
    by: str = ""
    at_us: int = 0


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try to tell somebody, or one reason why it was not tried, as recorded.

    Attributes:
        tier: from 1. channel: its name. recipients: whom the try was for.
        outcome: ``delivered``, ``accepted`` (by a provider: what became of it, the receipts say, where it sends them),
            ``partly`` (some recipients) or ``failed``.
        reason: of a failure, out of :class:`sinks.contract.Reason`; empty otherwise. detail: in words, without secrets.
        permanent: whether trying the same again is useless.
        at_us: when it began; took_us: how long it took; of the notifier's clock.
        reached: recipients for whom it succeeded; those whose receipt is waited for are not among them.
        provider_ids: what the far side calls it, by recipient.
        plain: the template did not render and plain text went out instead.
    """

    tier: int
    channel: str
    outcome: TryOutcome
    reason: str = ""
    detail: str = ""
    permanent: bool = False
    at_us: int
    took_us: int = 0
    recipients: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    provider_ids: dict[str, str] = {}
    plain: bool = False


ReceiptOutcome = Literal["accepted", "delivered", "failed"]
ReceiptWay = Literal["callback", "asked", "phone"]


class ReceiptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a far side said, after it had taken a message over, about what became of it for one recipient.

    Attributes:
        channel, recipient: of the message. provider_id: what the far side calls it.
        status: in the far side's word (``undelivered``). outcome: what that means.
        reason, detail: of a failure, as in :class:`Try`.
        at_us: when it was said to us; of our clock.
        via: ``callback``: it said so by itself. ``asked``. ``phone``: the called person pressed a digit.
    """

    channel: str
    recipient: str
    provider_id: str
    status: str
    outcome: ReceiptOutcome
    reason: str = ""
    detail: str = ""
    at_us: int
    via: ReceiptWay = "callback"


NotificationKind = Literal["group", "repeat", "escalation", "digest", "test"]


class IncidentNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says about the incident that its alerts belong to.

    Attributes:
        title: in words. alerts: how many belong to it. customers: how many different ones these are about, as far as
            they say so.
        evidence: what each feed shows, a line each.
        blind: feeds that are silent: what they would show is not known.
    """

    id: str
    title: str = ""
    alerts: int = 0
    customers: int = 0
    evidence: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a notification is to say, as it was decided. Its receiver and its key are beside it in the store.

    Attributes:
        alerts: current changes of the group's alerts, firing first; at most as many as the receiver's ``max_alerts``.
        group: name of the group: Alertmanager's key of the route, and the values of its labels.
        thread: the same for all notifications about the group, from its first firing to its resolve.
        changes: ids of the changes that it tells.
        truncated: how many alerts of the group are not in ``alerts``, by service, else by name.
        notes: lines that belong under the text, such as why a step of an escalation was taken.
        incident: the one that its first alert belongs to. urgency: of what it tells.
        absorbed: of a digest: how many notifications it stands for.
    """

    kind: NotificationKind
    alerts: tuple[AlertChange, ...]
    group_labels: dict[str, str]
    group: str
    thread: str
    changes: tuple[str, ...] = ()
    truncated: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    incident: IncidentNote | None = None
    urgency: Urgency | None = None
    absorbed: int = 0


class NotificationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one notification: what it tells, to whom, how it stands, every try.

    Attributes:
        key: idempotency key, the same over tries, tiers and replicas. changes: ids of what it tells.
        group: name of the group of alerts that it is about.
        status: ``pending``, ``delivered``, ``digested`` (a digest stands for it) or ``skipped``.
        undelivered: every tier has failed at least once and none has delivered yet.
        receipts: what far sides said later of what they had accepted, in order of arrival.
    """

    key: str
    kind: NotificationKind = "group"
    changes: tuple[str, ...]
    group: str = ""
    receiver: str
    status: str
    undelivered: bool
    accepted_us: int
    done_us: int | None
    note: str
    tries: list[Try]
    receipts: list[ReceiptRecord] = []


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is now: its current change, and how many were applied."""

    current: AlertChange
    changes: int


class AlertDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An alert with all its changes, in their order, all its notifications, and what became of each change."""

    current: AlertChange
    history: list[AlertChange]
    notifications: list[NotificationRecord]
    accounts: list[Account] = []
