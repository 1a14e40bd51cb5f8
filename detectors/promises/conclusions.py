"""What was concluded of the measurements of a case: the facts that window detectors count.

A conclusion is made at an instant of event time and stays as it was then: whatever happens later, also to the same
measurement, does not take it back. A measurement is met once or broken once, and what is broken is not met any more.
One that was met, taken up again because the case was reopened, and then broken, was both, each at its time: every
breach that alerts tell of is counted.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from detectors.events import DERIVED_CLASSES, ConclusionData, Event, Profile
from detectors.promises.entries import FULFILLED, Entry
from detectors.promises.episodes import Episode, Identity
from detectors.promises.facts import About, Fact, profile_labels
from detectors.promises.outlook import Fulfilled
from detectors.promises.spec import Spec

_RESOLVING = frozenset({"resolution", "requester_wait", "agent_work", "deadline"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOLD = "told "
_NO_LABELS = ("", "", "", "", "")
LATE = Identity("late", "", 0, 0, _NO_LABELS)
"""Among the episodes of a case: an event of it came late, so what was told of it is kept."""
Episodes = dict[Identity, Episode]


class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """What was concluded of one measurement.

    Attributes:
        type: of the event that tells it. ``at_us``: when it was concluded.
        who, queue: as they stood when the measurement began. ``priority``: as it stood when it was concluded.
        elapsed_us: open time that was spent.
    """

    type: str
    spec: Spec
    cycle: int
    started_us: int
    at_us: int
    who: About
    priority: str | None
    queue: str | None
    elapsed_us: int

    @property
    def identity(self) -> Identity:
        """What tells it from the other conclusions of its case."""
        return Identity(_TOLD + self.type, self.spec.name, self.cycle, self.at_us, _NO_LABELS)

    def shares_data(self, other: "Conclusion") -> bool:
        """Say whether another of the same case says the same of the same measurement, as far as the types allow."""
        return (
            self.at_us == other.at_us
            and self.spec is other.spec
            and self.cycle == other.cycle
            and self.started_us == other.started_us
            and self.priority == other.priority
            and self.elapsed_us == other.elapsed_us
        )


def conclusions(entries: Iterable[Entry]) -> list[Conclusion]:
    """Return what the entries of a case conclude; of each measurement they must be in order of time."""
    found: list[Conclusion] = []
    judged: set[int] = set()
    resolved: set[int] = set()
    for entry in entries:
        one = id(entry.instance)
        if entry.kind == "breach" and entry.what == "fire":
            judged.add(one)
            found.append(_of_entry("promise.broken", entry))
        elif entry.kind == FULFILLED:
            if one not in resolved and _resolves(entry.instance.spec):
                resolved.add(one)
                found.append(_of_entry("case.resolved", entry))
            if one not in judged and entry.proof.target is not None:
                judged.add(one)
                found.append(_of_entry("promise.met", entry))
    return found


def conclusions_of(fulfilled: Iterable[Fulfilled]) -> list[Conclusion]:
    """Return what measurements conclude that were fulfilled before anything was said of them."""
    found: list[Conclusion] = []
    for one in fulfilled:
        of, spec = one.stretch, one.stretch.spec
        about = (spec, of.cycle, of.started_us, one.at_us, of.who, of.priority, of.queue, one.elapsed_us)
        if _resolves(spec):
            found.append(Conclusion("case.resolved", *about))
        if of.least is not None:
            found.append(Conclusion("promise.met", *about))
    return found


def _of_entry(type_: str, entry: Entry) -> Conclusion:
    one, proof = entry.instance, entry.proof
    return Conclusion(
        type_, one.spec, one.cycle, one.started_us, entry.at_us, one.who, proof.priority, one.queue, proof.elapsed_us
    )


def _resolves(spec: Spec) -> bool:
    return spec.kind in _RESOLVING and spec.family == "case"


def was_told(conclusion: Conclusion, episodes: Episodes) -> bool:
    """Say whether a conclusion was told of the same measurement, perhaps with another time, as far as it is kept.

    Nor is met what was broken. The number of a measurement counts from 1 again when a case begins another life, but
    that begins later.
    """
    own = conclusion.identity
    started_us = conclusion.started_us
    kinds = {own.kind, _TOLD + "promise.broken"} if conclusion.type == "promise.met" else {own.kind}
    return any(told.kind in kinds and told[1:3] == own[1:3] and started_us <= told.starts_us for told in episodes)


def keep_told(identity: Identity, episodes: Episodes) -> None:
    """Keep that something was told: as an episode that no alert goes through, so that no format of states changes."""
    kept = Episode(identity, {}, "")
    kept.state = "withdrawn"
    episodes[identity] = kept


def events_of(found: Iterable[Conclusion], key: str, facts: Sequence[Fact], source: str) -> list[Event]:
    """Return the events that tell conclusions of a case, in their order.

    Args:
        found: the conclusions.
        key: of the case.
        facts: of the case, in their order.
        source: name of the detector.
    """
    events: list[Event] = []
    last: Conclusion | None = None
    for one in found:
        if last is None or not one.shares_data(last):
            who = one.who
            labels, of_profile = profile_labels(who)
            data = _data_of(one, key, facts, labels)
            profile = Profile(who.customer, who.tier, who.value, **of_profile)
            time = _EPOCH + timedelta(microseconds=one.at_us)
        kind: Any = DERIVED_CLASSES[one.type]
        events.append(
            kind(
                id=f"{key}/{data.promise}/{one.cycle}/{one.type}/{one.at_us}",
                source=source,
                time=time,
                time_us=one.at_us,
                subject=who.customer,
                profile=profile,
                data=data,
            )
        )
        last = one
    return events


def _data_of(one: Conclusion, key: str, facts: Sequence[Fact], labels: dict[str, str]) -> ConclusionData:
    spec, who, at_us = one.spec, one.who, one.at_us
    priority = one.priority or spec.settings.priority or ""
    if "tier" in labels:
        labels["tier"] = who.tier
    labels["promise"] = spec.name
    labels["kind"] = spec.kind
    if priority:
        labels["priority"] = priority
    return ConclusionData(
        case_id=key,
        promise=spec.name,
        kind=spec.kind,
        cycle=one.cycle,
        priority=priority,
        tier=who.tier,
        queue=one.queue if spec.by_owner else _queue_at(facts, one.started_us, at_us) or one.queue,
        service=who.service or None,
        region=who.region or None,
        channel=who.channel or None,
        elapsed_us=one.elapsed_us,
        real_us=at_us - one.started_us,
        labels=labels,
    )


def _queue_at(facts: Sequence[Fact], from_us: int, to_us: int) -> str | None:
    """Return the queue that a case was given last in a span of time; None: it was given none."""
    queue = None
    for fact in facts:
        if fact.queue and from_us <= fact.at_us <= to_us:
            queue = fact.queue
    return queue
