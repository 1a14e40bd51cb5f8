"""Verdicts as values: what a set of events means for one promise, as known at one moment.

The same code that runs in the flow (:class:`~detectors.promises.case.Case`) computes them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from detectors.events import Event
from detectors.promises.case import Case
from detectors.promises.clock import State
from detectors.promises.facts import Fact, counts_before, fact_of, is_from_future, place_of, step_infos
from detectors.promises.instance import Instance
from detectors.promises.openhours import to_us
from detectors.promises.settings import PromiseSettings
from detectors.promises.spec import Calendars, Spec

SKEW_US = 300_000_000


class InstanceResult(NamedTuple):
    """One measurement of a promise.

    Attributes:
        due_us: None while paused, and when finished while paused.
        remaining_us: what is left of the target; negative when overspent; None for date units and absolute deadlines.
        thresholds_us: when fractions of the target are, were or would be spent.
    """

    cycle: int
    started_us: int
    state: State
    due_us: int | None
    breached: bool
    breach_us: int | None
    fulfilled_us: int | None
    elapsed_us: int
    remaining_us: int | None
    thresholds_us: dict[float, int | None]


class Evaluation(NamedTuple):
    """What a set of events means for one promise.

    Attributes:
        instances: the measurements, oldest first.
        quarantined: ids of events that claim to have happened later than they were recorded.
    """

    instances: list[InstanceResult]
    quarantined: list[str]


def evaluate(
    promise: PromiseSettings,
    calendars: Mapping[str, Any],
    events: Iterable[Event],
    as_of_us: int,
    *,
    fractions: tuple[float, ...] = (0.5, 0.75, 1.0),
    skew_us: int = SKEW_US,
) -> list[InstanceResult]:
    """Return the measurements of a promise for the events of one subject, as known at ``as_of_us``.

    Events that were recorded later are not known yet. The order of the events does not matter, repeats collapse, and of
    several revisions of an event the highest counts.

    Raises:
        ValueError: when the promise names a calendar that is not there.
    """
    spec = Spec(promise, Calendars(calendars))
    return evaluate_spec(spec, events, as_of_us, fractions=fractions, skew_us=skew_us).instances


def evaluate_spec(
    spec: Spec,
    events: Iterable[Event],
    as_of_us: int,
    *,
    fractions: tuple[float, ...] = (0.5, 0.75, 1.0),
    skew_us: int = SKEW_US,
) -> Evaluation:
    """Return what :func:`evaluate` does, and what was quarantined, for a compiled promise."""
    infos = step_infos({"case": frozenset(), "order": frozenset()}, keep_all=True)
    quarantined: set[str] = set()
    newest: dict[tuple[str, str], Fact] = {}
    for event in events:
        info = infos.get(type(event))
        recorded = event.recordedtime
        if info is None or info.family != spec.family or (to_us(recorded) if recorded else event.time_us) > as_of_us:
            continue
        if is_from_future(event, skew_us):
            quarantined.add(event.id)
            continue
        fact = fact_of(event, info)
        known = newest.get((fact.id, fact.source))
        if known is None or counts_before(known, fact):
            newest[fact.id, fact.source] = fact
    case = Case((spec,))
    case.facts = sorted((fact for fact in newest.values() if fact.at_us <= as_of_us), key=place_of)
    case.rebuild()
    case.advance(as_of_us)
    track = case.tracks[0]
    found = []
    for instance in track.instances if track is not None else ():
        if instance.state == "running":
            instance.expire(as_of_us)
        if instance.target is not None or instance.breach_us is not None:
            found.append(_result(instance, as_of_us, fractions))
    return Evaluation(found, sorted(quarantined))


def _result(instance: Instance, as_of_us: int, fractions: tuple[float, ...]) -> InstanceResult:
    elapsed_us = instance.elapsed_us(as_of_us)
    remaining_us = None if instance.spec.fixed or instance.target is None else instance.target - elapsed_us
    return InstanceResult(
        cycle=instance.cycle,
        started_us=instance.started_us,
        state=instance.state,
        due_us=instance.due_us,
        breached=instance.breach_us is not None,
        breach_us=instance.breach_us,
        fulfilled_us=instance.ended_us if instance.state == "fulfilled" else None,
        elapsed_us=elapsed_us,
        remaining_us=remaining_us,
        thresholds_us={fraction: instance.threshold_us(fraction) for fraction in fractions},
    )
