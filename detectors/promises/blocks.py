"""Strays that came many at a time, as a snapshot has them: blocks of packed events, each written once.

A snapshot may not cost more than what has changed since the last one. So when one of the cases of a block is no stray
any more, the block is not written again, but a piece that says which of its events have left.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from detectors.columns import Ints
from detectors.contract import NEVER_US
from detectors.events import Event
from detectors.packed import Packed
from detectors.promises.block_images import (
    Terms,
    Written,
    block_name,
    block_names,
    block_of,
    encode_block,
    encode_piece,
)
from detectors.promises.positions import Positions, hashes_of

_NUMBER_BITS = 32
"""A position is the number of a block, and in so many bits the place of an event in it."""
SPAN_US = 3_600_000_000
"""A key is remembered for so much longer at most than it must be: no answer depends on it."""
_LEAST_ROWS = 16
"""So many strays take less room in a block than one by one."""
_PLACES = "I"


class Block:
    """Events of strays.

    Attributes:
        rows: the events.
        alive: how many of them are strays.
        left: places of those that are none: they were none from the beginning, or something else came of their case.
            Those that are forgotten are not among them.
        edges: how many had left when it was written, and with each piece after it.
        forgotten_us: what happened before is forgotten.
    """

    __slots__ = ("alive", "edges", "forgotten_us", "left", "number", "rows")

    def __init__(self, number: int, rows: Packed, left: Iterable[int]) -> None:
        self.number = number
        self.rows = rows
        self.left = array(_PLACES, left)
        self.edges: list[int] = []
        self.alive = len(rows) - len(self.left)
        self.forgotten_us = NEVER_US

    @classmethod
    def of(cls, written: Written, watermark_us: int) -> "Block":
        """Return a block that was written, as it was when the watermark stood there."""
        block = cls(written.number, written.rows, written.left)
        block.edges = written.edges
        block.forgotten_us = max(NEVER_US, (watermark_us - written.terms.keep_us) // SPAN_US * SPAN_US)
        block.alive = len(block.places())
        return block

    def places(self, until_us: int | None = None) -> Ints:
        """Return the places of its strays, or of those before an instant."""
        times = self.rows.times
        are = times >= self.forgotten_us
        if until_us is not None:
            are &= times < until_us
        are[self.left] = False
        return np.flatnonzero(are)


class Blocks:
    """The blocks of one family.

    Args:
        terms: what stands in each.
        hold: is given what is too little for a block: keys and events.

    Attributes:
        gone: names of images that are not needed any more; for others to empty.
    """

    def __init__(self, terms: Terms, hold: Callable[[str, Event], None]) -> None:
        self.terms = terms
        self._hold = hold
        self._blocks: dict[int, Block] = {}
        self._positions = Positions()
        self._due: defaultdict[int, list[int]] = defaultdict(list)  # blocks, by their first span that is held
        self._changed: set[int] = set()
        self._next = 0
        self.gone: list[str] = []

    def __len__(self) -> int:
        """Return how many images there are of them, with those that are yet to be written."""
        return sum(len(block.edges) or 1 for block in self._blocks.values())

    def __contains__(self, key: str) -> bool:
        """Say whether a key is a stray of a block."""
        return len(self._positions) > 0 and self._find(key) is not None

    def _find(self, key: str) -> tuple[Block, int] | None:
        """Return the block that a stray is in, and the place in it."""
        position = self._positions.find(key)
        if position is None:
            return None
        block, place = self._blocks[position >> _NUMBER_BITS], position & ((1 << _NUMBER_BITS) - 1)
        return (block, place) if block.rows.case_id(place) == key else None

    def unkept(self, hashes: Ints) -> set[int]:
        """Return the places of those hashes that are known, or come twice: they cannot stand here once more."""
        others = set(self._positions.known(hashes).tolist())
        if not np.diff(np.sort(hashes)).all():
            last = len(hashes) - 1
            first = dict(zip(reversed(hashes.tolist()), range(last, -1, -1), strict=True))
            others.update(set(range(len(hashes))) - set(first.values()))
        return others

    def add(self, keys: Sequence[str], hashes: Ints, rows: Packed, left: Sequence[int]) -> None:
        """Keep events, but for those that have ``left``. Where these are many, no more is kept than the others."""
        kept = len(keys) - len(left)
        if kept >= max(_LEAST_ROWS, 0.75 * len(keys)):
            self._add(rows, left, hashes)
        elif kept:
            self._add_some(keys, rows, np.delete(np.arange(len(keys)), left))

    def _add_some(self, keys: Sequence[str], rows: Packed, places: Ints) -> None:
        if len(places) < _LEAST_ROWS:
            for place in places.tolist():
                self._hold(keys[place], rows.event(place))
        else:
            self._add(rows.some(places), (), hashes_of([keys[place] for place in places.tolist()]))

    def _add(self, rows: Packed, left: Sequence[int], hashes: Ints) -> None:
        block = Block(self._next, rows, left)
        self._changed.add(block.number)
        self._put(block, hashes)

    def _put(self, block: Block, hashes: Ints) -> None:
        self._blocks[block.number] = block
        self._next = max(self._next, block.number + 1)
        places = block.places()
        self._positions.add(hashes.take(places), (block.number << _NUMBER_BITS) + places)
        self._await(block)

    def _await(self, block: Block) -> None:
        """Say when some of a block is to be forgotten."""
        times = block.rows.times
        self._due[int(times[times >= block.forgotten_us].min()) // SPAN_US].append(block.number)

    def take(self, key: str) -> Event:
        """Return the event of a stray, which is none any more.

        Raises:
            KeyError: it is none of a block.
        """
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        self._positions.forget(key)
        block, place = found
        block.left.append(place)
        block.alive -= 1
        self._changed.add(block.number)
        self._settle(block)
        return block.rows.event(place)

    def _settle(self, block: Block) -> bool:
        """Keep no block of which little is left, but only that; say whether it is there still."""
        if block.alive * 4 >= len(block.rows):
            return True
        keys, places = block.rows.case_ids(), block.places()
        self._positions.remove(hashes_of([keys[place] for place in places.tolist()]))
        self._drop(block)
        self._add_some(keys, block.rows, places)
        return False

    def _drop(self, block: Block) -> None:
        del self._blocks[block.number]
        self._changed.discard(block.number)
        if block.edges:
            self.gone += self._names(block)

    def pass_time(self, until: int) -> int:
        """Forget everything before a span; return how many strays it was."""
        due = [number for span in [*self._due] if span < until for number in self._due.pop(span)]
        return sum(self._forget(self._blocks[number], until * SPAN_US) for number in due if number in self._blocks)

    def _forget(self, block: Block, until_us: int) -> int:
        keys, gone = block.rows.case_ids(), block.places(until_us).tolist()
        self._positions.remove(hashes_of([keys[place] for place in gone]))
        block.alive -= len(gone)
        block.forgotten_us = until_us
        if self._settle(block):
            self._await(block)
        return len(gone)

    def events(self) -> Iterator[tuple[str, Event]]:
        """Yield the events of all strays."""
        for block in self._blocks.values():
            for place in block.places().tolist():
                yield block.rows.case_id(place), block.rows.event(place)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of all images."""
        return [name for block in self._blocks.values() for name in self._names(block)]

    def _names(self, block: Block) -> list[str]:
        return block_names(self.terms.family, block.number, len(block.edges))

    def delta(self, also: Iterable[str] = ()) -> list[tuple[str, bytes]]:
        """Return images of what has changed since the last call, and of those names in ``also`` that are known here."""
        images: dict[str, bytes] = {}
        for number in sorted(self._changed):
            block = self._blocks[number]
            if not block.edges or len(block.left) > block.edges[-1]:
                block.edges.append(len(block.left))
                piece = len(block.edges) - 1
                images[block_name(self.terms.family, number, piece)] = self._image(block, piece)
        self._changed.clear()
        for name in also:
            family, number, piece = block_of(name)
            known = self._blocks.get(number) if family == self.terms.family else None
            if known is not None and piece < len(known.edges) and name not in images:
                images[name] = self._image(known, piece)
        return list(images.items())

    def _image(self, block: Block, piece: int) -> bytes:
        edges = block.edges
        left = block.left[edges[piece - 1] if piece else 0 : edges[piece]]
        if piece:
            return encode_piece(self.terms.family, block.number, piece, left)
        return encode_block(self.terms, block.number, left, block.rows)

    def restore(self, written: Written, watermark_us: int) -> None:
        """Take over a block, as it was when the watermark stood there."""
        block = Block.of(written, watermark_us)
        if block.alive:
            self._put(block, hashes_of(block.rows.case_ids()))
        else:
            self._next = max(self._next, block.number + 1)
            self.gone += self._names(block)
