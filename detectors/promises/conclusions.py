"""What was concluded of the measurements of a case: the facts that window detectors count.

A conclusion is made at an instant of event time and stays as it was then: whatever happens later, also to the same
measurement, does not take it back. A measurement is met once or broken once, and what is broken is not met any more.
One that was met, taken up again because the case was reopened, and then broken, was both, each at its time: every
breach that alerts tell of is counted.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

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


class Conclusion(NamedTuple):
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
    for (spec, started_us, _, _, least, who, priority, queue), at_us, elapsed_us in fulfilled:
        about = (spec, 1, started_us, at_us, who, priority, queue, elapsed_us)
        if _resolves(spec):
            found.append(Conclusion("case.resolved", *about))
        if least is not None:
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


def event_of(conclusion: Conclusion, key: str, facts: Sequence[Fact], source: str) -> Event:
    """Return the event that tells a conclusion.

    Args:
        conclusion: of the case.
        key: of the case.
        facts: of the case, in their order.
        source: name of the detector.
    """
    type_, spec, cycle, started_us, at_us, who, known, queue, elapsed_us = conclusion
    priority = known or spec.settings.priority or ""
    labels, of_profile = profile_labels(who)
    if "tier" in labels:
        labels["tier"] = who.tier
    labels["promise"] = spec.name
    labels["kind"] = spec.kind
    if priority:
        labels["priority"] = priority
    kind = DERIVED_CLASSES[type_]
    return kind(  # type: ignore[return-value, call-arg]
        id=f"{key}/{spec.name}/{cycle}/{type_}/{at_us}",
        source=source,
        time=_EPOCH + timedelta(microseconds=at_us),
        time_us=at_us,
        subject=who.customer,
        profile=Profile(customer=who.customer, tier=who.tier, lifetime_value=who.value, **of_profile),
        data=ConclusionData(
            case_id=key,
            promise=spec.name,
            kind=spec.kind,
            cycle=cycle,
            priority=priority,
            tier=who.tier,
            queue=queue if spec.by_owner else _queue_at(facts, started_us, at_us) or queue,
            service=who.service or None,
            region=who.region or None,
            channel=who.channel or None,
            elapsed_us=elapsed_us,
            real_us=at_us - started_us,
            labels=labels,
        ),
    )


def _queue_at(facts: Sequence[Fact], from_us: int, to_us: int) -> str | None:
    """Return the queue that a case was given last in a span of time; None: it was given none."""
    queue = None
    for fact in facts:
        if fact.queue and from_us <= fact.at_us <= to_us:
            queue = fact.queue
    return queue
