"""The lane as a Bytewax source with one partition."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition

from pipeline.lane import LANE, Lane, LaneItem
from pipeline.stopping import Drain

__all__ = ["Drain", "LanePartition", "LaneSource"]

Positions = dict[str, dict[str, int]]
_IDLE_WAIT = timedelta(milliseconds=10)


def _never() -> bool:
    return False


class LanePartition(StatefulSourcePartition[tuple[str, LaneItem], Positions]):
    """Hands out lane items one at a time."""

    def __init__(self, lane: Lane, drain: Drain, positions: Positions, *, held: Callable[[], bool] = _never) -> None:
        self._lane = lane
        self._drain = drain
        self._held = held
        self._begun = False
        self._quiet = False
        self._drained = False
        lane.open(positions)

    def next_batch(self) -> list[tuple[str, LaneItem]]:
        """Return one item or nothing; end a recording; abort a drained flow once its snapshot is committed."""
        if self._drain.requested:
            # The engine calls this again only once the epoch of the snapshot taken since is committed.
            if self._drained or not self._begun:
                raise AbortExecution
            self._quiet = True
            return []
        if self._held():
            self._quiet = True
            return []
        self._begun = True
        items = self._lane.next()
        if self._lane.finished:
            raise StopIteration
        self._quiet = not items
        return [(item.key, item) for item in items]

    def next_awake(self) -> datetime | None:
        """Return when to ask again: at once while there are records, a little later when there were none."""
        return datetime.now(UTC) + _IDLE_WAIT if self._quiet else None

    def snapshot(self) -> Positions:
        """Return the positions of all feeds."""
        if self._drain.requested and self._quiet:
            self._drained = True
        return self._lane.positions()

    def close(self) -> None:
        """Close the feeds."""
        self._lane.close()


class LaneSource(FixedPartitionedSource[tuple[str, LaneItem], Positions]):
    """A source of one partition: the lane.

    Args:
        build_lane: makes the lane; called when the flow starts.
        drain: how to ask for a graceful stop.
        held: whether nothing must be read now; asked before every read.
    """

    def __init__(self, build_lane: Callable[[], Lane], drain: Drain, *, held: Callable[[], bool] = _never) -> None:
        self._build_lane = build_lane
        self._drain = drain
        self._held = held

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [LANE]

    def build_part(self, step_id: str, for_part: str, resume_state: Positions | None) -> LanePartition:
        """Build the lane and open it where the snapshot says."""
        return LanePartition(self._build_lane(), self._drain, resume_state or {}, held=self._held)
