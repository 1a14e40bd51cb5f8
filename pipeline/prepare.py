"""Prepare: raw micro-batches become fresh, enriched events, known to be on time or late, grouped by detector.

Everything that must be judged in the order of arrival (repeats, lateness, watermarks) is judged here, once, so that
shards and batch sizes cannot change a result. A micro-batch is cut wherever a late event follows one that moved its
partition's
watermark: detectors then see the same sequence of (watermark, late event) however the stream was cut.
"""

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.contract import NEVER_US, CaseDetector, Detector, Progress, WindowDetector
from detectors.events import EVENT_CLASSES, Event
from detectors.panes import Panes
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import RawBatch
from pipeline.lane import LaneItem, Pace, PartitionKey
from pipeline.letters import DeadLetter, origin
from pipeline.reasons import Reason
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime, Watermarks

SNAPSHOT_VERSION = 2


class CaseBatch(msgspec.Struct, gc=False):
    """Events of one shard of a case detector, and how far time has come after them."""

    detector: str
    shard: int
    events: list[Event]
    progress: Progress


class PaneBatch(msgspec.Struct, gc=False):
    """Partial aggregates for a window detector, and how far time has come after them."""

    detector: str
    panes: Panes
    progress: Progress


Routed = CaseBatch | PaneBatch | DeadLetter


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
        detectors: by name.
        decoder: turns raw records into events.
        enrich: completes events in place (profile, sentiment).
        rules: time settings; ``feed_times`` overrides them by feed.
        shards: how many shards the keys of each case detector are spread over.
        dedup: remembers ids.
        tallies: counts; shared with whoever reports them.
        pace: told how far each partition has come.
    """

    def __init__(
        self,
        *,
        detectors: Mapping[str, Detector],
        decoder: Decoder,
        enrich: Callable[[Sequence[Event]], None],
        rules: TimeRules,
        feed_times: Mapping[str, FeedTime],
        shards: int,
        dedup: Deduplicator,
        tallies: Tallies,
        pace: Pace,
    ) -> None:
        self._decoder = decoder
        self._enrich = enrich
        self._rules = rules
        self._feed_times = feed_times
        self._shards = shards
        self._dedup = dedup
        self._tallies = tallies
        self._pace = pace
        self._watermarks = Watermarks(rules.lateness_us, rules.idle_after_us, self._own_times)
        self._cases: list[CaseDetector] = []
        self._windows: list[WindowDetector] = []
        for detector in detectors.values():
            if isinstance(detector, WindowDetector):
                self._windows.append(detector)
            else:
                self._cases.append(detector)
        self._case_types = [_classes(detector.event_types) for detector in self._cases]
        self._window_types = [_classes(detector.event_types) for detector in self._windows]
        # What has been routed and not yet handed out: by case detector and shard, and by window detector.
        self._by_shard: list[list[list[Event]]] = [[[] for _ in range(shards)] for _ in self._cases]
        self._combiners = [detector.combiner() for detector in self._windows]
        self._announced: Progress | None = None

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
        for batch in item.batches:
            self._take_batch(batch, item.now_us, out)
        for (feed, name), status in item.statuses.items():
            partition(feed, name).status = status
        self._hand_out(self._watermarks.advance(item.now_us), out)
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
        decoded = self._decoder.decode(batch)
        tallies.took(batch.feed, len(batch.records) + len(batch.bad))
        tallies.filtered += decoded.filtered
        for bad in decoded.dead:
            out.append(bad)
            tallies.dead(batch.feed, bad.reason)
        events: Sequence[Event] = decoded.events
        if not events:
            return
        if now_us is not None:
            events = self._turn_away_future(batch, events, now_us, out)
            if not events:
                return
        times_us = _times_us(events)
        oldest_us, newest_us = int(times_us.min()), int(times_us.max())
        fresh = self._dedup.fresh(events, newest_us)
        if len(fresh) < len(events):
            tallies.duplicates += len(events) - len(fresh)
            if not fresh:
                return
            times_us = _times_us(fresh)
            oldest_us, newest_us = int(times_us.min()), int(times_us.max())
        part = self._watermarks.partition(batch.feed, batch.partition)
        part.events += len(fresh)
        in_time = oldest_us >= max(part.newest_us, newest_us) - part.lateness_us
        late = [] if in_time else part.late_indices(times_us)
        if late or oldest_us < self._oldest_us(batch.feed, part):
            self._take_late(batch, part, fresh, late, now_us, out)
        else:
            part.saw(newest_us, now_us)
            self._route(fresh)
        self._pace.newest_us[batch.feed, batch.partition] = part.newest_us

    def _turn_away_future(
        self, batch: RawBatch, events: Sequence[Event], now_us: int, out: list[Routed]
    ) -> Sequence[Event]:
        latest_us = now_us + self._rules.future_skew_us
        if all(event.time_us <= latest_us for event in events):
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
        self._hand_out(self._watermarks.advance(now_us), out)
        late_set = set(late)
        piece: list[Event] = []
        moves = behind = False  # whether the piece holds events that move the watermark, or late ones
        for index, event in enumerate(events):
            is_late = index in late_set
            if moves if is_late else behind and event.time_us > part.newest_us:
                self._route(piece)
                self._hand_out(self._watermarks.advance(now_us), out)
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
        self._route(piece)
        self._hand_out(self._watermarks.advance(now_us), out)

    def _bury(self, batch: RawBatch, event: Event, reason: Reason, detail: str, out: list[Routed]) -> None:
        out.append(self._decoder.bury(batch, event, reason, detail))
        self._tallies.dead(batch.feed, reason)

    def _route(self, events: Sequence[Event]) -> None:
        """Put events aside for their detectors, until :meth:`_hand_out`."""
        if not events:
            return
        self._tallies.events += len(events)
        self._enrich(events)
        kinds = set(map(type, events))
        for detector, classes, by_shard in zip(self._cases, self._case_types, self._by_shard, strict=True):
            chosen = _chosen(events, kinds, classes)
            if chosen:
                self._spread(detector, chosen, by_shard)
        for combiner, classes in zip(self._combiners, self._window_types, strict=True):
            chosen = _chosen(events, kinds, classes)
            if chosen:
                combiner.add(chosen)

    def _spread(self, detector: CaseDetector, events: Sequence[Event], by_shard: list[list[Event]]) -> None:
        shards, key_of = self._shards, detector.key
        for event in events:
            key = key_of(event)
            if key is not None:
                by_shard[crc32(key.encode()) % shards].append(event)

    def _hand_out(self, progress: Progress, out: list[Routed]) -> None:
        """Give every detector what was put aside for it; carry time also to those that got nothing."""
        told = progress == self._announced
        self._announced = progress
        for detector, by_shard in zip(self._cases, self._by_shard, strict=True):
            for shard, events in enumerate(by_shard):
                if events or not told:
                    out.append(CaseBatch(detector.name, shard, events, progress))
                    by_shard[shard] = []
        for window, combiner in zip(self._windows, self._combiners, strict=True):
            panes = combiner.take()
            if panes or not told:
                out.append(PaneBatch(window.name, panes, progress))

    def snapshot(self) -> bytes:
        """Return the state; makes the memory of ids durable."""
        state = [SNAPSHOT_VERSION, self._watermarks.snapshot(), self._dedup.snapshot(), self._tallies.snapshot()]
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`snapshot` returned."""
        version, watermarks, dedup, tallies = msgspec.msgpack.decode(state)
        if version != SNAPSHOT_VERSION:
            msg = f"the recovery data has prepare state of version {version}, this program reads {SNAPSHOT_VERSION}"
            raise ValueError(msg)
        self._watermarks.restore(watermarks)
        self._dedup.restore(dedup)
        self._tallies.restore(tallies)
        for key, part in self._watermarks.partitions.items():
            self._pace.newest_us[key] = part.newest_us


def _times_us(events: Sequence[Event]) -> npt.NDArray[np.int64]:
    return np.array([event.time_us for event in events], dtype=np.int64)


def _chosen(events: Sequence[Event], kinds: set[type], classes: frozenset[type]) -> Sequence[Event]:
    """Return the events whose class is in ``classes``; ``kinds`` are all the classes among them."""
    if kinds <= classes:
        return events
    if kinds.isdisjoint(classes):
        return ()
    return [event for event in events if event.__class__ in classes]


def _classes(event_types: frozenset[str]) -> frozenset[type]:
    return frozenset(EVENT_CLASSES[name] for name in event_types)
