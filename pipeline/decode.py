"""Raw batches to events: canonical records directly, other people's records by their feed's mapping."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import msgspec

from config.mapping import MappingSettings
from detectors.events import Event
from pipeline.cloudevents import Failures, take_liberties
from pipeline.columns.events import EventColumns
from pipeline.columns.lane import ColumnLane
from pipeline.events import decode_many, encode_event
from pipeline.feeds.contract import RawBatch
from pipeline.letters import DeadLetter, origin
from pipeline.mapping import Mapper, compile_mapping
from pipeline.reasons import Reason, RecordError
from pipeline.records.text import CUTTER, joined, size_of
from pipeline.schema_changes import SchemaChanges
from pipeline.sequences import between

EVENT_OFFSET = -1
"""Offset of letters that hold an event and not a record: an event turned away has no place of its own in its feed."""


class Decoded(msgspec.Struct):
    """What became of one raw batch.

    Attributes:
        events: in the order of their records.
        dead: one dead letter for each record that is no event, those of the feed itself first.
        filtered: records that the mapping's filters left out.
    """

    events: Sequence[Event]
    dead: list[DeadLetter]
    filtered: int


class DecodedRun(msgspec.Struct):
    """What became of several batches.

    Attributes:
        events: in the order of their records.
        ends: of each batch, how many events are of it or of one before it.
        dead: of each batch, as of :class:`Decoded`.
        filtered: in all.
    """

    events: Sequence[Event]
    ends: list[int]
    dead: list[list[DeadLetter]]
    filtered: int


class Decoder:
    """Decodes the batches of several feeds.

    Args:
        mappings: by feed; None where records are CloudEvents already.
        changes: told of records whose shape has changed.
        columns: takes canonical records as columns, where that is certain to give the same; None: all go by rows.
    """

    def __init__(
        self,
        mappings: Mapping[str, MappingSettings | None],
        changes: SchemaChanges | None = None,
        columns: ColumnLane | None = None,
    ) -> None:
        self._columns = columns
        self._changes = changes if changes is not None else SchemaChanges()
        self._mappers: dict[str, Mapper] = {
            feed: compile_mapping(settings, feed) for feed, settings in mappings.items() if settings is not None
        }

    def runs(self, batches: Sequence[RawBatch]) -> Iterator[list[RawBatch]]:
        """Cut batches into runs for :meth:`decode_run`, of one feed each, and of about as much as is read at once.

        Many partitions give a little each: a batch has costs, whatever is in it.
        """
        run: list[RawBatch] = []
        size = 0
        for batch in batches:
            joins = batch.told is None and self._mapper(batch) is None
            if run and (not joins or batch.feed != run[0].feed or size >= CUTTER.block_bytes):
                yield run
                run, size = [], 0
            if joins:
                run.append(batch)
                size += size_of(batch.records)
            else:
                yield [batch]
        if run:
            yield run

    def decode(self, batch: RawBatch) -> Decoded:
        """Return the batch's events, and a dead letter for each record that is none. Never raises for bad data."""
        decoded = self.decode_run([batch])
        return Decoded(decoded.events, decoded.dead[0], decoded.filtered)

    def decode_run(self, run: Sequence[RawBatch]) -> DecodedRun:
        """Decode one batch, or several that :meth:`runs` has put together."""
        dead = [
            [
                DeadLetter(batch.feed, batch.partition, bad.offset, 0, bad.raw, Reason(bad.reason), bad.detail)
                for bad in batch.bad
            ]
            for batch in run
        ]
        filtered = sum([batch.filtered for batch in run])
        records = joined([batch.records for batch in run])
        mapper = self._mapper(run[0])
        events: Sequence[Event]
        if mapper is None:
            events, errors = self._canonical(run[0].feed, records)
            places = list(accumulate([len(batch.records) for batch in run]))
            bad_places = sorted([index for index, _ in errors])
            ends = [place - bisect_left(bad_places, place) for place in places] if errors else places
        else:
            mapped = mapper.map_many(records)
            events, errors, filtered = mapped.events, mapped.errors, filtered + mapped.filtered
            places, ends = [len(records)], [len(events)]
        decoded = DecodedRun(events, ends, dead, filtered)
        if errors or self._changes.open_feeds:
            self._tell(run, places, errors, decoded)
        return decoded

    def _mapper(self, batch: RawBatch) -> Mapper | None:
        return None if batch.mapped else self._mappers.get(origin(batch.feed))

    def _tell(self, run: Sequence[RawBatch], places: Sequence[int], errors: Failures, decoded: DecodedRun) -> None:
        """Bury the bad records of each batch, and tell whoever looks at the shapes of records of all of them."""
        firsts = [0, *places]
        of_batch: list[Failures] = [[] for _ in run]
        for index, error in errors:
            number = bisect_right(places, index)
            of_batch[number].append((index - firsts[number], error))
        begin = 0
        for batch, own, end, dead in zip(run, of_batch, decoded.ends, decoded.dead, strict=True):
            self._changes.saw(batch, between(decoded.events, begin, end), own)
            dead.extend(self._dead(batch, index, error) for index, error in own)
            begin = end

    def _canonical(self, feed: str, records: Sequence[bytes]) -> tuple[Sequence[Event], Failures]:
        columns = None if self._columns is None else self._columns.scan(feed, records)
        return _by_rows(records) if columns is None else _completed(records, columns)

    @staticmethod
    def _dead(batch: RawBatch, index: int, error: RecordError) -> DeadLetter:
        return DeadLetter(
            batch.feed,
            batch.partition,
            batch.offsets[index],
            0,
            batch.records[index],
            error.reason,
            error.detail,
            batch.mapped,
        )

    @staticmethod
    def bury(batch: RawBatch, event: Event, reason: Reason, detail: str) -> DeadLetter:
        """Return the dead letter of an event that was decoded and then turned away."""
        # One of several events of a record may be turned away, so the letter holds the event, not the record.
        raw = encode_event(event)
        return DeadLetter(
            batch.feed, batch.partition, EVENT_OFFSET, 0, raw, reason, f"{event.id}: {detail}", mapped=True
        )


def _by_rows(records: Sequence[bytes]) -> tuple[list[Event], Failures]:
    events, errors = decode_many(records)
    return take_liberties(records, events, errors) if errors else (events, errors)


def _completed(records: Sequence[bytes], columns: EventColumns) -> tuple[Sequence[Event], Failures]:
    """Decode those records by rows that are not plain, and put their events in their places among the others."""
    rows = columns.uncertain()
    if not rows:
        return columns, []
    events, errors = _by_rows([records[row] for row in rows])
    bad = {index for index, _ in errors}
    good = [row for index, row in enumerate(rows) if index not in bad]
    completed = columns.completed(dict(zip(good, events, strict=True)))
    if completed is None:
        return _by_rows(records)
    return completed, [(rows[index], error) for index, error in errors]
