"""Looks ids up, and adds them, where they stand in a text, as machine code: see :mod:`pipeline.ids.recent`."""

from typing import ClassVar

import numpy as np

from pipeline.columns.layout import Bytes, Ints, Words
from pipeline.columns.machine import compiled, put_word, word
from pipeline.columns.siphash import LOW_BYTES, hashes, secret
from pipeline.ids.asked import Flags, Numbers

_LOW_HALF = np.uint64(0xFFFF_FFFF)
_FIXED, _ONE_BYTE, _TWO_BYTES = 32, 256, 1 << 16
"""Sizes from which on msgpack has a longer header."""


@compiled
def header_bytes(size: int) -> int:
    """Return how many bytes msgpack has before the bytes of a text."""
    if size < _FIXED:
        return 1
    if size < _ONE_BYTE:
        return 2
    return 3 if size < _TWO_BYTES else 5


@compiled
def same(base: int, at: int, other: int, there: int, size: int) -> bool:
    """Return whether some bytes are the same in both places; eight more can be looked at."""
    end = size & ~7
    for step in range(0, end, 8):
        if word(base, at + step) != word(other, there + step):
            return False
    return bool(((word(base, at + end) ^ word(other, there + end)) & LOW_BYTES[size & 7]) == 0)


@compiled
def place_of(
    base: int,
    at: int,
    size: int,
    found: np.uint64,
    source: int,
    table: Words,
    sources: Numbers,
    starts: Ints,
    gone: Flags,
    held: int,
) -> int:
    """Return the place in the table where an id belongs that is not known; -1 where it is."""
    mask = len(table) - 1
    place = np.int64(found & np.uint64(mask))
    header = header_bytes(size)
    while True:
        entry = table[place]
        if entry == 0:
            return int(place)
        if (entry ^ found) <= _LOW_HALF:
            number = np.int64(entry & _LOW_HALF) - 1
            begin = starts[number]
            if (
                starts[number + 1] - begin == header + size
                and sources[number] == source
                and not gone[number]
                and same(base, at, held, begin + header, size)
            ):
                return -1
        place = (place + 1) & mask


@compiled
def find(
    base: int,
    ats: Ints,
    sizes: Ints,
    wanted: Words,
    wanted_sources: Numbers,
    known: Flags,
    table: Words,
    sources: Numbers,
    starts: Ints,
    gone: Flags,
    held: int,
) -> None:
    """Mark ids that are known.

    Args:
        base: address of the text.
        ats: where in it each id is.
        sizes: of the ids.
        wanted: their hashes.
        wanted_sources: the numbers of their sources.
        known: becomes true; what is true already is not looked for.
        table: of those that are held, as in :class:`pipeline.ids.recent.Recent`; what follows is from there, too.
        sources: of those that are held.
        starts: of their elements.
        gone: whether they were taken out again.
        held: address of their elements.
    """
    for place in range(len(ats)):
        if not known[place]:
            at, size, found, source = ats[place], sizes[place], wanted[place], wanted_sources[place]
            known[place] = place_of(base, at, size, found, source, table, sources, starts, gone, held) < 0


@compiled
def take(
    base: int,
    ats: Ints,
    sizes: Ints,
    wanted: Words,
    wanted_sources: Numbers,
    known: Flags,
    table: Words,
    sources: Numbers,
    starts: Ints,
    gone: Flags,
    held: int,
    hashes: Words,
    content: Bytes,
    count: int,
) -> int:
    """Mark ids that are known, as :func:`find` does, and add the others, for which there must be room.

    Args:
        base: and what follows it: as :func:`find` has it.
        ats: where each id is.
        sizes: of the ids.
        wanted: their hashes.
        wanted_sources: the numbers of their sources.
        known: becomes true where an id is known.
        table: takes what is added, as what follows does.
        sources: of those that are held.
        starts: of their elements.
        gone: whether they were taken out again.
        held: address of their elements.
        hashes: of those that are held.
        content: their elements.
        count: how many are held.

    Returns:
        How many are held then. Up to eight bytes behind the last of them were written to.
    """
    for place in range(len(ats)):
        if known[place]:
            continue
        at, size, found, source = ats[place], sizes[place], wanted[place], wanted_sources[place]
        free = place_of(base, at, size, found, source, table, sources, starts, gone, held)
        if free < 0:
            known[place] = True
            continue
        to = starts[count]
        header = header_bytes(size)
        if header == 1:
            content[to] = 0xA0 | size
        else:
            content[to] = 0xD9 if header == 2 else 0xDA if header == 3 else 0xDB
            for number in range(1, header):
                content[to + number] = (size >> (8 * (header - 1 - number))) & 255
        to += header
        for step in range(0, size, 8):
            put_word(held, to + step, word(base, at + step))
        hashes[count] = found
        sources[count] = source
        gone[count] = False
        count += 1
        starts[count] = to + size
        table[free] = (found & ~_LOW_HALF) | np.uint64(count)
    return count


@compiled
def copy(content: int, starts: Ints, ends: Ints, out: int) -> None:
    """Copy some bytes, one stretch after another; up to eight more behind the last are written to.

    Args:
        content: address of the bytes.
        starts: of the stretches in them.
        ends: of the stretches.
        out: address of what takes them.
    """
    at = 0
    for place in range(len(starts)):
        begin = starts[place]
        size = ends[place] - begin
        for step in range(0, size, 8):
            put_word(out, at + step, word(content, begin + step))
        at += size


class Remembering:
    """The machine code, and the key of the hashes: :class:`pipeline.ids.asked.Machine`."""

    hashes: ClassVar = staticmethod(hashes)
    find: ClassVar = staticmethod(find)
    take: ClassVar = staticmethod(take)
    copy: ClassVar = staticmethod(copy)

    def __init__(self) -> None:
        self.secret = secret()
