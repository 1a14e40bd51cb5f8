"""Facts: what the clocks keep of an event.

Facts of one case sort by time, then the source's own sequence, then rank, then id, source and revision: the order in
which events of one instant are applied does not hang on how they arrived. Rank is *start < target change < reply or
accept < resolve < cancel < reopen < pause < resume*.

They are Structs that the garbage collector does not follow: a shard keeps millions of them.
"""

from datetime import datetime
from sys import intern
from typing import Any

import msgspec

from detectors.events import CASE_STEPS, EVENT_CLASSES, TRANSACTION_STEPS
from detectors.promises.openhours import to_us

RANKS: dict[str, int] = {
    **dict.fromkeys(("opened", "customer_message", "assigned", "split", "purchased"), 0),
    **dict.fromkeys(
        ("priority_changed", "tier_changed", "calendar_changed", "updated", "internal_note", "auto_reply", "approved",
         "payment"), 1
    ),
    **dict.fromkeys(("agent_reply", "accepted", "declined", "failed", "shipped"), 2),
    **dict.fromkeys(("resolved", "closed", "delivered", "returned", "refunded"), 3),
    **dict.fromkeys(("cancelled", "merged"), 4),
    "reopened": 5,
    "paused": 6,
    "resumed": 7,
}  # fmt: skip
"""Rank of every step."""


_OF_PROFILE = "(profile) "
"""Before the names of what stands among the labels of a case and is none of them: no format of states changes."""
PROFILE_FIELDS = ("language", "contract")


class About(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Who and what a case is about, as its first event says. Empty text where unknown."""

    customer: str = ""
    tier: str = ""
    value: float | None = None
    service: str = ""
    region: str = ""
    channel: str = ""
    labels: tuple[tuple[str, str], ...] = ()


class Fact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is kept of one event.

    Attributes:
        at_us: event time. ``to`` of the event stands in ``priority`` for ``priority_changed``, in ``queue`` for
            ``assigned``.
        about: only of events that may start a promise.
    """

    at_us: int
    sequence: int
    rank: int
    id: str
    source: str
    rev: int
    step: str
    status: str | None = None
    priority: str | None = None
    queue: str | None = None
    to: str | None = None
    reason: str | None = None
    deadline_us: int | None = None
    about: About | None = None


_FACT_ENCODER = msgspec.msgpack.Encoder()
_FACTS_DECODER = msgspec.msgpack.Decoder(list[Fact])
pack_fact = _FACT_ENCODER.encode
"""Returns the bytes of a fact. Those of several, one after another, are what :func:`unpack_facts` takes."""


_SHORT_LISTS = tuple(bytes((0x90 | count,)) for count in range(16))


def list_header(count: int) -> bytes:
    """Return what stands before the items of a list in msgpack.

    >>> [list_header(count).hex() for count in (2, 20, 70_000)]
    ['92', 'dc0014', 'dd00011170']
    """
    if count < 16:
        return _SHORT_LISTS[count]
    return b"\xdc" + count.to_bytes(2, "big") if count < 65_536 else b"\xdd" + count.to_bytes(4, "big")


def unpack_facts(count: int, packed: bytes) -> list[Fact]:
    """Return ``count`` facts from their bytes."""
    return _FACTS_DECODER.decode(list_header(count) + packed)


def place_of(fact: Fact) -> tuple[int, int, int, str, str, int]:
    """Return the place of a fact in the order of its case."""
    return (fact.at_us, fact.sequence, fact.rank, fact.id, fact.source, fact.rev)


def counts_before(fact: Fact, other: Fact) -> bool:
    """Say whether of two facts of one event ``other`` counts, or they are the same.

    The higher revision counts. Of one revision that was told in two ways the later in time counts, then the greater
    text: any rule will do, as long as the order of arrival does not matter.
    """
    if fact.rev != other.rev:
        return fact.rev < other.rev
    return (place_of(fact), repr(fact)) <= (place_of(other), repr(other))


class StepInfo(msgspec.Struct, frozen=True):
    """What the shard knows of an event class before it sees an event of it."""

    family: str
    step: str
    rank: int
    keeps_about: bool
    keeps_profile: bool = False


def step_infos(
    starting: dict[str, frozenset[str]], *, keep_all: bool = False, keeps_profile: bool = False
) -> dict[type, StepInfo]:
    """Return what is known of each event class.

    Args:
        starting: by family, the steps that may start a promise.
        keep_all: any event may.
        keeps_profile: keep of the customer's profile also what only window detectors group by.
    """
    infos: dict[type, StepInfo] = {}
    for family, prefix, steps in (("case", "crm.case.", CASE_STEPS), ("order", "transaction.", TRANSACTION_STEPS)):
        for step in steps:
            infos[EVENT_CLASSES[prefix + step]] = StepInfo(
                family, step, RANKS[step], keep_all or step in starting[family], keeps_profile
            )
    return infos


def about(event: Any) -> About:
    """Return who and what an event is about."""
    data, profile, labels = event.data, event.profile, event.data.labels
    tier = "" if profile is None else profile.tier
    return About(
        event.subject,
        tier or labels.get("tier", "") if labels else tier,
        None if profile is None else profile.lifetime_value,
        data.service or "",
        data.region or "",
        data.channel or "",
        tuple(sorted(labels.items())) if labels else (),
    )


def about_with_profile(event: Any) -> About:
    """Return who and what an event is about, with those fields of the profile that :func:`profile_labels` returns."""
    found, profile = about(event), event.profile
    if profile is None:
        return found
    more = [(_OF_PROFILE + name, getattr(profile, name)) for name in PROFILE_FIELDS if getattr(profile, name)]
    return msgspec.structs.replace(found, labels=(*found.labels, *more))


def profile_labels(who: About) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels of a case, and what was kept of the profile beside them, by field.

    >>> profile_labels(About(labels=(("plan", "gold"), ("(profile) language", "de"))))
    ({'plan': 'gold'}, {'language': 'de'})
    """
    if not who.labels:
        return {}, {}
    size = len(_OF_PROFILE)
    labels = {name: value for name, value in who.labels if not name.startswith(_OF_PROFILE)}
    return labels, {name[size:]: value for name, value in who.labels if name.startswith(_OF_PROFILE)}


def fact_of(event: Any, info: StepInfo) -> Fact:
    """Return what is kept of an event."""
    data = event.data
    source = intern(event.source)  # one text for millions of facts
    who = None
    if info.keeps_about:
        who = about_with_profile(event) if info.keeps_profile else about(event)
    deadline = data.deadline
    due_us = None if deadline is None else to_us(deadline)
    if info.family == "order":
        return Fact(
            event.time_us, event.sequence, info.rank, event.id, source, event.rev, info.step, data.status, None,
            None, None, None, due_us, who,
        )  # fmt: skip
    priority, queue, to = data.priority, data.queue, data.to
    if to is not None:
        if info.step == "priority_changed":
            priority = to
        elif info.step == "assigned":
            queue = to
    return Fact(
        event.time_us, event.sequence, info.rank, event.id, source, event.rev, info.step, data.status, priority,
        queue, to, data.reason, due_us, who,
    )  # fmt: skip


def is_from_future(event: Any, skew_us: int) -> bool:
    """Say whether an event claims to have happened later than it was recorded, by more than the skew allowance."""
    recorded: datetime | None = event.recordedtime
    return recorded is not None and event.time_us > to_us(recorded) + skew_us
