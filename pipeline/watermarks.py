"""Event time per source partition, and the flow's watermark out of it.

A partition's watermark is the largest event time seen in it, less its lateness. The flow's watermark is the minimum
over partitions. What a quiet partition does depends on the mode:

* **live**: a partition that is read to its end (``CAUGHT_UP`` or ``ENDED``) and has been quiet for ``idle_after``
  follows the clock: nothing more came, so its watermark is at least ``clock - lateness``. One that is
  ``UNREACHABLE``, or that still has a backlog, holds time back: its silence is not knowledge.
* **replay**: there is no clock. A partition that has ended stops holding time back; when all have ended, the
  recording is over and the watermark is the last event's time plus one microsecond: deadlines up to the last event
  have passed.

Where another process reads a partition for us, silence is known up to that process's clock when it last told, and no
further.
"""

from collections.abc import Callable, Collection

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.contract import NEVER_US, Progress
from pipeline.feeds.contract import Status, Told

SETTLE_US = 10_000_000
"""After nobody has listened for a while, what feeds say of their partitions is not relied on for this long."""


class PartitionTime(msgspec.Struct):
    """Event time of one partition.

    Attributes:
        lateness_us: an event older than the newest by more than this is late.
        idle_after_us: how long quiet before a partition read to its end follows the clock.
        newest_us: the largest event time seen.
        busy_at_us: the clock when it last gave events, or when we began to listen (live only).
        status: as the feed says.
        events: given by it since this process started, repeats apart.
        heard_us: where another process reads it: that one's clock when it last told of it; None: we read it.
        silent: it was quiet then.
    """

    lateness_us: int
    idle_after_us: int
    newest_us: int = NEVER_US
    busy_at_us: int = NEVER_US
    status: Status = Status.READING
    events: int = 0
    heard_us: int | None = None
    silent: bool = False

    @property
    def watermark_us(self) -> int:
        """The partition's own watermark, whatever the clock says."""
        return NEVER_US if self.newest_us == NEVER_US else self.newest_us - self.lateness_us

    def late_indices(self, times_us: npt.NDArray[np.int64]) -> list[int]:
        """Return the indices of the events that are late, judged one by one in their order of arrival."""
        newest = np.maximum(np.maximum.accumulate(times_us), self.newest_us)
        # What is late is never itself the newest, so it may stand among those that it is compared with.
        late: list[int] = np.flatnonzero(times_us < newest - self.lateness_us).tolist()
        return late

    def hear(self, told: Told) -> None:
        """Note how far it is, as whoever reads it told. What was told before is never taken back."""
        self.newest_us = max(self.newest_us, told.newest_us)
        if told.heard_us is not None and (self.heard_us is None or told.heard_us >= self.heard_us):
            self.heard_us, self.silent = told.heard_us, told.silent

    def saw(self, newest_us: int, now_us: int | None) -> None:
        """Note that events up to ``newest_us`` have come, at clock ``now_us`` (None in a replay)."""
        self.newest_us = max(self.newest_us, newest_us)
        if now_us is not None:
            self.busy_at_us = now_us


