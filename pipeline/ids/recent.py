"""Recent ids whole, without an object for each: their bytes one after another, and a hash table of their numbers.

An id takes its length and some 40 bytes, where a string in a set takes 130. By columns machine code looks them up and
adds them; by rows numpy does, many at a time, in the same arrays.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.ids.asked import Asked, Flags, Ints, Machine, Numbers, Spans, Uints
from pipeline.ids.rows import element, elements, row, sizes

ScalarT = TypeVar("ScalarT", bound=np.generic)
_LOW_HALF = np.uint64(0xFFFF_FFFF)
_LEAST = 64
_HEADER_BYTES = 5
"""Before the bytes of an id, at most."""
_PADDING = 8
"""Bytes behind the last id: machine code looks at eight at a time, and writes so many."""


class Recent:
    """Ids that are held whole.

    Args:
        room: for so many ids from the start. size: for so many bytes of them.

    Attributes:
        count: of ids, those among them that were taken out again too. They are numbered in the order they came in.
        written: so many of them, the first ones, are in the changelog.
        hashes, sources: of each.
    """

    def __init__(self, room: int = _LEAST, size: int = _LEAST) -> None:
        self.count = 0
        self.written = 0
        self.hashes: Uints = np.empty(room, dtype=np.uint64)
        self.sources: Numbers = np.empty(room, dtype=np.int32)
        self._starts: Ints = np.zeros(room + 1, dtype=np.int64)
        self._gone: Flags = np.zeros(room, dtype=np.bool_)
        self._bytes: npt.NDArray[np.uint8] = np.empty(size, dtype=np.uint8)
        self._table: Uints = np.zeros(_table_for(room), dtype=np.uint64)
        """The high half of a hash, and behind it the number of the id, counted from one; 0 where there is none."""

    @property
    def used_sources(self) -> Numbers:
        """The sources of all ids, to be renumbered in place."""
        return self.sources[: self.count]

    def another(self) -> "Recent":
        """Return one with no ids, and room for as many as there are here, and a few more: nothing is to grow."""
        size = int(self._starts[self.count])
        return Recent(max(_LEAST, self.count + self.count // 64), max(_LEAST, size + size // 64))

    def alive(self, first: int, end: int) -> Ints:
        """Return the numbers, of those from ``first`` to ``end``, of ids that were not taken out again."""
        return first + np.flatnonzero(~self._gone[first:end])

    def find(self, asked: Asked, known: Flags) -> None:
        """Mark in ``known`` those of the ids that are here; those that are marked already are not looked for."""
        if self.count == 0:
            return
        if asked.spans is not None:
            asked.spans.machine.find(*self._arguments(asked, asked.spans, known))
            return
        waiting = np.flatnonzero(~known)
        mask = np.uint64(len(self._table) - 1)
        places = (asked.hashes.take(waiting) & mask).view(np.int64)
        while len(waiting):
            entries = self._table.take(places)
            there = entries != 0
            waiting, places, entries = waiting[there], places[there], entries[there]
            alike = np.flatnonzero((entries ^ asked.hashes.take(waiting)) <= _LOW_HALF)
            for at in alike.tolist():
                known[waiting[at]] = self._is(int(entries[at] & _LOW_HALF) - 1, asked, int(waiting[at]))
            others = ~known[waiting]
            waiting, places = waiting[others], (places[others] + 1) & int(mask)

    def take(self, asked: Asked, known: Flags) -> None:
        """Mark in ``known`` those of the ids that are here, or stand among the others before; add the new ones."""
        if asked.spans is not None:
            self._reserve(len(known), int(asked.spans.sizes.sum()) + _HEADER_BYTES * len(known))
            self.count = asked.spans.machine.take(
                *self._arguments(asked, asked.spans, known), self.hashes, self._bytes, self.count
            )
            return
        self.find(asked, known)
        new = np.flatnonzero(~known)
        if len({asked.keys[place] for place in new.tolist()}) < len(new):
            seen: set[tuple[int, str]] = set()
            for place in new.tolist():
                key = int(asked.sources[place]), asked.keys[place]
                known[place] = key in seen
                seen.add(key)
            new = np.flatnonzero(~known)
        if len(new):
            self.add(asked, new)

    def add(self, asked: Asked, new: Ints) -> None:
        """Add ids that came as strings, at some places, of which none is here and none stands there twice."""
        keys = asked.keys if len(new) == len(asked.keys) else [asked.keys[place] for place in new.tolist()]
        content = np.frombuffer(elements(keys), dtype=np.uint8)
        self._reserve(len(new), len(content))
        first, end = self.count, self.count + len(new)
        at = self._starts[first]
        self._bytes[at : at + len(content)] = content
        self._starts[first + 1 : end + 1] = at + np.cumsum(sizes(keys, ascii_only=asked.ascii_only))
        self.hashes[first:end] = asked.hashes.take(new)
        self.sources[first:end] = asked.sources.take(new)
        self._gone[first:end] = False
        self.count = end
        self._place(np.arange(first, end))

    def remove(self, asked: Asked) -> int:
        """Take out the one id that is asked for; return its number, -1 where it is not here."""
        mask = len(self._table) - 1
        place = int(asked.hashes[0]) & mask
        while entry := self._table[place]:
            number = int(entry & _LOW_HALF) - 1
            if entry ^ asked.hashes[0] <= _LOW_HALF and self._is(number, asked, 0):
                self._gone[number] = True
                return number
            place = (place + 1) & mask
        return -1

    def rows(self, first: int, end: int, names: Sequence[str], machine: Machine | None) -> Iterator[tuple[bytes, int]]:
        """Yield what the changelog gets of ids that were not taken out again, by source, and how many they are.

        Sources come in the order of their first ids.
        """
        alive = self.alive(first, end)
        if not len(alive):
            return
        sources = self.sources.take(alive)
        if len(alive) == end - first and (sources == sources[0]).all():
            content = self._bytes[self._starts[first] : self._starts[end]].tobytes()
            yield row(names[sources[0]], len(alive), content, was_added=True), len(alive)
            return
        groups = np.split(alive[order := np.argsort(sources, kind="stable")], _changes(sources[order]))
        for those in sorted(groups, key=_first):
            content = self.content(those, machine)
            yield row(names[self.sources[those[0]]], len(those), content, was_added=True), len(those)

    def content(self, those: Ints, machine: Machine | None) -> bytes:
        """Return some ids, whose numbers rise, as elements of an array."""
        starts, ends = self._starts.take(those), self._starts.take(those + 1)
        if machine is not None:
            size = int((ends - starts).sum())
            out = np.empty(size + _PADDING, dtype=np.uint8)
            machine.copy(self._bytes.ctypes.data, starts, ends, out.ctypes.data)
            return out[:size].tobytes()
        begin = int(starts[0])
        whole = self._bytes[begin : ends[-1]].tobytes()
        starts, ends = starts - begin, ends - begin
        return b"".join([whole[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)])

    def _is(self, number: int, asked: Asked, place: int) -> bool:
        if self._gone[number] or self.sources[number] != asked.sources[place]:
            return False
        return self._bytes[self._starts[number] : self._starts[number + 1]].tobytes() == element(asked.key(place))

    def _place(self, waiting: Ints) -> None:
        """Put ids that are not in the table yet into it."""
        mask = len(self._table) - 1
        found = self.hashes.take(waiting)
        places = (found & np.uint64(mask)).view(np.int64)
        entries = (found & ~_LOW_HALF) | (waiting + 1).view(np.uint64)
        while len(entries):
            free = self._table.take(places) == 0
            self._table[places[free]] = entries[free]
            left = self._table.take(places) != entries  # of several that want one place, one has it
            entries, places = entries[left], (places[left] + 1) & mask

    def _reserve(self, ids: int, size: int) -> None:
        """See to it that so many ids, of so many bytes, can be added."""
        count = self.count + ids
        if count > len(self.hashes):
            self.hashes = _grown(self.hashes, self.count, count)
            self.sources = _grown(self.sources, self.count, count)
            self._gone = _grown(self._gone, self.count, count)
            self._starts = _grown(self._starts, self.count + 1, count + 1)
        used = int(self._starts[self.count])
        if used + size + _PADDING > len(self._bytes):
            self._bytes = _grown(self._bytes, used, used + size + _PADDING)
        if 2 * count > len(self._table):
            self._table = np.zeros(_table_for(count), dtype=np.uint64)
            self._place(self.alive(0, self.count))

    def _arguments(self, asked: Asked, spans: Spans, known: Flags) -> tuple[object, ...]:
        return (
            spans.text.ctypes.data, spans.ats, spans.sizes, asked.hashes, asked.sources, known, self._table,
            self.sources, self._starts, self._gone, self._bytes.ctypes.data,
        )  # fmt: skip


def _first(numbers: Ints) -> int:
    return int(numbers[0])


def _changes(ordered: Numbers) -> Ints:
    """Return where another number begins."""
    found: Ints = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return found


def _table_for(ids: int) -> int:
    return 1 << (2 * ids - 1).bit_length()


def _grown(old: npt.NDArray[ScalarT], used: int, least: int) -> npt.NDArray[ScalarT]:
    grown = np.empty(max(least, 2 * len(old)), dtype=old.dtype)
    grown[:used] = old[:used]
    return grown
