"""Parts of the scanner: marks, words of text, times, and the pool in which texts have numbers.

All of it is compiled. Positions and figures are signed integers of 64 bits, words of text unsigned ones; the two must
not meet in one expression, or they become floats.
"""

import numpy as np

from pipeline.columns.layout import NO_ROOM, Bytes, Ints, Words
from pipeline.columns.machine import byte, compiled, lowest_bit, word

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
_LEAP_DAYS = 719_468
_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000


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
    return np.int64(any_bits)


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
                return np.int64(entries[entry, 1])
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
    return code


@compiled
def two_digits(base: int, at: int) -> int:
    """Return the number that two digits are; something far below zero where they are none."""
    tens = byte(base, at) - 48
    ones = byte(base, at + 1) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1_000_000
    return tens * 10 + ones


@compiled
def time_us(base: int, at: int, size: int) -> int:
    """Return a time as microseconds since 1970; -1 where it is none, or is not written ``2024-05-01T09:30:00[.5]Z``.

    Instead of ``Z`` an offset like ``+01:00`` may stand. Rarer forms (a space, small letters, a leap second, more than
    six digits) are not told from wrong ones here.
    """
    last = at + size - 1
    offset = 0
    if byte(base, last) == 90:
        end = last
    else:
        end = at + size - 6
        sign = byte(base, end)
        hours, minutes = two_digits(base, end + 1), two_digits(base, end + 4)
        if size < 25 or (sign != 43 and sign != 45) or byte(base, end + 3) != 58:
            return -1
        if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
            return -1
        offset = hours * _HOUR_US + minutes * _MINUTE_US
        if sign == 45:
            offset = -offset
    digits = end - at - 20
    if (digits != -1 and digits < 1) or digits > 6:
        return -1
    if byte(base, at + 4) != 45 or byte(base, at + 7) != 45 or byte(base, at + 10) != 84:
        return -1
    if byte(base, at + 13) != 58 or byte(base, at + 16) != 58:
        return -1
    year = two_digits(base, at) * 100 + two_digits(base, at + 2)
    month, day = two_digits(base, at + 5), two_digits(base, at + 8)
    hour, minute, second = two_digits(base, at + 11), two_digits(base, at + 14), two_digits(base, at + 17)
    if year < 1900 or month < 1 or month > 12 or day < 1:
        return -1
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return -1
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    days = 31
    if month in (4, 6, 9, 11):
        days = 30
    elif month == 2:
        days = 29 if leap else 28
    if day > days:
        return -1
    fraction = 0
    if digits >= 1:
        if byte(base, at + 19) != 46:
            return -1
        for place in range(at + 20, end):
            digit = byte(base, place) - 48
            if digit < 0 or digit > 9:
                return -1
            fraction = fraction * 10 + digit
        for _ in range(digits, 6):
            fraction *= 10
    # The days since 1970 of a date of the Gregorian calendar, counted in years that begin in March.
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    since = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _LEAP_DAYS
    return since * _DAY_US + hour * _HOUR_US + minute * _MINUTE_US + second * _SECOND_US + fraction - offset