class Watermarks:
    """The flow's time. Never goes back.

    Args:
        lateness_us, idle_after_us: for partitions whose feed does not say otherwise.
        own: what a feed says itself: its lateness and how long until it is idle, None for each that it leaves open.
    """

    def __init__(
        self, lateness_us: int, idle_after_us: int, own: Callable[[str], tuple[int | None, int | None]] | None = None
    ) -> None:
        self._lateness_us = lateness_us
        self._idle_after_us = idle_after_us
        self._own = own
        self.partitions: dict[tuple[str, str], PartitionTime] = {}
        self.progress = Progress(NEVER_US, NEVER_US)
        self._settled_at_us = NEVER_US

    def partition(self, feed: str, partition: str) -> PartitionTime:
        """Return the time of one partition, new if need be."""
        key = (feed, partition)
        found = self.partitions.get(key)
        if found is None:
            lateness_us, idle_after_us = (None, None) if self._own is None else self._own(feed)
            found = PartitionTime(
                self._lateness_us if lateness_us is None else lateness_us,
                self._idle_after_us if idle_after_us is None else idle_after_us,
            )
            self.partitions[key] = found
        return found

    def keep_only(self, keys: Collection[tuple[str, str]]) -> None:
        """Forget partitions that no feed names any more: nothing will come from them, so they hold no time back."""
        if len(keys) != len(self.partitions):
            self.partitions = {key: part for key, part in self.partitions.items() if key in keys}

    @property
    def newest_us(self) -> int:
        """The largest event time seen in any partition."""
        return max((part.newest_us for part in self.partitions.values()), default=NEVER_US)

    @property
    def ended(self) -> bool:
        """Whether every partition has ended."""
        return bool(self.partitions) and all(part.status is Status.ENDED for part in self.partitions.values())

    def listen_anew(self, now_us: int) -> None:
        """Count quiet from ``now_us``: before it nobody has listened (the process stood still, or the clock jumped).

        What feeds say of their partitions may be as old: they are not taken to be read to their end just yet.
        """
        for part in self.partitions.values():
            part.busy_at_us = now_us + max(0, SETTLE_US - part.idle_after_us)
        self._settled_at_us = now_us + SETTLE_US

    def advance(self, now_us: int | None) -> Progress:
        """Return how far time has come; ``now_us`` is the clock, None in a replay."""
        reached_us = self._replay_us() if now_us is None else self._live_us(now_us)
        watermark_us = max(self.progress.watermark_us, reached_us)
        clock_us = max(self.progress.clock_us, watermark_us)
        if now_us is not None and now_us >= self._settled_at_us and self._up_to_date():
            told = [part.heard_us for part in self.partitions.values() if part.heard_us is not None]
            clock_us = max(clock_us, min(now_us, *told) if told else now_us)
        self.progress = Progress(watermark_us, clock_us)
        return self.progress

    def partition_us(self, key: tuple[str, str], now_us: int | None) -> int:
        """Return how far the time of one partition has come by itself; ``now_us`` is the clock, None in a replay."""
        part = self.partitions[key]
        if now_us is not None:
            return _live_partition_us(part, now_us)
        over = part.status is Status.ENDED and part.newest_us != NEVER_US
        return part.newest_us + 1 if over else part.watermark_us

    def _replay_us(self) -> int:
        if self.ended:
            newest_us = self.newest_us
            return NEVER_US if newest_us == NEVER_US else newest_us + 1
        return min(
            (part.watermark_us for part in self.partitions.values() if part.status is not Status.ENDED),
            default=NEVER_US,
        )

    def _live_us(self, now_us: int) -> int:
        for part in self.partitions.values():
            if part.busy_at_us == NEVER_US:
                part.busy_at_us = now_us  # quiet is counted from when we began to listen
        return min((_live_partition_us(part, now_us) for part in self.partitions.values()), default=NEVER_US)

    def _up_to_date(self) -> bool:
        return all(part.status in {Status.CAUGHT_UP, Status.ENDED} for part in self.partitions.values())

    def snapshot(self) -> list[object]:
        """Return plain data for :meth:`restore`. What the settings say is not part of it."""
        rows = [
            [feed, name, part.newest_us, part.status.value] for (feed, name), part in sorted(self.partitions.items())
        ]
        return [self.progress.watermark_us, self.progress.clock_us, rows]

    def restore(self, state: list[object]) -> None:
        """Take over what :meth:`snapshot` returned."""
        watermark_us, clock_us, rows = msgspec.convert(state, type=tuple[int, int, list[tuple[str, str, int, str]]])
        self.progress = Progress(watermark_us, clock_us)
        self.partitions = {}
        for feed, name, newest_us, status in rows:
            part = self.partition(feed, name)
            part.newest_us, part.status = newest_us, Status(status)


def _live_partition_us(part: PartitionTime, now_us: int) -> int:
    if part.status is Status.ENDED:
        return max(part.watermark_us, now_us - part.lateness_us)
    if part.heard_us is not None:
        return max(part.watermark_us, part.heard_us - part.lateness_us) if part.silent else part.watermark_us
    quiet = part.status is Status.CAUGHT_UP and now_us - part.busy_at_us >= part.idle_after_us
    return max(part.watermark_us, now_us - part.lateness_us) if quiet else part.watermark_us
