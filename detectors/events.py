"""The shapes of events, as detectors see them: CloudEvents 1.0 envelopes with typed data.

These are msgspec Structs, a tagged union on ``type``. ``pipeline.events`` decodes bytes into them; nothing here
decodes. They live in this folder, not in ``pipeline``, because detectors are written against them (ADR 0002).

Times are integer microseconds since 1970-01-01 UTC.

Events of feeds are in :data:`EVENT_CLASSES`. What case detectors conclude from them travels to window detectors as
events too, in :data:`DERIVED_CLASSES`: these are made inside, and no record can bring one.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

import msgspec

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
Unit = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class _NoLabels(dict[str, str]):
    """The labels of an event that has none: one object for all of them, which nobody can write to."""

    def __setitem__(self, name: str, value: str) -> None:
        msg = "the labels of an event cannot be changed; make a new event"
        raise TypeError(msg)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return dict, ()


NO_LABELS: dict[str, str] = _NoLabels()


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What the profile table knows about a customer. One object a customer, shared by that customer's events."""

    customer: str
    tier: str = ""
    lifetime_value: float | None = None
    language: str = ""
    contract: str = ""


class CaseData(msgspec.Struct, gc=False, frozen=True):
    """Data of ``crm.case.*``. ``to`` is the new value of a change (priority, group); ``reason`` a pause's name."""

    case_id: NonEmpty
    status: str | None = None
    priority: str | None = None
    queue: str | None = None
    service: str | None = None
    region: str | None = None
    channel: str | None = None
    to: str | None = None
    reason: str | None = None
    deadline: AwareTime | None = None
    sentiment: Unit | None = None
    text: str | None = None
    labels: dict[str, str] = NO_LABELS


class SurveyData(msgspec.Struct, gc=False, frozen=True):
    """Data of ``survey.response``. On ``scale``: ``nps`` 0-10, ``csat`` 1-5, ``ces`` 1-7, ``stars`` 1-5."""

    deadline: ClassVar[None] = None
    score: float | None = None
    scale: str | None = None
    case_id: str | None = None
    service: str | None = None
    region: str | None = None
    channel: str | None = None
    sentiment: Unit | None = None
    text: str | None = None
    labels: dict[str, str] = NO_LABELS


class TransactionData(msgspec.Struct, gc=False, frozen=True):
    """Data of ``transaction.*``. ``deadline`` is an absolute promise made to the customer (delivery by ...)."""

    sentiment: ClassVar[None] = None
    text: ClassVar[None] = None
    order_id: NonEmpty
    amount: float | None = None
    currency: str | None = None
    status: str | None = None
    latency_ms: float | None = None
    deadline: AwareTime | None = None
    service: str | None = None
    region: str | None = None
    channel: str | None = None
    labels: dict[str, str] = NO_LABELS


class SocialData(msgspec.Struct, gc=False, frozen=True):
    """Data of ``social.post``."""

    deadline: ClassVar[None] = None
    service: str | None = None
    region: str | None = None
    channel: str | None = None
    author: str | None = None
    sentiment: Unit | None = None
    text: str | None = None
    labels: dict[str, str] = NO_LABELS


class ConclusionData(msgspec.Struct, gc=False, frozen=True):
    """What a case detector concluded of one measurement of a promise.

    Attributes:
        case_id: the case, or the order.
        promise, kind: name of the promise in the settings, and its kind.
        cycle: number of the measurement, from 1.
        priority, queue: as they stood when it was concluded. For a handoff, ``queue`` is the one that was to accept.
        tier, service, region, channel: as they stood when the measurement began. Empty or None where unknown.
        elapsed_us: time spent, in the promise's own time: opening hours only, without pauses.
        real_us: time that had passed since the measurement began.
        labels: those of the case, and ``promise``, ``kind`` and ``priority``, so that one can group by these.
    """

    deadline: ClassVar[None] = None
    sentiment: ClassVar[None] = None
    text: ClassVar[None] = None
    case_id: str
    promise: str
    kind: str
    cycle: int = 1
    priority: str = ""
    tier: str = ""
    queue: str | None = None
    service: str | None = None
    region: str | None = None
    channel: str | None = None
    elapsed_us: int = 0
    real_us: int = 0
    labels: dict[str, str] = NO_LABELS

    @property
    def elapsed_s(self) -> float:
        """``elapsed_us`` in seconds."""
        return self.elapsed_us / 1e6

    @property
    def real_s(self) -> float:
        """``real_us`` in seconds."""
        return self.real_us / 1e6


Data = CaseData | SurveyData | TransactionData | SocialData | ConclusionData


