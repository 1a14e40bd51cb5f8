"""What every channel promises to the notifier, and the notifier to every channel.

A channel carries one message to its recipients, once, now. It decides nothing: not whether to try again (it only says
whether that could help), not when, not what comes next. It does not sleep, and reads no clock but to measure its own
timeout.

The contract suite (``tests/sinks/test_contract.py``) runs over everything in :data:`CHANNELS`.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol

import msgspec
from pydantic import Field

from alerts.model import IncidentNote
from alerts.urgency import Urgency
from config.base import ComponentSettings
from config.components import Registry
from config.durations import US_PER_SECOND, DurationUs
from config.redaction import ChannelRedaction
from detectors.contract import AlertChange
from sinks.points import hosts_of
from sinks.words.sandbox import TemplateText


class Reason(StrEnum):
    """Why a try failed. A closed set: it is a label of metrics and part of the record."""

    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    BAD_RECIPIENT = "bad_recipient"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    TEMPLATE = "template"
    BREAKER_OPEN = "breaker_open"
    NO_RECEIPT = "no_receipt"
    INTERNAL = "internal"
    """A defect in our own code; the log has the traceback."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why something was not delivered.

    Attributes:
        permanent: the same again will fail again, so that only another tier can help.
        detail: in words, for people; never with a secret in it.
        ambiguous: it may have been delivered all the same (the answer got lost).
        retry_after_us: how long the far side asked to be left alone.
        retry_at_us: until when it asked so, by its own calendar, where it did not say what time it has.
    """

    reason: Reason
    permanent: bool
    detail: str
    ambiguous: bool = False
    retry_after_us: int | None = None
    retry_at_us: int | None = None


class DeliveryError(Exception):
    """A channel's way to say that it reached none of the recipients, for one reason."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.detail}")
        self.failure = failure


def transient(
    reason: Reason, detail: str, *, ambiguous: bool = False, retry_after_us: int | None = None
) -> DeliveryError:
    """Return an error that may pass by itself."""
    return DeliveryError(
        Failure(reason=reason, permanent=False, detail=detail, ambiguous=ambiguous, retry_after_us=retry_after_us)
    )


def permanent(reason: Reason, detail: str) -> DeliveryError:
    """Return an error that trying again does not help."""
    return DeliveryError(Failure(reason=reason, permanent=True, detail=detail))


Kind = Literal["group", "repeat", "escalation", "digest", "test"]
"""Why something is told: it changed; it goes on; nobody reacted; there was too much; to try the way."""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told to one receiver.

    Attributes:
        key: idempotency key: the same over tries, tiers and replicas.
        alerts: the changes that it tells, at least one, firing first.
        group_labels: what the alerts have in common.
        accepted_us: when the store took it.
        thread: what all notifications about the same alert (or group of alerts) to this receiver share: the name of the
            incident at a far side that keeps incidents. Empty: the key stands in for it.
        kind: why it is told.
        truncated: how many alerts it is about beyond ``alerts``.
        left_out: how many of these there are of what (``checkout``: 30), where that is known.
        notes: lines about its way (late, to the catch-all) that end every text.
        incident, urgency: where they are known.
        absorbed: how many notifications a digest stands for.
    """

    key: str
    receiver: str
    alerts: tuple[AlertChange, ...]
    group_labels: dict[str, str]
    accepted_us: int
    thread: str = ""
    kind: Kind = "group"
    truncated: int = 0
    left_out: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    incident: IncidentNote | None = None
    urgency: Urgency | None = None
    absorbed: int = 0

    @property
    def thread_key(self) -> str:
        """The name of the incident at a far side that keeps incidents."""
        return self.thread or self.key

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """``firing`` as long as one of its alerts is."""
        return "firing" if any(alert.status == "firing" for alert in self.alerts) else "resolved"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as one channel shows it.

    Attributes:
        title: one line. text: everything a person needs, in plain text; ends with ``notes``.
        body: the text without the notes, for channels that show these in a place of their own.
        links: addresses that do something, by what they do (``acknowledge``).
        notes: what went wrong on the way: which tiers failed and why, and whether this may have been delivered already.
        failure: why the channel's template did not render; ``title`` and ``text`` are then the plain ones.
        earlier: ``provider_id`` of this channel's first message of the thread, by recipient: for channels that update
            or answer it. Empty when there is none.
        report_url: where the far side is to say what became of it, if it does; empty: nobody listens, it is asked.
        answer_url: where it is to say what the person answered, if there is a way to; empty: nobody listens.
        code: how a person who answers names what it is about: its one alert (``K7F``), else its incident (``INC-7``).
            Empty: it has no short name, or nobody is to answer.
    """

    notification: Notification
    title: str
    text: str
    body: str = ""
    links: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    earlier: dict[str, str] = {}
    report_url: str = ""
    answer_url: str = ""
    code: str = ""

    @property
    def key(self) -> str:
        """The notification's idempotency key."""
        return self.notification.key


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the message for one recipient.

    Attributes:
        recipient: one of the channel's ``recipients``.
        outcome: ``delivered``; ``accepted``: taken over by a provider that reports later, if at all; ``failed``.
        provider_id: what the far side calls it.
        failure: why it failed; None otherwise.
    """

    recipient: str
    outcome: Literal["delivered", "accepted", "failed"]
    provider_id: str = ""
    failure: Failure | None = None


class Channel(Protocol):
    """One way to reach people. Used by several threads at once.

    Attributes:
        name: of its entry in ``channels:``.
        recipients: names of whom it reaches, at least one; shown in records, so never a secret (no URL with a token).
    """

    name: str
    recipients: tuple[str, ...]

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send to ``recipients`` (some of its own), taking no longer than about ``timeout_s``; one receipt for each.

        Raises:
            DeliveryError: when all failed for one reason. Any other exception is a defect.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class ChannelSettings(ComponentSettings):
    """What every channel's settings have. The key of the entry in ``channels:`` is the channel's name.

    Attributes:
        timeout: of one try.
        max_concurrent: tries at the same time; further ones wait, so that a slow channel cannot hold up the others.
        max_per_minute: messages per minute, by each notifier; further ones wait. None: no limit.
        breaker_failures: failed tries in a row after which the channel is left alone ...
        breaker_open_for: ... for that long; then one message probes it.
        title, text: templates in place of the standard words; see "Write messages" in the documentation.
        redaction: what personal data this channel sends, where that is not what the section ``redaction`` says.
    """

    keeps_state: ClassVar[bool] = False
    """Whether the far side keeps incidents that stay open until it hears of the resolve of each."""

    tells_code: ClassVar[bool] = False
    """Whether its messages tell people by which short code to name the alert when they answer."""

    timeout: DurationUs = Field(default=10 * US_PER_SECOND, ge=US_PER_SECOND // 100)
    max_concurrent: int = Field(default=4, ge=1, le=256)
    max_per_minute: int | None = Field(default=None, ge=1)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_open_for: DurationUs = Field(default=30 * US_PER_SECOND, ge=US_PER_SECOND // 100)
    title: TemplateText | None = None
    text: TemplateText | None = None
    redaction: ChannelRedaction | None = None

    def points_of_failure(self) -> frozenset[str]:
        """Return what the channel needs that can fail, in words: two with one in common can fail together.

        By default the hosts in its settings. Never a secret.
        """
        return hosts_of(self)


ChannelFactory = Callable[[str, Any], Channel]
"""``factory(name, settings) -> Channel``. Connects to nothing yet; reads no secret before the first ``send``."""

CHANNELS: Registry[ChannelFactory] = Registry("channel")
"""Every channel, filled when ``sinks.channels.catalogue`` imports the files beside it."""
