"""Runs detectors without the engine: the reference for what the flow must answer, and the engine of ``makegood test``.

It does what the flow does with decoded events: routes them to shards by key, carries time to every shard, and puts the
answers in order. It keeps neither watermarks nor ids: time is told to it, and repeats are its caller's matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from alerts.model import step_order
from detectors.contract import (
    NEVER_US,
    AlertChange,
    CaseDetector,
    CaseShard,
    Combiner,
    Detector,
    Finding,
    Outcome,
    Progress,
    WindowDetector,
    WindowState,
)
from detectors.events import EVENT_CLASSES, Event


class TimeRunsBackwardsError(Exception):
    """The harness was told a watermark or a clock below the one before."""


def change_order(change: AlertChange) -> tuple[int, str, str, int, tuple[int, int, int], str]:
    """Return the sort key of alert changes: event time first, then what makes the order total."""
    episode = (change.at_us, change.labels.get("detector", ""), change.fingerprint, change.starts_at_us)
    return (*episode, step_order(change.step), change.step)


class Harness:
    """Detectors with their state, fed by hand.

    Args:
        detectors: by name.
        shards: how many shards the keys of each case detector are spread over. Does not change any answer.
    """

    def __init__(self, detectors: Mapping[str, Detector] | Iterable[Detector], *, shards: int = 1) -> None:
        listed = detectors.values() if isinstance(detectors, Mapping) else detectors
        self._cases: list[tuple[CaseDetector, tuple[type, ...], list[CaseShard]]] = []
        self._windows: list[tuple[Combiner, tuple[type, ...], WindowState]] = []
        for detector in listed:
            classes = tuple(EVENT_CLASSES[name] for name in sorted(detector.event_types))
            if isinstance(detector, WindowDetector):
                self._windows.append((detector.combiner(), classes, detector.state()))
            else:
                self._cases.append((detector, classes, [detector.shard() for _ in range(shards)]))
        self._progress = Progress(NEVER_US, NEVER_US)
        self._changes: list[AlertChange] = []
        self._findings: list[Finding] = []

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

    def feed(self, events: Sequence[Event], watermark_us: int | None = None, clock_us: int | None = None) -> None:
        """Give a micro-batch to the detectors, then let time come to ``watermark_us`` (default: where it is).

        Args:
            events: in any order, each once.
            watermark_us: every event before it that is not late has been given, this batch included.
            clock_us: the processing clock; default: the watermark, as in a replay.

        Raises:
            TimeRunsBackwardsError: when time would go back.
        """
        progress = self._forward(watermark_us, clock_us)
        for case_detector, classes, shards in self._cases:
            parts: list[list[Event]] = [[] for _ in shards]
            for event in events:
                if isinstance(event, classes):
                    key = case_detector.key(event)
                    if key is not None:
                        parts[crc32(key.encode()) % len(shards)].append(event)
            for shard, part in zip(shards, parts, strict=True):
                self._take(shard.update(part, progress))
        for combiner, classes, state in self._windows:
            combiner.add([event for event in events if isinstance(event, classes)])
            self._take(state.update(combiner.take(), progress))

    def advance(self, watermark_us: int, clock_us: int | None = None) -> None:
        """Let time pass without events."""
        self.feed([], watermark_us, clock_us)

    def finish(self, end_us: int) -> None:
        """End a recording whose last event is at ``end_us``: what is due by then has passed, nothing later has."""
        self.advance(max(end_us + 1, self._progress.watermark_us))

    def snapshot(self) -> list[bytes]:
        """Return the state of every shard and window state, in a fixed order."""
        return [shard.snapshot() for _, _, shards in self._cases for shard in shards] + [
            state.snapshot() for _, _, state in self._windows
        ]

    def restore(self, states: Sequence[bytes]) -> None:
        """Take over what :meth:`snapshot` of a harness with the same detectors and shards returned."""
        holders = [shard for _, _, shards in self._cases for shard in shards]
        for holder, state in zip([*holders, *(state for _, _, state in self._windows)], states, strict=True):
            holder.restore(state)

    def _take(self, outcome: Outcome) -> None:
        self._changes.extend(outcome.changes)
        self._findings.extend(outcome.findings)

    def _forward(self, watermark_us: int | None, clock_us: int | None) -> Progress:
        watermark = self._progress.watermark_us if watermark_us is None else watermark_us
        clock = max(watermark, self._progress.clock_us) if clock_us is None else clock_us
        if watermark < self._progress.watermark_us or clock < self._progress.clock_us or clock < watermark:
            msg = f"time cannot go from {self._progress} to watermark {watermark}, clock {clock}"
            raise TimeRunsBackwardsError(msg)
        self._progress = Progress(watermark, clock)
        return self._progress
