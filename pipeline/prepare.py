"""Prepare: raw micro-batches become fresh, enriched events, known to be on time or late, grouped by detector.

Everything that must be judged in the order of arrival (repeats, lateness, watermarks) is judged here, once: shards and
batch sizes cannot change a result. A micro-batch is cut where a late event follows one that moved its partition's
watermark: detectors see the same sequence of (watermark, late event) however the stream was cut.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.contract import NEVER_US, Progress, SnapshotVersionError
from detectors.events import Event
from pipeline.columns.events import EventColumns
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import RawBatch
from pipeline.lane import LaneItem, Pace, PartitionKey
from pipeline.letters import origin
from pipeline.reasons import Reason
from pipeline.routing import Routed, Router
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime, Watermarks

SNAPSHOT_VERSION = 3
READ_VERSIONS = (2, 3)
"""Version 2 had nothing of the router."""


class FeedTime(msgspec.Struct, frozen=True):
    """A feed's own lateness and idleness; None where the common setting holds."""

    lateness_us: int | None = None
    idle_after_us: int | None = None


class TimeRules(msgspec.Struct, frozen=True):
    """Common time settings, in microseconds."""

    lateness_us: int
    idle_after_us: int
    dedup_horizon_us: int
    future_skew_us: int


class Prepare:
    """Decodes, drops repeats, judges lateness, enriches and routes. One a process.

    Args:
        decoder: turns raw records into events.
        enrich: completes events in place (profile, sentiment).
        rules: time settings; ``feed_times`` overrides them by feed.
        router: where events go from here.
        dedup: remembers ids.
        tallies: counts; shared with whoever reports them.
        pace: told how far each partition has come.
    """

    def __init__(
        self,
        *,
        decoder: Decoder,
        enrich: Callable[[Sequence[Event]], None],
        rules: TimeRules,
        feed_times: Mapping[str, FeedTime],
        router: Router,
        dedup: Deduplicator,
        tallies: Tallies,
        pace: Pace,
    ) -> None:
        self._decoder = decoder
        self._enrich = enrich
        self._rules = rules
        self._feed_times = feed_times
        self._router = router
        self._dedup = dedup
        self._tallies = tallies
        self._pace = pace
        self._watermarks = Watermarks(rules.lateness_us, rules.idle_after_us, self._own_times)
        self._latest_us: int | None = None

    @property
    def progress(self) -> Progress:
        """How far time has come."""
        return self._watermarks.progress

    def partitions(self) -> Mapping[PartitionKey, PartitionTime]:
        """Return the event time of every partition, for health and metrics."""
        return self._watermarks.partitions

    def take(self, item: LaneItem) -> list[Routed]:
        """Return what the detectors and the dead letters get from one item of the lane, in order."""
        out: list[Routed] = []
        # Every partition holds time back from the start, also those that nothing has been read from yet.
        partition = self._watermarks.partition
        for feed, name in item.statuses:
            partition(feed, name)
        self._watermarks.keep_only(item.statuses)
        if item.anew and item.now_us is not None:
            self._watermarks.listen_anew(item.now_us)
        self._latest_us = item.latest_us
        for batch in item.batches:
            self._take_batch(batch, item.now_us, out)
        for (feed, name), status in item.statuses.items():
            partition(feed, name).status = status
        self._hand_out(item.now_us, out)
        self._dedup.advance(self._watermarks.progress.watermark_us)
        self._tallies.progress = self._watermarks.progress
        return out

    def _own_times(self, feed: str) -> tuple[int | None, int | None]:
        if origin(feed) != feed:  # the requeue: what nobody has sent again will not come by itself
            return None, 0
        times = self._feed_times.get(feed)
        return (None, None) if times is None else (times.lateness_us, times.idle_after_us)

    def _take_batch(self, batch: RawBatch, now_us: int | None, out: list[Routed]) -> None:
        tallies = self._tallies
        if batch.told is not None:
            self._watermarks.partition(batch.feed, batch.partition).hear(batch.told)
        decoded = self._decoder.decode(batch)
        tallies.took(batch.feed, len(batch.records) + len(batch.bad))
        tallies.filtered += decoded.filtered
        for bad in decoded.dead:
            out.append(bad)
            tallies.dead(batch.feed, bad.reason)
        events: Sequence[Event] = decoded.events
        if events and now_us is not None:
            events = self._turn_away_future(batch, events, now_us, out)
        if not events:
            return
        times_us, oldest_us, newest_us = _times_us(events)
        fresh = self._dedup.fresh(events, newest_us)
        if len(fresh) < len(events):
            tallies.duplicates += len(events) - len(fresh)
            if not fresh:
                return
            times_us, oldest_us, newest_us = _times_us(fresh)
        part = self._watermarks.partition(batch.feed, batch.partition)
        part.events += len(fresh)
        in_time = oldest_us >= max(part.newest_us, newest_us) - part.lateness_us
        late = [] if in_time else part.late_indices(times_us)
        if late or oldest_us < self._oldest_us(batch.feed, part):
            self._take_late(batch, part, fresh, late, now_us, out)
        else:
            part.saw(newest_us, now_us)
            self._route(fresh, (batch.feed, batch.partition))
        self._pace.newest_us[batch.feed, batch.partition] = part.newest_us

    def _turn_away_future(
        self, batch: RawBatch, events: Sequence[Event], now_us: int, out: list[Routed]
    ) -> Sequence[Event]:
        latest_us = (now_us if self._latest_us is None else self._latest_us) + self._rules.future_skew_us
        if _times_us(events)[2] <= latest_us:
            return events
        for event in events:
            if event.time_us > latest_us:
                detail = f"time is {(event.time_us - now_us) / 1e6:.0f} s ahead of the clock"
                self._bury(batch, event, Reason.FROM_FUTURE, detail, out)
        return [event for event in events if event.time_us <= latest_us]

    def _oldest_us(self, feed: str, part: PartitionTime) -> int:
        """Return the time before which repeats cannot be told. What somebody sends again by hand is never too old."""
        if origin(feed) != feed:
            return NEVER_US
        return max(part.watermark_us, self._watermarks.progress.watermark_us) - self._rules.dedup_horizon_us

    def _take_late(
        self,
        batch: RawBatch,
        part: PartitionTime,
        events: Sequence[Event],
        late: list[int],
        now_us: int | None,
        out: list[Routed],
    ) -> None:
        """Route ``events`` in pieces, cut so that each late one meets exactly the watermark that made it late.

        A piece holds events that move the watermark, or late ones, never both; between two pieces time is carried to
        everybody, also to the shards that a piece has nothing for.
        """
        self._hand_out(now_us, out)
        late_set = set(late)
        piece: list[Event] = []
        moves = behind = False  # whether the piece holds events that move the watermark, or late ones
        for index, event in enumerate(events):
            is_late = index in late_set
            if moves if is_late else behind and event.time_us > part.newest_us:
                self._route(piece, (batch.feed, batch.partition))
                self._hand_out(now_us, out)
                piece, moves, behind = [], False, False
            if event.time_us < self._oldest_us(batch.feed, part):
                detail = "older than the horizon in which repeats can be told (time.dedup_horizon)"
                self._bury(batch, event, Reason.TOO_LATE, detail, out)
                self._dedup.forget(event)
                continue
            if is_late:
                self._tallies.late += 1
                behind = True
            elif event.time_us > part.newest_us:
                part.saw(event.time_us, now_us)
                moves = True
            piece.append(event)
        part.saw(part.newest_us, now_us)
        self._route(piece, (batch.feed, batch.partition))
        self._hand_out(now_us, out)

    def _bury(self, batch: RawBatch, event: Event, reason: Reason, detail: str, out: list[Routed]) -> None:
        out.append(self._decoder.bury(batch, event, reason, detail))
        self._tallies.dead(batch.feed, reason)

    def _route(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Put events aside for their detectors, until :meth:`_hand_out`."""
        if events:
            self._tallies.events += len(events)
            self._enrich(events.by_rows if isinstance(events, EventColumns) else events)
            self._router.add(events, source)

    def _hand_out(self, now_us: int | None, out: list[Routed]) -> None:
        """Give every detector what was put aside for it, and carry time to all of them."""
        self._router.hand_out(self._watermarks.advance(now_us), self._watermarks, now_us, out)

    def snapshot(self) -> bytes:
        """Return the state; makes the memory of ids durable."""
        parts = [self._watermarks.snapshot(), self._dedup.snapshot(), self._tallies.snapshot()]
        state = [SNAPSHOT_VERSION, *parts, self._router.snapshot()]
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`snapshot` returned."""
        version, watermarks, dedup, tallies, *router = msgspec.msgpack.decode(state)
        if version not in READ_VERSIONS:
            known = " and ".join(map(str, READ_VERSIONS))
            msg = f"the prepare step's state is of version {version!r}, this program reads {known}"
            raise SnapshotVersionError(msg)
        self._watermarks.restore(watermarks)
        self._dedup.restore(dedup)
        self._tallies.restore(tallies)
        if router:
            self._router.restore(router[0])
        for key, part in self._watermarks.partitions.items():
            self._pace.newest_us[key] = part.newest_us


def _times_us(events: Sequence[Event]) -> tuple[npt.NDArray[np.int64], int, int]:
    """Return the times of events, of which there must be some, the oldest of them and the newest."""
    columns = events.times() if isinstance(events, EventColumns) else None
    times_us = np.array([event.time_us for event in events], dtype=np.int64) if columns is None else columns
    return times_us, int(times_us.min()), int(times_us.max())
