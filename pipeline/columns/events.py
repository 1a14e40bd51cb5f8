"""Events as columns, that become objects only where somebody asks for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from detectors.events import Event
from pipeline.columns.fields import TYPES
from pipeline.columns.layout import NO_ROOM, SOURCE, TYPE, Bytes, Floats, Ints
from pipeline.events import decode_many
from pipeline.records.text import Lines

if TYPE_CHECKING:
    from pipeline.columns.pool import Pool

_NUMBERS = {name: number for number, name in enumerate(TYPES)}


class Scanned(NamedTuple):
    """What the scanner makes of a batch: a row for each record; only in those that are ``certain`` the rest holds.

    Attributes:
        text: of the records, ``size`` bytes, with room for the ids of others behind it.
        codes, numbers: by column, then by record. ``text_fields``, ``number_fields``: the names of the columns.
        gather: :func:`pipeline.columns.gathering.gather`.
    """

    records: Lines
    text: Bytes
    size: int
    certain: npt.NDArray[np.bool_]
    times_us: Ints
    id_ats: Ints
    id_sizes: Ints
    codes: Ints
    numbers: Floats
    text_fields: tuple[str, ...]
    number_fields: tuple[str, ...]
    pool: "Pool"
    gather: Callable[..., int]


class EventColumns(Sequence[Event]):
    """Events, in their order: a sequence like any other, and :class:`detectors.columns.Columns`.

    To go through it makes an object of every event, as the row path does. Those that came by rows are objects anyway.
    """

    def __init__(self, scanned: Scanned, rows: Ints | None = None, by_row: Mapping[int, Event] | None = None) -> None:
        self._scanned = scanned
        self._rows = np.arange(len(scanned.certain)) if rows is None else rows
        self._by_row: Mapping[int, Event] = {} if by_row is None else by_row
        self._events: list[Event] | None = None
        self.generation = scanned.pool.generation

    # What the decoder asks.

    def uncertain(self) -> list[int]:
        """Return the rows that are not plain."""
        certain = self._scanned.certain
        return [] if certain.all() else np.flatnonzero(~certain).tolist()

    def completed(self, events: Mapping[int, Event]) -> "EventColumns | None":
        """Return the events with those that came by rows, by row; None where these have no place among columns."""
        scanned = self._scanned
        at = scanned.size
        for row, event in events.items():
            raw = event.id.encode()
            source = scanned.pool.code(SOURCE, event.source)
            if source == NO_ROOM or at + len(raw) > len(scanned.text) or b"\n" in raw or event.rev:
                return None
            scanned.text[at : at + len(raw)] = np.frombuffer(raw, dtype=np.uint8)
            scanned.id_ats[row], scanned.id_sizes[row] = at, len(raw)
            scanned.codes[TYPE, row], scanned.codes[SOURCE, row] = _NUMBERS[event.type], source
            scanned.times_us[row] = event.time_us
            at += len(raw)
        there = scanned.certain.copy()
        there[list(events)] = True
        return EventColumns(scanned, np.flatnonzero(there), events)

    # What prepare asks.

    @property
    def by_rows(self) -> list[Event]:
        """The events that came by rows."""
        if not self._by_row:
            return []
        by_row = self._by_row
        return [by_row[row] for row in self._rows.tolist() if row in by_row]

    def ids(self) -> tuple[dict[str, list[str]], Ints]:
        """Return the ids by source, both in their order, and beside all of them, one after another, their places."""
        scanned, rows = self._scanned, self._rows
        sources = scanned.pool.texts[SOURCE]
        ranks = np.full(len(sources), -1, dtype=np.int64)
        begins = np.zeros(len(sources) + 1, dtype=np.int64)
        out = np.empty(int(scanned.id_sizes[rows].sum()) + len(rows), dtype=np.uint8)
        order = np.empty(len(rows), dtype=np.int64)
        base = scanned.text.ctypes.data
        count = scanned.gather(
            base, rows, scanned.codes[SOURCE], scanned.id_ats, scanned.id_sizes, ranks, begins, out, order
        )
        whole = out[:-1].tobytes().decode().split("\n")
        by_rank = {int(ranks[code]): sources[code] for code in np.flatnonzero(ranks >= 0).tolist()}
        ends = begins[: count + 1].tolist()
        return {by_rank[rank]: whole[ends[rank] : ends[rank + 1]] for rank in range(count)}, order

    def at(self, places: Ints) -> "EventColumns":
        """Return some of the events: those at these places, which rise."""
        return EventColumns(self._scanned, self._rows[places], self._by_row)

    def of(self, types: frozenset[str]) -> "EventColumns":
        """Return the events of some types."""
        wanted = np.array([name in types for name in TYPES])
        chosen = wanted[self._scanned.codes[TYPE].take(self._rows)]
        return self if chosen.all() else EventColumns(self._scanned, self._rows[chosen], self._by_row)

    def settle(self) -> bool:
        """Write what events that came by rows have into the columns; False where that cannot be.

        Labels can have the names of fields and stand for them; columns know nothing of labels.
        """
        scanned = self._scanned
        for row, event in self._by_row.items():
            data: Any = event.data
            if data.labels:
                return False
            for column, field in enumerate(scanned.text_fields[2:], 2):
                code = scanned.pool.code(column, getattr(data, field, None))
                if code == NO_ROOM:
                    return False
                scanned.codes[column, row] = code
            for column, field in enumerate(scanned.number_fields):
                number = getattr(data, field, None)
                scanned.numbers[column, row] = np.nan if number is None else number
        return True

    # What detectors ask: detectors.columns.Columns.

    def times(self) -> Ints:
        """Return the event times in microseconds."""
        return self._scanned.times_us.take(self._rows)

    def numbers(self, field: str) -> Floats:
        """Return a field that is a number: not a number where an event has none."""
        found: Floats = self._scanned.numbers[self._scanned.number_fields.index(field)].take(self._rows)
        return found

    def codes(self, field: str) -> Ints:
        """Return a field that is text as codes: -1 where it is empty or missing."""
        found: Ints = self._scanned.codes[self._scanned.text_fields.index(field)].take(self._rows)
        return found

    def texts(self, field: str) -> Sequence[str]:
        """Return the texts of a field by their codes."""
        return self._scanned.pool.texts[self._scanned.text_fields.index(field)]

    # What everybody asks of a sequence.

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())

    def _all(self) -> list[Event]:
        if self._events is None:
            by_row, records = self._by_row, self._scanned.records
            rows = self._rows.tolist()
            plain, errors = decode_many([records[row] for row in rows if row not in by_row])
            if errors:  # a test compares what the two take; this is the only safe thing to do should they ever differ
                msg = f"the scanner took a record that is no event: {errors[0][1]}"
                raise RuntimeError(msg)
            rest = iter(plain)
            self._events = [by_row[row] if row in by_row else next(rest) for row in rows]
        return self._events