class Envelope(msgspec.Struct, gc=False, kw_only=True):
    """What all events have. ``id`` and ``source`` identify an event; a repeat of both is dropped.

    Attributes:
        time: event time, with an offset.
        subject: the customer, or empty.
        sequence: the source's own order among events of equal time; 0 where it has none.
        rev: revision of the event: of two events of one ``id``, the higher revision counts.
        recordedtime: when the source recorded it (CloudEvents extension), where that is not ``time``.
        specversion: of CloudEvents. What another version means by its attributes is not known here.
        time_us: event time in microseconds; set by the decoder, never read from the wire.
        profile: the customer's profile; set by enrichment, never read from the wire.
    """

    id: NonEmpty
    source: NonEmpty
    time: AwareTime
    subject: str = ""
    sequence: Int64 = 0
    rev: Int64 = 0
    recordedtime: AwareTime | None = None
    specversion: Literal["1.0"] = "1.0"
    if TYPE_CHECKING:
        time_us: int = 0
        profile: Profile | None = None
    else:
        # To the decoder they can only ever be null: no record can bring a time or a profile of its own.
        time_us: None = msgspec.field(default=0, name="(makegood) time_us")
        profile: None = msgspec.field(default=None, name="(makegood) profile")


class CaseEvent(Envelope, gc=False):
    """``crm.case.<step>``: something happened to a case."""

    type: ClassVar[str]
    step: ClassVar[str]
    data: CaseData


class SurveyEvent(Envelope, gc=False, tag_field="type", tag="survey.response"):
    """``survey.response``: a customer answered a survey."""

    type: ClassVar[str] = "survey.response"
    step: ClassVar[str] = "response"
    data: SurveyData


class TransactionEvent(Envelope, gc=False):
    """``transaction.<step>``: something happened to an order or a payment."""

    type: ClassVar[str]
    step: ClassVar[str]
    data: TransactionData


class SocialEvent(Envelope, gc=False, tag_field="type", tag="social.post"):
    """``social.post``: somebody wrote about the company."""

    type: ClassVar[str] = "social.post"
    step: ClassVar[str] = "post"
    data: SocialData


class ConclusionEvent(Envelope, gc=False):
    """``promise.met``, ``promise.broken`` and ``case.resolved``: what a case detector concluded. Never from the wire.

    ``time`` is that of the conclusion, ``source`` the name of the detector's entry in the settings.
    """

    type: ClassVar[str]
    step: ClassVar[str]
    data: ConclusionData


Event = CaseEvent | SurveyEvent | TransactionEvent | SocialEvent | ConclusionEvent

CASE_STEPS = (
    "opened", "agent_reply", "auto_reply", "customer_message", "internal_note", "assigned", "accepted", "paused",
    "resumed", "priority_changed", "tier_changed", "calendar_changed", "updated", "resolved", "closed", "reopened",
    "cancelled", "merged", "split",
)  # fmt: skip
TRANSACTION_STEPS = (
    "purchased", "approved", "payment", "declined", "failed", "shipped", "delivered", "returned", "refunded",
    "cancelled", "updated",
)  # fmt: skip


def _tagged(base: type[Envelope], family: str, step: str) -> type[Envelope]:
    name = f"{family}.{step}"
    title = "".join(part.title() for part in name.replace("_", ".").split("."))
    namespace = {"__doc__": f"``{name}``.", "type": name, "step": step}
    made = msgspec.defstruct(
        title,
        (),
        bases=(base,),
        namespace=namespace,
        module=__name__,
        tag_field="type",
        tag=name,
        gc=False,
        kw_only=True,
    )
    return cast("type[Envelope]", made)


EVENT_CLASSES: dict[str, type[Envelope]] = {
    "survey.response": SurveyEvent,
    "social.post": SocialEvent,
    **{f"crm.case.{step}": _tagged(CaseEvent, "crm.case", step) for step in CASE_STEPS},
    **{f"transaction.{step}": _tagged(TransactionEvent, "transaction", step) for step in TRANSACTION_STEPS},
}
"""Every event type that feeds bring, by its CloudEvents ``type``."""

DERIVED_CLASSES: dict[str, type[Envelope]] = {
    "promise.met": _tagged(ConclusionEvent, "promise", "met"),
    "promise.broken": _tagged(ConclusionEvent, "promise", "broken"),
    "case.resolved": _tagged(ConclusionEvent, "case", "resolved"),
}
"""Every event type that case detectors conclude. Of one measurement of a promise there is one ``promise.met`` (it was
fulfilled in time) or one ``promise.broken``; both only where it was met first, and taken up again when the case was
reopened. Of a promise of resolution there is one ``case.resolved``, when it was first fulfilled, in time or not."""

ALL_CLASSES: dict[str, type[Envelope]] = {**EVENT_CLASSES, **DERIVED_CLASSES}
"""Every event type that detectors may ask for."""
