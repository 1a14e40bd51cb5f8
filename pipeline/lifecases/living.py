"""A life, lived up to a moment, with what was known then."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from detectors.events import Event
from detectors.lives.facts import Fact, counts_before, is_from_future, place_of
from detectors.lives.life import Life, Script, run_to
from detectors.promises.openhours import to_us

SKEW_US = 300_000_000


class Lived(NamedTuple):
    """A life, lived up to a moment.

    Attributes:
        state: what became of it.
        script: what it said.
        quarantined: ids of events that were put aside, with the reason.
    """

    state: Any
    script: Script
    quarantined: dict[str, str]


def known_us(event: Event) -> int:
    """Return when an event became known."""
    return event.time_us if event.recordedtime is None else to_us(event.recordedtime)


def lives(life: Life[Any], key_of: Any, events: Sequence[Event], knowledge_us: int | None) -> Iterator[Lived]:
    """Yield every life among the events, as known at a moment, in the order of their first events."""
    newest_us = max((event.time_us for event in events), default=0)
    until_us = newest_us + 1 if knowledge_us is None else knowledge_us
    by_key: dict[str, list[Event]] = {}
    for event in events:
        if knowledge_us is None or known_us(event) <= knowledge_us:
            by_key.setdefault(key_of(event) or "", []).append(event)
    for key, own in by_key.items():
        yield _lived(life, key, own, until_us)


def _lived(life: Life[Any], key: str, events: Sequence[Event], until_us: int) -> Lived:
    quarantined: dict[str, str] = {}
    facts: dict[tuple[str, str], Fact] = {}
    for event in events:
        if is_from_future(event, SKEW_US):
            quarantined[event.id] = "from_future"
            continue
        fact = life.read(event)
        if isinstance(fact, str):
            if fact:
                quarantined[event.id] = fact
            continue
        # An event of the same id that is another step of the case comes from the same line of the file.
        name = (fact.id, fact.step)
        if name not in facts or counts_before(facts[name], fact):
            facts[name] = fact
    state, script = life.begin(key), Script("case")
    for fact in sorted(facts.values(), key=place_of):
        if fact.at_us <= until_us:
            run_to(life, state, fact.at_us, script)
            life.apply(state, fact, script)
    run_to(life, state, until_us, script)
    return Lived(state, script, quarantined)
