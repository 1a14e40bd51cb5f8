"""Prepare: raw micro-batches become fresh, enriched events, known to be on time or late, grouped by detector.

Everything that must be judged in the order of arrival (repeats, lateness, watermarks) is judged here, once: shards and
batch sizes cannot change a result. A micro-batch is cut where a late event follows one that moved its partition's
watermark: detectors see the same sequence of (watermark, late event) however the stream was cut.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from detectors.columns import Ints
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
from pipeline.sequences import between, places_among, times_us
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
        batches = item.batches
        runs = [[batch] for batch in batches] if self._router.by_partition else self._decoder.runs(batches)
        for run in runs:
            self._take_run(run, item.now_us, out)
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

    def _take_run(self, run: Sequence[RawBatch], now_us: int | None, out: list[Routed]) -> None:
        """Take batches that were put together; where something may have to be turned away for its time, one by one.

        What is turned away is forgotten and may come again: only one after another it is known which of two that are
        the same is the repeat.
        """
        decoded = self._decoder.decode_run(run)
        events, ends = decoded.events, decoded.ends
        self._tallies.filtered += decoded.filtered
        all_us = times_us(events)
        together = len(run) == 1 or not events or self._within_all_bounds(all_us, now_us)
        begin = 0
        for batch, dead, end in zip(run, decoded.dead, ends, strict=True):
            self._tallies.took(batch.feed, len(batch.records) + len(batch.bad))
            for bad in dead:
                out.append(bad)
                self._tallies.dead(batch.feed, bad.reason)
            if not together:
                self._take_events([batch], between(events, begin, end), all_us[begin:end], [end - begin], now_us, out)
            begin = end
        if together:
            self._take_events(run, events, all_us, ends, now_us, out)

    def _within_all_bounds(self, all_us: Ints, now_us: int | None) -> bool:
        """Say whether no event of these times can be from the future or too late, in whatever order they are judged."""
        oldest_us, newest_us = int(all_us.min()), int(all_us.max())
        if now_us is not None and newest_us > self._latest_known_us(now_us):
            return False
        # No watermark gets further than this before all are judged.
        reached_us = max(newest_us, self._watermarks.newest_us, self._watermarks.progress.watermark_us, now_us or 0) + 1
        return oldest_us >= reached_us - self._rules.dedup_horizon_us

    def _take_events(
        self,
        run: Sequence[RawBatch],
        events: Sequence[Event],
        all_us: Ints,
        ends: Sequence[int],
        now_us: int | None,
        out: list[Routed],
    ) -> None:
        """Take the events of batches, at ``all_us``: those before the first of ``ends`` are of the first batch."""
        if now_us is not None and len(events) and int(all_us.max()) > self._latest_known_us(now_us):
            events = self._turn_away_future(run[0], events, now_us, out)
            ends, all_us = [len(events)], times_us(events)
        if events:
            fresh = self._dedup.fresh(events, int(all_us.max()))
            if len(fresh) < len(events):
                self._tallies.duplicates += len(events) - len(fresh)
                events, ends = fresh, places_among(fresh, events, ends)
                all_us = times_us(events)
        routed = begin = 0
        for batch, end in zip(run, ends, strict=True):
            if batch.told is not None:
                self._watermarks.partition(batch.feed, batch.partition).hear(batch.told)
            if end > begin:
                part = self._watermarks.partition(batch.feed, batch.partition)
                part.events += end - begin
                own_us = all_us[begin:end]
                oldest_us, newest_us = int(own_us.min()), int(own_us.max())
                in_time = oldest_us >= max(part.newest_us, newest_us) - part.lateness_us
                late = [] if in_time else part.late_indices(own_us)
                if late or oldest_us < self._oldest_us(batch.feed, part):
                    self._route(between(events, routed, begin), run[0])
                    self._take_late(batch, part, between(events, begin, end), late, now_us, out)
                    routed = end
                else:
                    part.saw(newest_us, now_us)
                self._pace.newest_us[batch.feed, batch.partition] = part.newest_us
            begin = end
        self._route(between(events, routed, begin), run[0])

    def _turn_away_future(
        self, batch: RawBatch, events: Sequence[Event], now_us: int, out: list[Routed]
    ) -> Sequence[Event]:
        latest_us = self._latest_known_us(now_us)
        for event in events:
            if event.time_us > latest_us:
                detail = f"time is {(event.time_us - now_us) / 1e6:.0f} s ahead of the clock"
                self._bury(batch, event, Reason.FROM_FUTURE, detail, out)
        return [event for event in events if event.time_us <= latest_us]

    def _latest_known_us(self, now_us: int) -> int:
        """Return the time after which events are from the future."""
        return (now_us if self._latest_us is None else self._latest_us) + self._rules.future_skew_us

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
                self._route(piece, batch)
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
        self._route(piece, batch)
        self._hand_out(now_us, out)

    def _bury(self, batch: RawBatch, event: Event, reason: Reason, detail: str, out: list[Routed]) -> None:
        out.append(self._decoder.bury(batch, event, reason, detail))
        self._tallies.dead(batch.feed, reason)

    def _route(self, events: Sequence[Event], first: RawBatch) -> None:
        """Put events aside for their detectors, until :meth:`_hand_out`."""
        if events:
            self._tallies.events += len(events)
            self._enrich(events.by_rows if isinstance(events, EventColumns) else events)
            self._router.add(events, (first.feed, first.partition))

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
