"""A whole file in order of event time: for tables that are not written in it.

All rows are read and mapped, and the *events* are sorted, because one row becomes events of different times. The result
depends on the set of rows alone, not on their order in the file.
"""

from collections.abc import Callable

from detectors.events import Event
from pipeline.events import decode_event, encode_event
from pipeline.feeds.contract import BadRecord
from pipeline.reasons import RecordError
from pipeline.records.contract import Cut, RecordReader

_AT_ONCE = 10_000


class TooMuchToSortError(Exception):
    """The events of a file do not have room in memory."""


class OrderedReader:
    """Reads events, as CloudEvents JSON, sorted by time and then by content (the protocol is ``RecordReader``).

    Offsets are ordinals from 1 in the sorted sequence; what could not be read or mapped comes first. Everything is read
    into memory by the first call of :meth:`take`, which takes as long as that takes.

    Args:
        reader: of the file, at its beginning.
        mapper: as ``pipeline.mapping.Mapper``; None: the records are CloudEvents.
        position: how many of the sequence to skip.
        max_bytes: the events, and the records that are none, may have this many together.
    """

    def __init__(
        self,
        reader: RecordReader,
        mapper: Callable[[bytes], list[Event] | None] | None,
        position: int,
        *,
        max_bytes: int,
    ) -> None:
        self.position = position
        self.ended = False
        self.filtered = 0
        self._limit = max_bytes
        self._reader: RecordReader | None = reader
        self._mapper = mapper
        self._events: list[bytes] = []
        self._bad: list[BadRecord] = []

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` records and bad records together.

        Raises:
            TooMuchToSortError: by the first call: saying what to do.
        """
        if self._reader is not None:
            self._load(self._reader)
            self._reader = None
        bad = self._bad[self.position : self.position + max_records]
        first = max(0, self.position - len(self._bad))
        records = self._events[first : first + max_records - len(bad)]
        offset = len(self._bad) + first + 1
        self.position += len(bad) + len(records)
        self.ended = self.position >= len(self._bad) + len(self._events)
        # Never 0 again: whoever resumes knows by it that the filtered rows have been counted.
        self.position = max(self.position, 1)
        return Cut(list(range(offset, offset + len(records))), records, bad)

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _load(self, reader: RecordReader) -> None:
        timed: list[tuple[int, bytes]] = []
        bad: list[tuple[bytes, str, str]] = []
        size = 0
        while not reader.ended:
            cut = reader.take(_AT_ONCE)
            bad += [(record.raw, record.reason, record.detail) for record in cut.bad]
            for raw in cut.records:
                try:
                    events = [decode_event(raw)] if self._mapper is None else self._mapper(raw)
                except RecordError as error:
                    bad.append((raw, error.reason, error.detail))
                    size += len(raw)
                    continue
                if events is None:
                    self.filtered += 1
                    continue
                made = [(event.time_us, encode_event(event)) for event in events]
                size += sum(len(text) for _, text in made)
                timed += made
            size += sum(len(record.raw) for record in cut.bad)
            if size > self._limit:
                hint = "sort the file beforehand and leave out sort: time, or allow more if memory does"
                msg = f"more than {self._limit} bytes of events are to be sorted in memory; {hint}"
                raise TooMuchToSortError(msg)
        reader.close()
        timed.sort()
        bad.sort()
        self._events = [raw for _, raw in timed]
        self._bad = [BadRecord(number, *record) for number, record in enumerate(bad, start=1)]
