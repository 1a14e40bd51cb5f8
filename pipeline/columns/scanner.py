"""From records to columns: runs the machine code over a batch."""

from collections.abc import Sequence

import msgspec
import numpy as np

from pipeline.columns import parts
from pipeline.columns.events import EventColumns, Scanned
from pipeline.columns.fields import TYPES, tables
from pipeline.columns.kernel import scan
from pipeline.columns.layout import CERTAIN, MOST_DIGITS, NAMES, PADDING, UNCERTAIN, Bytes, Floats, Ints
from pipeline.columns.packing import Packer
from pipeline.columns.pool import Pool
from pipeline.columns.remembering import Remembering
from pipeline.columns.wants import Wants
from pipeline.events import EARLIEST_US, LATEST_US
from pipeline.ids.asked import Sources
from pipeline.ids.recent import Recent
from pipeline.records.text import Lines

_FLOAT: msgspec.json.Decoder[float] = msgspec.json.Decoder(float)
_POWERS: Floats = np.array([10.0**power for power in range(MOST_DIGITS + 1)])
_LINE_END = 10
_EVERY_BIT = np.uint64(0xFFFFFFFFFFFFFFFF)
_FIRST_BYTES = 1 << 18


class Scanner:
    """Makes columns of records. One a flow; what it gave for a batch must be done with before the next.

    Args:
        wants: what becomes of the events.
    """

    def __init__(self, wants: Wants) -> None:
        self._tables = tables(wants.fields - {"source", "type"}, wants.as_events, wants.packed)
        self._pool = Pool(len(self._tables.texts))
        self._packer = Packer()
        self._machine = Remembering()
        self._text = np.empty(0, dtype=np.uint8)
        self._breaks = np.empty(_FIRST_BYTES, dtype=np.int64)
        self._hold(_FIRST_BYTES)

    def warm_up(self) -> None:
        """Run every part of the machine code once, so that it is there when it is needed."""
        record = b'{"type":"%s","source":"s","id":"i","time":"2024-05-01T09:30:00Z","data":{}}' % TYPES[0].encode()
        columns = self.scan([record, record])
        recent, asked = Recent(), Sources(hash).spans(columns.ids())
        for _ in range(2):
            recent.take(asked, np.zeros(len(columns), dtype=np.bool_))
        recent.find(asked, np.zeros(len(columns), dtype=np.bool_))
        recent.content(np.arange(recent.count), self._machine)
        for lines in (columns.id_lines(), columns.name_lines(0), columns.customer_lines()):
            self._packer.shards(lines, len(columns), 1)
        self.breaks(record)

    def breaks(self, text: bytes) -> Ints:
        """Return where lines end; the end of the text is none."""
        if len(self._breaks) < len(text):
            self._breaks = np.empty(2 * len(text), dtype=np.int64)
        found = np.frombuffer(text, dtype=np.uint8)
        return self._breaks[: parts.breaks(found, self._breaks)].copy()

    def _hold(self, size: int) -> None:
        if len(self._text) < size + 2 * PADDING:
            # Ids of events that came by rows are written behind the records.
            self._text = np.empty(2 * size + 4 * PADDING, dtype=np.uint8)
            self._quotes = np.empty(len(self._text) // 64, dtype=np.uint64)
            self._stretches = np.empty(len(self._text) // 64, dtype=np.uint8)

    def scan(self, records: Sequence[bytes]) -> EventColumns:
        """Return the records, of which there must be some, as columns, in which those that are not plain are marked."""
        if not isinstance(records, Lines):
            records = Lines.of(records)
        breaks = records.breaks
        self._pool.trim()
        size = len(records.text)
        self._hold(size)
        text = self._text
        text[:size] = np.frombuffer(records.text, dtype=np.uint8)
        text[size : size + PADDING] = _LINE_END
        stretches = size // 64 + 1
        self._quotes[stretches] = _EVERY_BIT  # whoever looks for a quote finds one, at the latest behind the text
        bits = parts.mark(text, self._quotes[:stretches], self._stretches[:stretches])
        not_utf8 = records.not_utf8() if bits & parts.BEYOND_ASCII else []
        count = len(records)
        starts = np.empty(count, dtype=np.int64)
        ends = np.empty(count, dtype=np.int64)
        starts[0], ends[-1] = 0, size
        starts[1:], ends[:-1] = breaks + 1, breaks
        known = self._tables
        states = np.empty(count, dtype=np.uint8)
        times_us, id_ats, id_sizes = np.zeros((3, count), dtype=np.int64)
        name_ats, name_sizes = np.empty((2, len(NAMES), count), dtype=np.int64)
        codes = np.empty((len(known.texts), count), dtype=np.int64)
        numbers = np.empty((len(known.numbers), count), dtype=np.float64)
        long_numbers = np.empty((count, 4), dtype=np.int64)
        longs = scan(
            text.ctypes.data,
            self._quotes,
            self._stretches,
            starts,
            ends,
            known.places,
            known.names,
            known.fields,
            known.types,
            self._pool.heads,
            self._pool.entries,
            self._pool.counts,
            _POWERS,
            states,
            times_us,
            id_ats,
            id_sizes,
            name_ats,
            name_sizes,
            codes,
            numbers,
            long_numbers,
        )
        if longs:
            _read_long(records.text, long_numbers[:longs], numbers, states)
        states[(times_us < EARLIEST_US) | (times_us >= LATEST_US)] = UNCERTAIN
        states[not_utf8] = UNCERTAIN
        self._pool.learn()
        return EventColumns(
            Scanned(
                records, text, size, states == CERTAIN, times_us, id_ats, id_sizes, name_ats, name_sizes, codes,
                numbers, known.texts, known.numbers, self._pool, self._machine, self._packer,
            )
        )  # fmt: skip


def _read_long(text: bytes, found: Ints, numbers: Floats, states: Bytes) -> None:
    """Read numbers with many digits as the row path does."""
    for record, column, begin, end in found.tolist():
        try:
            numbers[column, record] = _FLOAT.decode(text[begin:end])
        except msgspec.MsgspecError:
            states[record] = UNCERTAIN
