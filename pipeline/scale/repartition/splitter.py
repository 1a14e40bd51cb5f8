"""Sorts the events of a feed's own partitions into the partitions of what they are about."""

from collections.abc import Iterator
from zlib import crc32

import msgspec

from detectors.events import Event
from pipeline.decode import Decoded, Decoder
from pipeline.events import encode_event
from pipeline.feeds.contract import RawBatch
from pipeline.letters import DeadLetter
from pipeline.reasons import Reason
from pipeline.scale.repartition.names import key_of
from pipeline.scale.repartition.wire import PART_BITS, Mark, Run, encode, place
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime

MESSAGE_BYTES = 262_144
"""A message is sent when it holds this much."""
MOST_PARTS = 1 << PART_BITS
"""Events out of one record, at most."""
_Found = tuple[int, Event, bytes]


class _Open(msgspec.Struct):
    """A run that is being made; ``known_us``: the largest event time that its reader knows by then."""

    run: Run
    known_us: int


class Splitter:
    """Sorts one feed's events.

    Args:
        feed: its name.
        partitions: that events are sorted into.
        mapped: the feed has a mapping.
        decoder: turns its records into events.
        future_skew_us: an event further ahead of the clock is turned away.
        largest_bytes: an event that is larger is turned away.
        tallies: counts; shared with whoever reports them.
    """

    def __init__(
        self,
        feed: str,
        *,
        partitions: int,
        mapped: bool,
        decoder: Decoder,
        future_skew_us: int,
        largest_bytes: int,
        tallies: Tallies,
    ) -> None:
        self._feed = feed
        self._partitions = partitions
        self._mapped = mapped
        self._decoder = decoder
        self._future_skew_us = future_skew_us
        self._largest_bytes = largest_bytes
        self._tallies = tallies
        self._open: dict[tuple[str, int], _Open] = {}
        self._runs: dict[int, list[Run]] = {}
        self._bytes: dict[int, int] = {}
        self._parts: dict[str, tuple[PartitionTime, str]] = {}
        self._full: list[tuple[int, bytes]] = []
        self._letters: list[DeadLetter] = []

    def take(self, batch: RawBatch, topic_id: str, part: PartitionTime, now_us: int, latest_us: int) -> None:
        """Sort the records of an upstream partition.

        Args:
            batch: of the partition, in its order.
            topic_id: of its topic.
            part: how far it has come; goes on with the events.
            now_us: the clock, microseconds UTC.
            latest_us: the latest time that may be right; an event well beyond it is from the future.
        """
        self._tallies.took(self._feed, len(batch.records) + len(batch.bad))
        self._parts[batch.partition] = part, topic_id
        last_us = latest_us + self._future_skew_us
        for at, event, raw in self._found(batch):
            if event.time_us > last_us:
                detail = f"time is {(event.time_us - now_us) / 1e6:.0f} s ahead of the clock"
                self._bury(self._decoder.bury(batch, event, Reason.FROM_FUTURE, detail))
            elif len(raw) > self._largest_bytes:
                self._too_large(batch, at, raw)
            else:
                self._put(batch.partition, topic_id, part, at, event, raw)
                part.events += 1
                self._tallies.events += 1
        part.saw(part.newest_us, now_us)

    def _found(self, batch: RawBatch) -> Iterator[_Found]:
        """Return the events with their places and bytes."""
        if not self._mapped:
            decoded = self._decode(batch)
            bad = {letter.offset for letter in decoded.dead}
            good = [index for index, offset in enumerate(batch.offsets) if offset not in bad] if bad else None
            for number, event in enumerate(decoded.events):
                index = number if good is None else good[number]
                yield place(batch.offsets[index]), event, batch.records[index]
            return
        # Only of one record at a time is it known which events it has become.
        self._decode(RawBatch(batch.feed, batch.partition, [], [], batch.bad))
        for offset, record in zip(batch.offsets, batch.records, strict=True):
            decoded = self._decode(RawBatch(batch.feed, batch.partition, [offset], [record]))
            if len(decoded.events) > MOST_PARTS:
                detail = f"{len(decoded.events)} events out of one record, at most {MOST_PARTS} can be passed on"
                self._bury(DeadLetter(batch.feed, batch.partition, offset, 0, record, Reason.TOO_LARGE, detail))
                continue
            for number, event in enumerate(decoded.events):
                yield place(offset, number), event, encode_event(event)

    def _decode(self, batch: RawBatch) -> Decoded:
        decoded = self._decoder.decode(batch)
        self._tallies.filtered += decoded.filtered
        for letter in decoded.dead:
            self._bury(letter)
        return decoded

    def _bury(self, letter: DeadLetter) -> None:
        self._letters.append(letter)
        self._tallies.dead(letter.feed, letter.reason)

    def _too_large(self, batch: RawBatch, at: int, raw: bytes) -> None:
        offset, part = at >> PART_BITS, at & (MOST_PARTS - 1)
        detail = f"an event of {len(raw)} bytes, and {self._largest_bytes} can be passed on"
        self._bury(DeadLetter(batch.feed, batch.partition, offset, part, raw, Reason.TOO_LARGE, detail, mapped=True))

    def _put(self, partition: str, topic_id: str, part: PartitionTime, at: int, event: Event, raw: bytes) -> None:
        number = crc32(key_of(event).encode()) % self._partitions
        newest_us, time_us = part.newest_us, event.time_us
        opened = self._open.get((partition, number))
        # A late event must meet all that was known upstream when it came, and not only what its readers have got.
        if opened is None or (time_us < newest_us - part.lateness_us and opened.known_us < newest_us):
            run = Run(partition, topic_id, newest_us, [], [])
            opened = self._open[partition, number] = _Open(run, newest_us)
            self._runs.setdefault(number, []).append(run)
        opened.run.places.append(at)
        opened.run.events.append(raw)
        opened.known_us = max(opened.known_us, time_us)
        part.newest_us = max(newest_us, time_us)
        size = self._bytes[number] = self._bytes.get(number, 0) + len(raw)
        if size >= MESSAGE_BYTES:
            self._close(number)

    def _close(self, number: int) -> None:
        """Make a message of what there is for a partition."""
        runs = self._runs.pop(number)
        del self._bytes[number]
        marks = []
        for partition in dict.fromkeys(run.partition for run in runs):
            self._open.pop((partition, number), None)
            part, topic_id = self._parts[partition]
            marks.append(Mark(partition, topic_id, part.newest_us))
        self._full.append((number, encode(self._feed, runs, marks, {})))

    def messages(self) -> list[tuple[int, bytes]]:
        """Return everything that was taken since the last call, as messages by partition, in their order."""
        for number in sorted(self._runs):
            self._close(number)
        full, self._full = self._full, []
        return full

    def letters(self) -> list[DeadLetter]:
        """Return the dead letters since the last call."""
        letters, self._letters = self._letters, []
        return letters
