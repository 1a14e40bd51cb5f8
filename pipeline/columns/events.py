"""Events as columns, that become objects only where somebody asks for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from detectors.events import Event
from pipeline.columns.fields import TYPES, type_mask
from pipeline.columns.layout import NO_ROOM, PADDING, SOURCE, TYPE, Bytes, Floats, Ints
from pipeline.events import decode_many
from pipeline.ids.asked import Machine, Spans
from pipeline.records.text import Lines

if TYPE_CHECKING:
    from pipeline.columns.packing import Packer
    from pipeline.columns.pool import Pool

_NUMBERS = {name: number for number, name in enumerate(TYPES)}


class Scanned(NamedTuple):
    """What the scanner makes of a batch: a row for each record; only in those that are ``certain`` the rest holds.

    Attributes:
        text: of the records, ``size`` bytes, with room for the ids of others behind it.
        name_ats, name_sizes: where the names of what an event is about are, by ``layout.NAMES``, where some are packed.
        codes, numbers: by column, then by record. ``text_fields``, ``number_fields``: the names of the columns.
        machine: remembers ids. packer: makes lines of names.
    """

    records: Lines
    text: Bytes
    size: int
    certain: npt.NDArray[np.bool_]
    times_us: Ints
    id_ats: Ints
    id_sizes: Ints
    name_ats: Ints
    name_sizes: Ints
    codes: Ints
    numbers: Floats
    text_fields: tuple[str, ...]
    number_fields: tuple[str, ...]
    pool: "Pool"
    machine: Machine
    packer: "Packer"


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
        rows, those = list(events), list(events.values())
        ids = [event.id.encode() for event in those]
        text = b"".join(ids)
        sources = scanned.pool.codes(SOURCE, [event.source for event in those])
        revised = any([event.rev for event in those])  # noqa: C419 - a list is faster here
        if revised or NO_ROOM in sources or scanned.size + len(text) + PADDING > len(scanned.text):
            return None
        scanned.text[scanned.size : scanned.size + len(text)] = np.frombuffer(text, dtype=np.uint8)
        sizes = np.array([len(key) for key in ids], dtype=np.int64)
        scanned.id_sizes[rows] = sizes
        scanned.id_ats[rows] = scanned.size + np.cumsum(sizes) - sizes
        scanned.codes[TYPE, rows] = [_NUMBERS[event.type] for event in those]
        scanned.codes[SOURCE, rows] = sources
        scanned.times_us[rows] = [event.time_us for event in those]
        there = scanned.certain.copy()
        there[rows] = True
        return EventColumns(scanned, np.flatnonzero(there), events)

    # What prepare asks.

    @property
    def by_rows(self) -> list[Event]:
        """The events that came by rows."""
        return list(self._by_row.values())

    def ids(self) -> Spans:
        """Return where the ids of the events are, before the next batch is scanned."""
        scanned, rows = self._scanned, self._rows
        return Spans(
            scanned.text, scanned.id_ats.take(rows), scanned.id_sizes.take(rows), scanned.codes[SOURCE].take(rows),
            scanned.pool.texts[SOURCE], scanned.machine,
        )  # fmt: skip

    def at(self, places: Ints) -> "EventColumns":
        """Return some of the events: those at these places, which rise."""
        rows = self._rows[places]
        left = set(rows.tolist()) if self._by_row else ()
        return EventColumns(self._scanned, rows, {row: event for row, event in self._by_row.items() if row in left})

    def counts(self, chosen: "EventColumns", ends: Sequence[int]) -> list[int]:
        """Return how many of some of the events stand before each of these places among all of them."""
        behind = np.append(self._rows, len(self._scanned.certain)).take(ends)
        found: list[int] = np.searchsorted(chosen._rows, behind).tolist()  # noqa: SLF001 - one of its own kind
        return found

    def of(self, types: frozenset[str]) -> "EventColumns":
        """Return the events of some types."""
        chosen = self._are(types)
        return self if chosen.all() else EventColumns(self._scanned, self._rows[chosen], self._by_row)

    def plain(self, types: frozenset[str]) -> "EventColumns":
        """Return the events of some types that did not come by rows."""
        chosen = self._are(types) & self._scanned.certain.take(self._rows)
        return EventColumns(self._scanned, self._rows[chosen])

    def _are(self, types: frozenset[str]) -> npt.NDArray[np.bool_]:
        """Say of each event whether it is of one of these types."""
        chosen: npt.NDArray[np.bool_] = type_mask(types).take(self._scanned.codes[TYPE].take(self._rows))
        return chosen

    def settle(self, types: frozenset[str]) -> bool:
        """Write what events of some types have that came by rows into the columns; False where that cannot be.

        Labels can have the names of fields and stand for them; columns know nothing of labels.
        """
        scanned = self._scanned
        wanted = {row: event.data for row, event in self._by_row.items() if event.type in types}
        if not wanted:
            return True
        rows, datas = list(wanted), list(wanted.values())
        if any([data.labels for data in datas]):  # noqa: C419 - a list is faster here
            return False
        for column, field in enumerate(scanned.text_fields[2:], 2):
            codes = scanned.pool.codes(column, [getattr(data, field, None) for data in datas])
            if NO_ROOM in codes:
                return False
            scanned.codes[column, rows] = codes
        for column, field in enumerate(scanned.number_fields):
            # Not a number where there is none.
            scanned.numbers[column, rows] = np.array([getattr(data, field, None) for data in datas], dtype=np.float64)
        return True

    # What is asked of plain events that are packed, before the next batch is scanned.

    @property
    def packer(self) -> "Packer":
        """What makes lines of names."""
        return self._scanned.packer

    def names_of(self, name: int) -> npt.NDArray[np.bool_]:
        """Return which events have a name (one of ``layout.NAMES``) of what they are about."""
        there: npt.NDArray[np.bool_] = self._scanned.name_sizes[name].take(self._rows) > 0
        return there

    def id_lines(self) -> bytes:
        """Return the ids, a line each."""
        scanned = self._scanned
        return scanned.packer.lines(scanned.records.text, self._rows, scanned.id_ats, scanned.id_sizes)

    def name_lines(self, name: int) -> bytes:
        """Return the names (one of ``layout.NAMES``) of what the events are about, a line each."""
        scanned = self._scanned
        return scanned.packer.lines(scanned.records.text, self._rows, scanned.name_ats[name], scanned.name_sizes[name])

    def customer_lines(self) -> bytes:
        """Return the customers that the events are about, else the cases, a line each."""
        scanned = self._scanned
        return scanned.packer.customers(scanned.records.text, self._rows, scanned.name_ats, scanned.name_sizes)

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
            by_row, rows = self._by_row, self._rows.tolist()
            own = np.array([row for row in rows if row not in by_row], dtype=np.int64) if by_row else self._rows
            plain, errors = decode_many(self._scanned.records.some(own))
            if errors:  # a test compares what the two take; this is the only safe thing to do should they ever differ
                msg = (
                    f"the scanner took a record that is no event: {errors[0][1]}; set flow.columns: off, and report it"
                )
                raise RuntimeError(msg)
            rest = iter(plain)
            self._events = [by_row[row] if row in by_row else next(rest) for row in rows] if by_row else plain
        return self._events
