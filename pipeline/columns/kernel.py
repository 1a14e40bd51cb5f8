"""The scanner: lines of canonical events to columns, as machine code.

It takes a record only where it understands every byte of it. Whatever is not plain (an escape, an unknown field, a
number with an exponent, a time in a rare form, a type of which somebody wants the events themselves) it leaves to the
row path, which decides what it is. So there are no errors here, only "certain" and "not certain".
"""

import numpy as np

from pipeline.columns.layout import (
    ALLOWED,
    BIT,
    CERTAIN,
    COLUMN,
    DATA,
    ENVELOPE,
    ID,
    IN_DATA,
    KIND,
    LONGEST_IDENTITY,
    LONGEST_KEY,
    MOST_DIGITS,
    NAME,
    NEEDED,
    NO_ROOM,
    NUMBER,
    PACKED,
    PLACES,
    SENTIMENT_BIT,
    SIZE,
    TEXT,
    TEXT_BIT,
    TIME,
    TYPE,
    UNCERTAIN,
    UNIT,
    VERSION,
    Bytes,
    Floats,
    Ints,
    Words,
)  # fmt: skip
from pipeline.columns.machine import byte, compiled, word
from pipeline.columns.parts import FIRST_WORD, SECOND_WORD, code_of, next_quote
from pipeline.columns.reading import behind_spaces, number_at, time_us

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_TOP_BYTE = np.uint64(56)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_NULL = np.uint64(0x6C6C756E)
_MOST_BEFORE_THE_POINT = 300
"""Digits of a number that is finite for sure."""


@compiled
def field_of(base: int, at: int, size: int, scope: int, places: Ints, names: Words, fields: Ints) -> int:
    """Return the number of the field with the name that stands there, -1 where there is none."""
    if size < 1 or size > LONGEST_KEY:
        return -1
    first = word(base, at) & FIRST_WORD[size]
    second = word(base, at + 8) & SECOND_WORD[size]
    place = np.int64(((first ^ np.uint64(size)) * _SPREAD) >> _TOP_BYTE)
    while True:
        field = places[scope, place]
        if field < 0:
            return -1
        if names[field, 0] == first and names[field, 1] == second and fields[field, SIZE] == size:
            return int(field)
        place = (place + 1) & (PLACES - 1)


