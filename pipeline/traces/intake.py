"""When each partition came to a time of events: remembered for a while, a few numbers for each look at a feed."""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from detectors.contract import NEVER_US
from pipeline.feeds.contract import RawBatch
from pipeline.lane import PartitionKey

MOST_PARTITIONS = 64
"""Partitions that are followed: those that come first."""
KEPT = 512
"""Looks at a partition that are remembered."""


class Look(NamedTuple):
    """A look at a partition that brought it on.

    Attributes:
        first_offset, last_offset: of the records that were taken with it. records: how many these are.
        newest_us: event time of its newest event by then.
        read_us: when that was, by the wall clock.
    """

    feed: str
    partition: str
    first_offset: int
    last_offset: int
    records: int
    newest_us: int
    read_us: int


class _Looks:
    """What is remembered of a partition.

    Attributes:
        from_us: event time before the oldest look that is remembered.
    """

    def __init__(self, from_us: int) -> None:
        self.from_us = from_us
        self._all: deque[Look] = deque()

    def add(self, one: Look, resolution_us: int) -> None:
        """Remember a look, if it brought the partition on; together with the one before where that was little."""
        before = self._all[-1] if self._all else None
        if one.newest_us <= (self.from_us if before is None else before.newest_us):
            return
        floor_us = self._all[-2].newest_us if len(self._all) > 1 else self.from_us
        if before is not None and one.newest_us - floor_us < resolution_us:
            self._all.pop()
            one = one._replace(first_offset=before.first_offset, records=before.records + one.records)
        self._all.append(one)
        if len(self._all) > KEPT:
            self.from_us = self._all.popleft().newest_us

    def at(self, at_us: int) -> Look | None:
        """Return the look that brought the partition to a time, else the newest one; None where that was long ago."""
        if at_us <= self.from_us or not self._all:
            return None
        index = bisect_left(self._all, at_us, key=_newest_of)
        return self._all[min(index, len(self._all) - 1)]


class Intake:
    """Remembers when partitions came to times of events.

    Args:
        newest_us: the largest event time in each partition so far, kept by whoever decodes.
        resolution_us: looks that move event time by less than this are remembered as one.
    """

    def __init__(self, newest_us: Mapping[PartitionKey, int], resolution_us: int) -> None:
        self._newest_us = newest_us
        self._resolution_us = resolution_us
        self._looks: dict[PartitionKey, _Looks] = {}

    def takes(self, batches: Sequence[RawBatch]) -> None:
        """Take note of how far partitions are before batches are decoded."""
        for batch in batches:
            key = batch.feed, batch.partition
            if key not in self._looks and len(self._looks) < MOST_PARTITIONS:
                self._looks[key] = _Looks(self._newest_us.get(key, NEVER_US))

    def took(self, batches: Sequence[RawBatch], now_us: int) -> None:
        """Take note of batches that were read and decoded.

        Args:
            batches: as the feeds gave them.
            now_us: the wall clock.
        """
        for batch in batches:
            key = batch.feed, batch.partition
            looks = self._looks.get(key)
            newest_us = self._newest_us.get(key, NEVER_US)
            count = len(batch.offsets)
            if looks is None or count == 0:
                continue
            first, last = int(batch.offsets[0]), int(batch.offsets[-1])
            one = Look(batch.feed, batch.partition, first, last, count, newest_us, now_us)
            looks.add(one, self._resolution_us)

    def at(self, at_us: int, most: int) -> list[Look]:
        """Return what was read of partitions when they came to a time; of those that have not, what was read last.

        Args:
            at_us: event time.
            most: as many at most: those that came to it last (a decision waits for them), then the others.
        """
        found = [one for looks in self._looks.values() if (one := looks.at(at_us)) is not None]
        found.sort(key=lambda one: (one.newest_us < at_us, -one.read_us, one.feed, one.partition))
        return found[:most]


def _newest_of(one: Look) -> int:
    return one.newest_us
