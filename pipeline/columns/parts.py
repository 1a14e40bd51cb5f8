"""Parts of the scanner: marks, and the pool in which texts have numbers.

All of it is compiled. Positions and figures are signed integers of 64 bits, words of text unsigned ones; the two must
not meet in one expression, or they become floats.
"""

import numpy as np

from pipeline.columns.layout import NO_ROOM, Bytes, Ints, Words
from pipeline.columns.machine import compiled, lowest_bit, word

LONGEST = 64
"""Bytes of the longest text that gets a number."""
HEAD = 2
"""Of an entry of the pool: its column and length, its number; then its words."""
ENTRY = HEAD + LONGEST // 8
HEADS = 1 << 13
"""Places of the pool's hash table."""
MOST_TEXTS = HEADS // 2

BEYOND_ASCII = 128
"""A bit that no byte of ASCII has."""

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_TOP_BITS = np.uint64(64 - 13)
FIRST_WORD = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(LONGEST + 1)], dtype=np.uint64)
SECOND_WORD = np.array([(1 << 8 * max(0, min(size - 8, 8))) - 1 for size in range(LONGEST + 1)], dtype=np.uint64)
"""By the size of a text: the bits of its first eight bytes, and of the eight behind them."""


@compiled
def mark(text: Bytes, quotes: Words, stretches: Bytes) -> int:
    """Note where quotes are, a bit a byte, and which stretches of 64 bytes are odd; return the bits that any byte has.

    A stretch is odd that holds a backslash or a control character, line ends apart.
    """
    any_bits = np.uint8(0)
    for number in range(len(quotes)):
        bits = _ZERO
        odd = np.uint8(0)
        for place in range(64):
            bits |= np.uint64(text[number * 64 + place] == 34) << np.uint64(place)
        for place in range(64):
            found = text[number * 64 + place]
            odd |= np.uint8((found < 32) & (found != 10)) | np.uint8(found == 92)
        for place in range(64):
            any_bits |= text[number * 64 + place]
        quotes[number] = bits
        stretches[number] = odd
    return int(any_bits)


@compiled
def next_quote(quotes: Words, at: int) -> int:
    """Return where the next quote is, from ``at`` on: there must be one."""
    number = at >> 6
    bits = quotes[number] >> np.uint64(at & 63)
    if bits != _ZERO:
        return at + lowest_bit(bits)
    while True:
        number += 1
        bits = quotes[number]
        if bits != _ZERO:
            return (number << 6) + lowest_bit(bits)


@compiled
def breaks(text: Bytes, out: Ints) -> int:
    """Note where lines end; return how many do. The end of the text is none."""
    found = 0
    for number in range(len(text) // 64):
        bits = _ZERO
        for place in range(64):
            bits |= np.uint64(text[number * 64 + place] == 10) << np.uint64(place)
        while bits != _ZERO:
            out[found] = number * 64 + lowest_bit(bits)
            found += 1
            bits &= bits - _ONE
    for at in range(len(text) // 64 * 64, len(text)):
        if text[at] == 10:
            out[found] = at
            found += 1
    return found


@compiled
def code_of(base: int, at: int, size: int, column: int, heads: Ints, entries: Words, counts: Ints) -> int:
    """Return the number of a text among those of its column, a new one for a new text; ``NO_ROOM`` where it has none.

    ``counts`` has the texts of each column, and behind them those of all together.
    """
    if size > LONGEST:
        return NO_ROOM
    # Most texts have two words at most. Masks instead of branches: sizes come in no order that could be foreseen.
    head = np.uint64(column * 256 + size)
    first = word(base, at) & FIRST_WORD[size]
    second = word(base, at + 8) & SECOND_WORD[size]
    mixed = ((head ^ first) * _SPREAD ^ second) * _SPREAD
    for number in range(2, (size + 7) >> 3):
        mixed = (mixed ^ (mixed >> _SHIFT) ^ word(base, at + 8 * number) & FIRST_WORD[size - 8 * number]) * _SPREAD
    place = np.int64((mixed ^ (mixed >> _SHIFT)) >> _TOP_BITS)
    while heads[place] >= 0:
        entry = heads[place]
        if entries[entry, 0] == head and entries[entry, HEAD] == first and entries[entry, HEAD + 1] == second:
            same = True
            for number in range(2, (size + 7) >> 3):
                if entries[entry, HEAD + number] != word(base, at + 8 * number) & FIRST_WORD[size - 8 * number]:
                    same = False
                    break
            if same:
                return int(entries[entry, 1])
        place = (place + 1) & (HEADS - 1)
    entry = counts[-1]
    if entry >= MOST_TEXTS:
        return NO_ROOM
    heads[place] = entry
    code = counts[column]
    entries[entry, 0] = head
    entries[entry, 1] = np.uint64(code)
    entries[entry, HEAD] = first
    entries[entry, HEAD + 1] = second
    for number in range(2, (size + 7) >> 3):
        entries[entry, HEAD + number] = word(base, at + 8 * number) & FIRST_WORD[size - 8 * number]
    counts[column] += 1
    counts[-1] += 1
    return int(code)