@compiled
def scan(  # noqa: PLR0912, PLR0915 - one pass over the bytes: to call for each of them would cost more than it does
    base: int,
    quotes: Words,
    stretches: Bytes,
    starts: Ints,
    ends: Ints,
    places: Ints,
    names: Words,
    fields: Ints,
    types: Ints,
    heads: Ints,
    entries: Words,
    counts: Ints,
    powers: Floats,
    states: Bytes,
    times_us: Ints,
    id_ats: Ints,
    id_sizes: Ints,
    name_ats: Ints,
    name_sizes: Ints,
    codes: Ints,
    numbers: Floats,
    long_numbers: Ints,
) -> int:
    """Fill the columns; return how many long numbers there are.

    Args:
        base: address of the text.
        quotes: where quotes are in the text, a bit a byte. One must be behind the last record.
        stretches: which stretches of 64 bytes are odd.
        starts: of records.
        ends: of records.
        places: hash table of the names of fields.
        names: of fields, two words each.
        fields: what each field is.
        types: what the events of each type may have, and must have.
        heads: of the pool of texts.
        entries: of the pool of texts.
        counts: of the pool of texts.
        powers: of ten.
        states: becomes ``CERTAIN`` or ``UNCERTAIN``, by record. What follows holds only in certain ones.
        times_us: by record.
        id_ats: where the id is, by record.
        id_sizes: of the id, by record.
        name_ats: where names are, by name, then by record.
        name_sizes: of the names.
        codes: of texts, by column, then by record.
        numbers: by column, then by record.
        long_numbers: record, column, begin and end of numbers with more digits than can be told here.
    """
    found_long = 0
    for record in range(len(starts)):
        at, end = starts[record], ends[record]
        states[record] = UNCERTAIN
        for column in range(len(codes)):
            codes[column, record] = -1
        for column in range(len(numbers)):
            numbers[column, record] = np.nan
        for name in range(len(name_sizes)):
            name_sizes[name, record] = 0
        odd = False
        for number in range(at >> 6, (end >> 6) + 1):
            odd |= stretches[number] != 0
        if odd or at >= end or byte(base, at) != 123:
            continue
        at += 1
        scope = ENVELOPE
        seen = np.int64(0)
        filled = np.int64(0)
        longs = found_long
        blank = False
        whole = False
        while True:
            at = behind_spaces(base, at)
            if byte(base, at) != 34:
                break
            stop = next_quote(quotes, at + 1)
            field = field_of(base, at + 1, stop - at - 1, scope, places, names, fields)
            if field < 0:
                break
            bit = fields[field, BIT]
            if seen & bit != 0:
                break
            seen |= bit
            kind, column = fields[field, KIND], fields[field, COLUMN]
            at = behind_spaces(base, stop + 1)
            if byte(base, at) != 58:
                break
            at = behind_spaces(base, at + 1)
            found = byte(base, at)
            if kind == DATA:
                if found != 123:
                    break
                filled |= bit
                scope = IN_DATA
                at += 1
                continue
            if found == 34:
                at += 1
                stop = next_quote(quotes, at)
                size = stop - at
                if stop >= end or kind in (NUMBER, UNIT):
                    break
                if size > 0:
                    filled |= bit
                elif scope == IN_DATA:
                    blank = True
                if kind == TIME:
                    time = time_us(base, at, size)
                    if time < 0:
                        break
                    times_us[record] = time
                elif kind == VERSION:
                    if size != 3 or byte(base, at) != 49 or byte(base, at + 1) != 46 or byte(base, at + 2) != 48:
                        break
                elif kind != TEXT:
                    if size > LONGEST_IDENTITY:
                        break
                    if kind == ID:
                        id_ats[record] = at
                        id_sizes[record] = size
                name = fields[field, NAME]
                if name >= 0:
                    name_ats[name, record] = at
                    name_sizes[name, record] = size
                if column >= 0 and size > 0:
                    code = code_of(base, at, size, column, heads, entries, counts)
                    if code == NO_ROOM:
                        break
                    codes[column, record] = code
                at = stop + 1
            elif found == 110:
                if scope == ENVELOPE or (word(base, at) & _LOW_HALF) != _NULL:
                    break
                at += 4
            else:
                if kind not in (NUMBER, UNIT):
                    break
                begin = at
                first = at + 1 if found == 45 else at
                at, before, behind, digits = number_at(base, first)
                if at < 0:
                    break
                if before + behind <= MOST_DIGITS:
                    value = digits / powers[behind]
                    if found == 45:
                        value = -value
                    if kind == UNIT and (value < -1.0 or value > 1.0):
                        break
                    if column >= 0:
                        numbers[column, record] = value
                else:
                    if behind == 0 or before > _MOST_BEFORE_THE_POINT or longs >= len(long_numbers):
                        break
                    # Zero point something is in range, whatever its last digits are.
                    if kind == UNIT and byte(base, first) != 48:
                        break
                    if column >= 0:
                        long_numbers[longs, 0] = record
                        long_numbers[longs, 1] = column
                        long_numbers[longs, 2] = begin
                        long_numbers[longs, 3] = at
                        longs += 1
                filled |= bit
            at = behind_spaces(base, at)
            found = byte(base, at)
            at += 1
            if found == 125 and scope == IN_DATA:
                scope = ENVELOPE
                at = behind_spaces(base, at)
                found = byte(base, at)
                at += 1
            if found == 125:
                whole = behind_spaces(base, at) == end
                break
            if found != 44:
                break
        if not whole or codes[TYPE, record] < 0 or codes[TYPE, record] >= len(types):
            continue
        code = codes[TYPE, record]
        if seen & ~types[code, ALLOWED] != 0 or filled & types[code, NEEDED] != types[code, NEEDED]:
            continue
        # A text without a sentiment gets one from enrichment, which needs the event.
        if filled & types[code, TEXT_BIT] != 0 and filled & types[code, SENTIMENT_BIT] == 0:
            continue
        # Where a blank text is packed, it cannot be told from none; and texts that people wrote are not packed.
        if types[code, PACKED] != 0 and (blank or filled & types[code, TEXT_BIT] != 0):
            continue
        states[record] = CERTAIN
        found_long = longs
    return found_long
