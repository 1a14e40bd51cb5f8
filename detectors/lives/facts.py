"""Facts: what a life keeps of an event.

The facts of a life sort by time, then the source's own sequence, then rank, then id, source and revision, so the order
in which facts of one instant are applied does not hang on how they arrived.
"""

from collections.abc import Collection, Iterable
from sys import intern
from typing import Any

import msgspec

from detectors.events import CaseData, Event, SurveyData
from detectors.promises.facts import RANKS, is_from_future
from detectors.promises.openhours import to_us

__all__ = ["Fact", "PlainStep", "Who", "counts_before", "fact_of", "is_from_future", "place_of", "plain_steps"]
_ANSWER_RANK = 8
_NOBODY: tuple[tuple[str, str], ...] = ()


class Who(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Whom an event is about, and where it belongs. Empty text where unknown."""

    customer: str = ""
    tier: str = ""
    contract: str = ""
    value: float | None = None
    service: str = ""
    region: str = ""
    priority: str = ""


NOBODY = Who()


class Fact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is kept of one event.

    Attributes:
        at_us: event time. edited_us: when the source wrote this revision down; the event time where it does not say.
        step: the last part of the type: ``opened``, ``agent_reply``, ``response``, ``post``, ...
        labels: those that the detector asks for, sorted.
        text: what the customer wrote, where the detector asks for it; cut short.
    """

    at_us: int
    sequence: int
    rank: int
    id: str
    source: str
    rev: int
    step: str
    edited_us: int
    case_id: str = ""
    status: str | None = None
    to: str | None = None
    reason: str | None = None
    queue: str | None = None
    channel: str = ""
    deadline_us: int | None = None
    score: float | None = None
    scale: str | None = None
    sentiment: float | None = None
    labels: tuple[tuple[str, str], ...] = _NOBODY
    text: str = ""
    who: Who = NOBODY

    def label(self, name: str) -> str:
        """Return a label; empty where it is not there or was not asked for."""
        for key, value in self.labels:
            if key == name:
                return value
        return ""


def fact_of(event: Any, labels: Collection[str], quote: int) -> Fact:
    """Return what is kept of an event.

    Args:
        event: of any type.
        labels: names of the labels that are kept.
        quote: how many characters of its text are kept.
    """
    data, profile = event.data, event.profile
    step, at_us, recorded, deadline, given = event.step, event.time_us, event.recordedtime, data.deadline, data.labels
    kind = data.__class__
    if kind is CaseData:
        priority, case_id = data.priority or "", data.case_id
        status, to, reason, queue = data.status, data.to, data.reason, data.queue
    else:
        priority, case_id = "", getattr(data, "case_id", None) or ""
        status = to = reason = queue = None
    score, scale = (data.score, data.scale) if kind is SurveyData else (None, None)
    sentiment, text = data.sentiment, data.text if quote else None
    if profile is None and not given:
        who = Who(event.subject, "", "", None, data.service or "", data.region or "", priority)
    else:
        who = _who(event, priority)
    # By position: this runs for every event about a customer, and names cost a third more.
    return Fact(
        at_us,
        event.sequence,
        RANKS.get(step, _ANSWER_RANK),
        event.id,
        intern(event.source),
        event.rev,
        step,
        at_us if recorded is None else max(at_us, to_us(recorded)),
        case_id,
        status,
        to,
        reason,
        queue,
        data.channel or "",
        None if deadline is None else to_us(deadline),
        None if score is None else float(score),
        scale,
        None if sentiment is None else float(sentiment),
        tuple(sorted((name, given[name]) for name in labels if given.get(name))) if given else _NOBODY,
        shortened(text, quote) if text else "",
        who,
    )


class PlainStep(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A step of a case as it is kept of one without labels, text, deadline, time of recording and profile: most."""

    key: str
    at_us: int
    sequence: int
    rev: int
    id: str
    source: str
    step: str
    subject: str
    case_id: str
    status: str | None
    to: str | None
    reason: str | None
    queue: str | None
    service: str | None
    region: str | None
    channel: str | None
    priority: str | None
    sentiment: float | None

    def fact(self) -> Fact:
        """Return what :func:`fact_of` makes of it."""
        return Fact(
            self.at_us, self.sequence, RANKS.get(self.step, _ANSWER_RANK), self.id, intern(self.source), self.rev,
            self.step, self.at_us, self.case_id, self.status, self.to, self.reason, self.queue, self.channel or "",
            sentiment=self.sentiment,
            who=Who(self.subject, service=self.service or "", region=self.region or "", priority=self.priority or ""),
        )  # fmt: skip


def plain_steps(keys: Iterable[str], events: Iterable[Event]) -> tuple[list[object], list[tuple[str, Event]]]:
    """Return steps of cases to be written: those that are plain, and the others with their keys.

    The plain ones are tuples that are written as :class:`PlainStep`, whose making would cost as much as the writing.
    """
    plain: list[object] = []
    others: list[tuple[str, Event]] = []
    for key, event in zip(keys, events, strict=True):
        data: Any = event.data
        recorded, profile = event.recordedtime, event.profile
        marked = data.labels or data.text or data.deadline is not None
        if marked or recorded is not None or profile is not None or data.__class__ is not CaseData:
            others.append((key, event))
            continue
        plain.append((
            key, event.time_us, event.sequence, event.rev, event.id, event.source, event.step, event.subject,
            data.case_id, data.status, data.to, data.reason, data.queue, data.service, data.region, data.channel,
            data.priority, data.sentiment,
        ))  # fmt: skip
    return plain, others


def _who(event: Any, priority: str) -> Who:
    data, profile = event.data, event.profile
    tier, contract = data.labels.get("tier", ""), data.labels.get("contract", "")
    value = None
    if profile is not None:
        tier, contract, value = profile.tier or tier, profile.contract or contract, profile.lifetime_value
    return Who(event.subject, tier, contract, value, data.service or "", data.region or "", priority)


def shortened(text: str, limit: int) -> str:
    """Return text in one line, cut to ``limit`` characters.

    >>> shortened("Nobody called  back, again.", 16)
    'Nobody called b…'
    """
    plain = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def place_of(fact: Fact) -> tuple[int, int, int, str, str, int]:
    """Return the place of a fact in the order of its life."""
    return (fact.at_us, fact.sequence, fact.rank, fact.id, fact.source, fact.rev)


def counts_before(fact: Fact, other: Fact) -> bool:
    """Say whether of two facts of one event ``other`` counts, or they are the same: the higher revision counts."""
    if fact.rev != other.rev:
        return fact.rev < other.rev
    return (place_of(fact), repr(fact)) <= (place_of(other), repr(other))
