"""The lane as a Bytewax source with one partition."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from pipeline.lane import LANE, Lane, LaneItem
from pipeline.stopping import Drain

__all__ = ["Drain", "LanePartition", "LaneSource", "ReadingRules"]

Positions = dict[str, dict[str, int]]
_IDLE_WAIT_S = 0.01
_PATIENT_AFTER = 20
"""Looks without records until waits begin: what came last has gone through all steps by then."""
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class ReadingRules(Protocol):
    """What a live flow's surroundings allow."""

    def held(self) -> bool:
        """Return whether nothing must be read now. Asked before every read."""
        ...

    def over(self) -> bool:
        """Return whether the engine must end, with everything committed, though nobody asked for it."""
        ...


class LanePartition(StatefulSourcePartition[tuple[str, LaneItem], Positions]):
    """Hands out lane items."""

    def __init__(self, lane: Lane, drain: Drain, positions: Positions, rules: ReadingRules | None = None) -> None:
        self._lane = lane
        self._drain = drain
        self._rules = rules
        self._empty = 0
        lane.open(positions)

    def next_batch(self) -> list[tuple[str, LaneItem]]:
        """Return items or nothing; end a recording, and a flow that drains.

        The engine takes the end for a reason to close the epoch at once: everything is saved and committed then, and
        the next run goes on behind it. (What it tells the steps at the end closes windows of its own, and nothing of
        ours.)
        """
        rules = self._rules
        if self._drain.requested or (rules is not None and rules.over()):
            raise StopIteration
        held = rules is not None and rules.held()
        items = [] if held else self._lane.next()
        if self._lane.finished:
            raise StopIteration
        if items:
            self._empty = 0
            return [(item.key, item) for item in items]
        self._empty += 1
        if self._empty > _PATIENT_AFTER:
            self._drain.wait(_IDLE_WAIT_S)
        return []

    def next_awake(self) -> datetime | None:
        """Return a time that is over: the engine compares it with a clock that somebody may set back."""
        return _ALWAYS

    def snapshot(self) -> Positions:
        """Return the positions of all feeds."""
        return self._lane.positions()

    def close(self) -> None:
        """Close the feeds."""
        self._lane.close()


class LaneSource(FixedPartitionedSource[tuple[str, LaneItem], Positions]):
    """A source of one partition: the lane.

    Args:
        build_lane: makes the lane; called when the flow starts.
        drain: how to ask for a graceful stop.
        rules: of a live flow; None: there are none, as for a recording.
    """

    def __init__(self, build_lane: Callable[[], Lane], drain: Drain, rules: ReadingRules | None = None) -> None:
        self._build_lane = build_lane
        self._drain = drain
        self._rules = rules

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [LANE]

    def build_part(self, step_id: str, for_part: str, resume_state: Positions | None) -> LanePartition:
        """Build the lane and open it where the snapshot says."""
        return LanePartition(self._build_lane(), self._drain, resume_state or {}, self._rules)
