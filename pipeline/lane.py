"""The lane: all partitions of all feeds, one after another, as one resumable stream of raw micro-batches.

In a replay the partition whose event time is furthest behind is read next, so that partitions stay in step and
little is held back for the watermark. Live, every feed is asked in turn, and a tick carries the clock where nothing
came.
"""

from collections.abc import Callable, Mapping

import msgspec

from detectors.contract import NEVER_US
from detectors.control import Control
from pipeline.feeds.contract import Feed, RawBatch, Status
from pipeline.letters import origin

PartitionKey = tuple[str, str]
LANE = "lane"
CONTROLS = "controls"
"""Key of an item that brings controls."""
KeyOf = Callable[[str, str], str]
"""Returns who takes the records of a partition of a feed."""


class LaneItem(msgspec.Struct):
    """One step of the lane.

    Attributes:
        batches: raw records by partition; empty in a tick.
        statuses: of every partition of every feed (of the task).
        now_us: the clock, microseconds UTC; None in a replay.
        latest_us: an event beyond this is from the future, where that is not ``now_us``.
        anew: nobody has listened before this item: how long a partition was quiet is counted from here.
        controls: what people have changed. An item with any has nothing else.
        key: who takes it: the one lane of a process that does not share its work, or a task.
    """

    batches: list[RawBatch]
    statuses: dict[PartitionKey, Status]
    now_us: int | None
    key: str = LANE
    latest_us: int | None = None
    anew: bool = False
    controls: list[Control] = []


class Pace:
    """How far each partition's event time has come: a hint for the reading order, never part of a result."""

    def __init__(self) -> None:
        self.newest_us: dict[PartitionKey, int] = {}


class Lane:
    """Reads feeds in turn.

    Args:
        feeds: by name.
        batch_size: records asked for at a time.
        clock_us: the wall clock in microseconds; None for a replay.
        tick_us: live: longest time between two items.
        pace: filled by whoever decodes.
        key_of: live: who takes the records of a partition; None: all go to one.
        latest_us: live: beyond what an event is from the future, where that is not the clock.
        interrupted: live: whether nobody has listened for a while before this look.
        controls: live: returns the controls that are new since it was asked last; does not wait for any.
    """

    def __init__(
        self,
        feeds: Mapping[str, Feed],
        *,
        batch_size: int,
        clock_us: Callable[[], int] | None,
        tick_us: int,
        pace: Pace,
        key_of: KeyOf | None = None,
        latest_us: Callable[[], int] | None = None,
        interrupted: Callable[[], bool] | None = None,
        controls: Callable[[], list[Control]] | None = None,
    ) -> None:
        self._feeds = dict(feeds)
        # Requeues hardly ever have anything: they take no part of what the others may give at a time.
        self._busy_feeds = sum(origin(name) == name for name in feeds)
        self._batch_size = batch_size
        self._clock_us = clock_us
        self._tick_us = tick_us
        self._pace = pace
        self._key_of = key_of
        self._latest_us = latest_us
        self._interrupted = interrupted
        self._controls = controls
        self._anew = False
        self._ticked_us = NEVER_US
        self._closing = False
        self.finished = False

    def open(self, positions: Mapping[str, Mapping[str, int]]) -> None:
        """Open every feed at the positions of a snapshot; a feed that is not in it starts at its beginning."""
        for name, feed in self._feeds.items():
            feed.open(dict(positions.get(name, {})))

    def positions(self) -> dict[str, dict[str, int]]:
        """Return, by feed and partition, the offset after the last record that was handed out."""
        return {name: feed.positions() for name, feed in self._feeds.items()}

    def close(self) -> None:
        """Close every feed."""
        for feed in self._feeds.values():
            feed.close()

    def next(self) -> list[LaneItem]:
        """Return the next items, none when nothing is there now. ``finished`` is set after a replay's last item."""
        if self._controls is not None and (controls := self._controls()):
            return [LaneItem([], {}, None, CONTROLS, controls=controls)]
        item = self._next_of_recording() if self._clock_us is None else self._next_live(self._clock_us())
        if item is None:
            return []
        return [item] if self._key_of is None else self._parted(item, self._key_of)

    def _parted(self, item: LaneItem, key_of: KeyOf) -> list[LaneItem]:
        """Return an item for each who has partitions among those of ``item``: time goes on for all of them."""
        parts: dict[str, LaneItem] = {}
        for (feed, partition), status in item.statuses.items():
            key = key_of(feed, partition)
            part = parts.get(key)
            if part is None:
                part = parts[key] = LaneItem([], {}, item.now_us, key, item.latest_us, item.anew)
            part.statuses[feed, partition] = status
        for batch in item.batches:
            parts[key_of(batch.feed, batch.partition)].batches.append(batch)
        return list(parts.values())

    def _next_of_recording(self) -> LaneItem | None:
        statuses = self._statuses()
        open_keys = [key for key, status in statuses.items() if status is not Status.ENDED]
        if not open_keys:
            self.finished = self._closing
            self._closing = True
            return LaneItem([], statuses, None)
        newest_us = self._pace.newest_us
        for feed, partition in sorted(open_keys, key=lambda key: (newest_us.get(key, NEVER_US), key)):
            batches = self._gather(self._feeds[feed], partition)
            if batches:
                return LaneItem(batches, self._statuses(), None)
        return None

    def _gather(self, feed: Feed, partition: str) -> list[RawBatch]:
        """Return up to ``batch_size`` records of a partition, in the small batches in which the feed reads them."""
        gathered: list[RawBatch] = []
        room = self._batch_size
        while room > 0 and (batches := feed.poll(room, partition)):
            gathered += batches
            room -= sum(len(batch.records) + len(batch.bad) + batch.filtered for batch in batches)
        return gathered

    def _next_live(self, now_us: int) -> LaneItem | None:
        share = max(1, self._batch_size // max(1, self._busy_feeds))
        batches = [batch for feed in self._feeds.values() for batch in feed.poll(share)]
        if self._interrupted is not None and self._interrupted():
            self._anew = True
        if not batches and 0 <= now_us - self._ticked_us < self._tick_us:
            return None
        self._ticked_us = now_us
        latest_us = None if self._latest_us is None else self._latest_us()
        anew, self._anew = self._anew, False
        return LaneItem(batches, self._statuses(), now_us, latest_us=latest_us, anew=anew)

    def _statuses(self) -> dict[PartitionKey, Status]:
        return {
            (name, partition): status
            for name, feed in self._feeds.items()
            for partition, status in feed.partitions().items()
        }
