"""Runs detectors without the engine: the reference for what the flow must answer, and the engine of ``makegood test``.

It does what the flow does with decoded events: routes them to shards by key, carries time to every shard, gives what
case detectors conclude to who listens, and puts the answers in order. It keeps neither watermarks nor ids: time is told
to it, and repeats are its caller's matter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from zlib import crc32

from alerts.model import step_order
from detectors.contract import (
    NEVER_US,
    AlertChange,
    CaseDetector,
    CaseShard,
    Combiner,
    ControlTaken,
    Deriving,
    Detector,
    Finding,
    Outcome,
    Progress,
    ShadowDecision,
    Snapshotting,
    WindowDetector,
    WindowState,
)
from detectors.control import Control
from detectors.events import ALL_CLASSES, Event
from pipeline.listening import is_listener


class TimeRunsBackwardsError(Exception):
    """The harness was told a watermark or a clock below the one before."""


def change_order(change: AlertChange) -> tuple[int, str, str, int, tuple[int, int, int], str]:
    """Return the sort key of alert changes: event time first, then what makes the order total."""
    episode = (change.at_us, change.labels.get("detector", ""), change.fingerprint, change.starts_at_us)
    return (*episode, step_order(change.step), change.step)


def shadow_order(decision: ShadowDecision) -> tuple[int, str, int, list[tuple[str, str]]]:
    """Return the sort key of what candidates in the shadow decided."""
    return (decision.end_us, decision.detector, decision.version, sorted(decision.group.items()))


class Harness:
    """Detectors with their state, fed by hand.

    Args:
        detectors: by name.
        shards: how many shards the keys of each case detector are spread over. Does not change any answer.
        concluded: is given what case detectors conclude for others, as they do.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector] | Iterable[Detector],
        *,
        shards: int = 1,
        concluded: Callable[[Sequence[Event]], None] = lambda _derived: None,
    ) -> None:
        self._concluded = concluded
        listed = list(detectors.values() if isinstance(detectors, Mapping) else detectors)
        wanted = frozenset[str]().union(*(detector.event_types for detector in listed))
        self._cases: list[tuple[CaseDetector, tuple[type, ...], list[CaseShard]]] = []
        self._windows: list[tuple[Combiner, tuple[type, ...], WindowState]] = []
        self._listeners: list[tuple[WindowDetector, Combiner, tuple[type, ...], WindowState]] = []
        self._steered: dict[str, WindowState] = {}
        for detector in listed:
            classes = tuple(ALL_CLASSES[name] for name in sorted(detector.event_types))
            if isinstance(detector, WindowDetector):
                state = self._steered[detector.name] = detector.state()
                if is_listener(detector):
                    self._listeners.append((detector, detector.combiner(), classes, state))
                else:
                    self._windows.append((detector.combiner(), classes, state))
            else:
                new: Callable[[], CaseShard] = detector.shard
                if isinstance(detector, Deriving) and not detector.derived_types.isdisjoint(wanted):
                    new = detector.deriving_shard
                self._cases.append((detector, classes, [new() for _ in range(shards)]))
        self._progress = Progress(NEVER_US, NEVER_US)
        self._changes: list[AlertChange] = []
        self._findings: list[Finding] = []
        self._shadows: list[ShadowDecision] = []
        self._taken: list[ControlTaken] = []

    @property
    def progress(self) -> Progress:
        """How far time has come."""
        return self._progress

    @property
    def changes(self) -> list[AlertChange]:
        """Every alert change so far, in the order in which a replay writes them."""
        return sorted(self._changes, key=change_order)

    @property
    def findings(self) -> list[Finding]:
        """Every finding so far, by window end, detector and group."""
        return sorted(self._findings, key=lambda found: (found.end_us, found.detector, sorted(found.group.items())))

    @property
    def shadows(self) -> list[ShadowDecision]:
        """What candidates in the shadow have decided so far, by window end, detector, version and group."""
        return sorted(self._shadows, key=shadow_order)

    @property
    def taken(self) -> list[ControlTaken]:
        """Controls that windows have gone by, in the order in which they did."""
        return list(self._taken)

    def control(self, controls: Sequence[Control]) -> None:
        """Give controls to the window detectors that they are about."""
        for name, state in self._steered.items():
            state.control([control for control in controls if control.detector == name])

    def feed(self, events: Sequence[Event], watermark_us: int | None = None, clock_us: int | None = None) -> None:
        """Give a micro-batch to the detectors, then let time come to ``watermark_us`` (default: where it is).

        Args:
            events: in any order, each once.
            watermark_us: every event before it that is not late has been given, this batch included.
            clock_us: the processing clock; default: the watermark, as in a replay.

        Raises:
            TimeRunsBackwardsError: when time would go back.
        """
        known_us = self._progress.watermark_us
        progress = self._forward(watermark_us, clock_us)
        derived: list[Event] = []
        for case_detector, classes, shards in self._cases:
            parts: list[list[Event]] = [[] for _ in shards]
            for event in events:
                if isinstance(event, classes):
                    key = case_detector.key(event)
                    if key is not None:
                        parts[crc32(key.encode()) % len(shards)].append(event)
            for shard, part in zip(shards, parts, strict=True):
                outcome = shard.update(part, progress)
                derived += outcome.derived
                self._take(outcome)
        self._concluded(derived)
        for combiner, classes, state in self._windows:
            combiner.add([event for event in events if isinstance(event, classes)])
            self._take(state.update(combiner.take(), progress))
        for detector, combiner, classes, state in self._listeners:
            pane_us = detector.layout.pane_us
            complete_us = known_us // pane_us * pane_us  # what belongs before it is late: those panes were complete
            told = [event for event in derived if isinstance(event, classes) and event.time_us >= complete_us]
            combiner.add(told)
            self._take(state.update(combiner.take(), Progress(progress.watermark_us, progress.watermark_us)))

    def advance(self, watermark_us: int, clock_us: int | None = None) -> None:
        """Let time pass without events."""
        self.feed([], watermark_us, clock_us)

    def finish(self, end_us: int) -> None:
        """End a recording whose last event is at ``end_us``: what is due by then has passed, nothing later has."""
        self.advance(max(end_us + 1, self._progress.watermark_us))

    def snapshot(self) -> list[bytes]:
        """Return the state of every shard and window state, in a fixed order."""
        return [holder.snapshot() for holder in self._holders()]

    def restore(self, states: Sequence[bytes]) -> None:
        """Take over what :meth:`snapshot` of a harness with the same detectors and shards returned."""
        for holder, state in zip(self._holders(), states, strict=True):
            holder.restore(state)

    def _holders(self) -> list[Snapshotting]:
        holders: list[Snapshotting] = [shard for _, _, shards in self._cases for shard in shards]
        holders += [state for _, _, state in self._windows]
        return holders + [state for _, _, _, state in self._listeners]

    def _take(self, outcome: Outcome) -> None:
        self._changes.extend(outcome.changes)
        self._findings.extend(outcome.findings)
        self._shadows.extend(outcome.shadows)
        self._taken.extend(outcome.taken)

    def _forward(self, watermark_us: int | None, clock_us: int | None) -> Progress:
        watermark = self._progress.watermark_us if watermark_us is None else watermark_us
        clock = max(watermark, self._progress.clock_us) if clock_us is None else clock_us
        if watermark < self._progress.watermark_us or clock < self._progress.clock_us or clock < watermark:
            msg = f"time cannot go from {self._progress} to watermark {watermark}, clock {clock}"
            raise TimeRunsBackwardsError(msg)
        self._progress = Progress(watermark, clock)
        return self._progress
