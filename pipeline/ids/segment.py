"""Ids that are no longer recent, as sorted slots: 40 bits of a hash, and the block of the changelog that has the id.

A slot takes 8 bytes, and 4 more go to a filter that answers "certainly not" for all but one new id in a thousand with
a single look into memory. What passes is looked for among the slots, and what is found there is proved by whoever asks
against the block itself: hashes may collide, answers are exact.

Hashes are Python's own, which are other ones in each process, and are never stored.
"""

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from pipeline.ids.asked import SPREAD, Uints

HASH_BITS = 40
BLOCK_BITS = 24
"""With blocks of 4,096 ids: room for 69 billion of them in a generation."""
_BLOCK_BITS = np.uint64(BLOCK_BITS)
_PLACE_BITS, _PLACE_SHIFT = np.uint64(32), np.uint64(HASH_BITS - 32)
_BLOCK_MASK = np.uint64((1 << BLOCK_BITS) - 1)
_MASK_SHIFTS = tuple(np.uint64(shift) for shift in (58, 52, 46, 40))
_SIX_BITS = np.uint64(63)
_ONE = np.uint64(1)
_IDS_A_WORD = 2
MERGED_FOR_ONE = 8
"""As many slots are merged in the time in which an id is read back and made a slot (0.2 microseconds)."""


class Wanted:
    """Ids that are looked for in segments.

    Args:
        found: their hashes, of 64 bits.

    Attributes:
        hashes: of 40 bits. ``masks``: the bits that each id sets in a word of a filter.
    """

    def __init__(self, found: Uints) -> None:
        self.hashes: Uints = found >> _BLOCK_BITS
        self.masks = _masks(self.hashes)


def slots(found: Uints, block: int) -> Uints:
    """Return the slots of ids with these hashes (of 64 bits), all of them in one block."""
    made: Uints = (found & ~_BLOCK_MASK) | np.uint64(block)
    return made


class Segment:
    """A number of ids that does not change. Made by :func:`merged`."""

    def __init__(self, ordered: Uints, words: Uints) -> None:
        self.slots = ordered
        self._words = words

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.slots.nbytes + self._words.nbytes

    def find(self, wanted: Wanted) -> tuple[list[int], list[int]]:
        """Return which of the ids may be here (by their place in ``wanted``), and beside each a block that may have it.

        An id stands there as often as there are such blocks.
        """
        words = self._words.take(_places(wanted.hashes, len(self._words)))
        passing = np.flatnonzero((words & wanted.masks) == wanted.masks)
        if not len(passing):
            return [], []
        passing = passing[np.argsort(wanted.hashes[passing])]  # side by side in memory, too
        least = wanted.hashes[passing] << _BLOCK_BITS
        first = np.searchsorted(self.slots, least)
        there = self.slots.take(first, mode="clip")
        found = np.flatnonzero((there ^ least) <= _BLOCK_MASK)
        places, blocks = passing[found].tolist(), (there[found] & _BLOCK_MASK).tolist()
        following = self.slots.take(first[found] + 1, mode="clip")
        for index in np.flatnonzero((following ^ least[found]) <= _BLOCK_MASK).tolist():
            self._add_run(int(first[found[index]]), places[index], places, blocks)
        return places, blocks

    def _add_run(self, first: int, place: int, places: list[int], blocks: list[int]) -> None:
        """Add the blocks of all slots of one hash but the first, which stands at ``first``."""
        end = int(np.searchsorted(self.slots, self.slots[first] | _BLOCK_MASK, side="right"))
        more = np.unique(self.slots[first + 1 : end] & _BLOCK_MASK).tolist()
        places += [place] * len(more)
        blocks += more


def merged(parts: list[Uints], step: int) -> Generator[int, None, Segment]:
    """Merge slots, each part of them in order; yields the cost of each step, and returns the segment.

    Args:
        parts: are merged from the lowest hash to the highest.
        step: what a step costs at most, about: so many ids can be made slots in the same time.
    """
    total = sum(map(len, parts))
    ordered = np.empty(total, dtype=np.uint64)
    words = np.zeros(max(1, total // _IDS_A_WORD), dtype=np.uint64)
    pieces = max(1, total // (step * MERGED_FOR_ONE))
    begins = [0] * len(parts)
    at = 0
    for number in range(1, pieces + 1):
        limit = np.uint64((number << HASH_BITS) // pieces << BLOCK_BITS) if number < pieces else None
        ends = [len(part) if limit is None else int(np.searchsorted(part, limit)) for part in parts]
        piece = np.concatenate([part[begin:end] for part, begin, end in zip(parts, begins, ends, strict=True)])
        piece.sort()
        ordered[at : at + len(piece)] = piece
        _mark(words, piece >> _BLOCK_BITS)
        at += len(piece)
        begins = ends
        yield len(piece) // MERGED_FOR_ONE
    return Segment(ordered, words)


def _mark(words: Uints, ordered: Uints) -> None:
    """Set the bits of hashes, which are in order, in a filter."""
    if not len(ordered):
        return
    places = _places(ordered, len(words))
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    words[places[starts]] |= np.bitwise_or.reduceat(_masks(ordered), starts)


def _places(found: Uints, words: int) -> npt.NDArray[np.int64]:
    """Return the word of each hash. Higher ones stand further back, so that filters are made from front to back."""
    return (((found >> _PLACE_SHIFT) * np.uint64(words)) >> _PLACE_BITS).view(np.int64)


def _masks(found: Uints) -> Uints:
    spread = found * np.uint64(SPREAD)
    masks = np.zeros(len(found), dtype=np.uint64)
    for shift in _MASK_SHIFTS:
        masks |= _ONE << ((spread >> shift) & _SIX_BITS)
    return masks
