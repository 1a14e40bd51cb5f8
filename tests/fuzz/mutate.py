"""Records made from good ones by changing them: fast, seeded, aware of JSON.

About one in five is left as it was; the others have one to three changes, from a value of another type to flipped bits.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

ChoiceT = TypeVar("ChoiceT")

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\],:]', re.DOTALL)
VALUES: tuple[bytes, ...] = (
    b"null", b"true", b"false", b"0", b"-0", b"-0.0", b"1", b"-1", b"0.5", b"1.0", b"12.0", b"1e2", b"1e999", b"-1e999",
    b"1e-999", b"NaN", b"Infinity", b"9" * 19, b"9" * 20, b"9" * 400, b"-" + b"9" * 5000, b"9223372036854775807",
    b"9223372036854775808", b"-9223372036854775808", b"18446744073709551616", b"0x10", b"01", b"",
    b'""', b'" "', b'"x"', b'"0"', b'"-1"', b'"0012"', b'"1.5"', b'"1,5"', b'"1e5"', b'"true"', b'"null"', b'"NaN"',
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\\n"', b'"\xc3\xa9"', b'"\xff"',
    b'"\xed\xa0\x80"', b'"\xf0\x9f\x98\x80"', b'"\xe2\x80\xae"', b"'x'",
    b'"' + b"y" * 1025 + b'"', b'"' + b"z" * 70_000 + b'"',
    b"[]", b"[[]]", b"[null]", b"[{}]", b"[1,2,3]", b"{}", b'{"a":1}', b'{"":""}', b'{"a":{"a":{"a":{}}}}',
    b"[" * 1500 + b"]" * 1500, b'{"a":' * 1500 + b"1" + b"}" * 1500,
)  # fmt: skip
TIMES: tuple[bytes, ...] = (
    b"0000-01-01T00:00:00Z", b"0001-01-01T00:00:00+23:59", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-23:59",
    b"9999-12-31T23:59:59.9999999Z", b"1989-12-31T23:59:59.999999Z", b"1990-01-01T00:00:00Z", b"2099-12-31T23:59:59Z",
    b"2100-01-01T00:00:00Z", b"2024-02-29T00:00:00Z", b"2023-02-29T00:00:00Z", b"2024-05-01T09:30:60Z",
    b"2024-05-01T24:00:00Z", b"2024-05-01T09:30:00", b"2024-05-01 09:30:00Z", b"2024-05-01t09:30:00z",
    b"2024-05-01T09:30:00+0200", b"2024-05-01T09:30:00+99:99", b"2024-05-01T09:30:00-00:00", b"20240501T093000Z",
    b"2024-W18-3", b"2024-122", b"2024-05-01", b"2024-05-01T09:30", b"now", b"1714555800", b"1714555800000",
    b"2024-03-31T02:30:00", b"2024-10-27T01:30:00", b"1/5/2024 9:30", b"Wed, 01 May 2024 09:30:00 +0000",
    b"\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4-05-01T09:30:00Z", b"2024-05-01T09:30:00.Z", b"2024-05-01T09:30:00,5Z",
)  # fmt: skip
_BYTES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xc3",
    b" ",
    b"\r",
    b"\n",
    b"\xef\xbb\xbf",
)


class Seed(NamedTuple):
    """A good record, with the places in it where something can be changed.

    Attributes:
        values: begin and end of every value, containers too.
        keys: begin and end of every key, with its quotes.
        pairs: begin of a key and end of its value.
    """

    raw: bytes
    values: list[tuple[int, int]]
    keys: list[tuple[int, int]]
    pairs: list[tuple[int, int]]


def seed_of(raw: bytes) -> Seed:
    """Return a record with its places. It must be JSON."""
    found = Seed(raw, [], [], [])
    tokens = [(match.start(), match.end(), match[0]) for match in _TOKEN.finditer(raw)]
    open_at: list[int] = []
    key_at: list[int | None] = []  # beside each open container the key that is being read in it
    for index, (start, end, text) in enumerate(tokens):
        if text in (b",", b":"):
            continue
        if index + 1 < len(tokens) and tokens[index + 1][2] == b":":
            found.keys.append((start, end))
            key_at[-1] = start
            continue
        if text in (b"{", b"["):
            open_at.append(start)
            key_at.append(None)
            continue
        if text in (b"}", b"]"):
            start = open_at.pop()  # noqa: PLW2901 - the container ends here
            key_at.pop()
        found.values.append((start, end))
        if key_at and key_at[-1] is not None:
            found.pairs.append((key_at[-1], end))
            key_at[-1] = None
    return found


class Mutator:
    """Makes records out of seeds.

    Args:
        seeds: good records, as JSON.
    """

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._seeds = [seed_of(raw) for raw in seeds]
        self._values = [seed.raw[start:end] for seed in self._seeds for start, end in seed.values]
        self._keys = sorted({seed.raw[start:end] for seed in self._seeds for start, end in seed.keys})

    def records(self, rng: random.Random, count: int) -> list[bytes]:
        """Return records without line ends inside; the same ones for a generator in the same state."""
        chance, make = rng.random, self._make
        return [make(chance) for _ in range(count)]

    def _make(self, chance: Callable[[], float]) -> bytes:
        seed = _one_of(self._seeds, chance)
        kind = chance()
        if kind < 0.2:
            return seed.raw
        made = self._edited(seed, chance) if kind < 0.8 else seed.raw
        if kind > 0.65:
            made = self._spoiled(made, chance)
        return made.replace(b"\n", b" ").replace(b"\r", b" ")

    def _edited(self, seed: Seed, chance: Callable[[], float]) -> bytes:
        """Return a record that is most likely still JSON: one or two values, or one pair, are not what they were."""
        raw = seed.raw
        what = chance()
        if what < 0.7 or not seed.pairs:
            at = int(chance() * len(seed.values))
            start, end = seed.values[at]
            made = raw[:start] + self._value(chance) + raw[end:]
            if what < 0.2:  # a second one, before the first, so that its place is still known
                before, until = seed.values[int(chance() * (at + 1))]
                if until <= start:
                    made = made[:before] + self._value(chance) + made[until:]
            return made
        start, end = _one_of(seed.pairs, chance)
        if what < 0.8:
            return raw[:start] + b'"_":0' + raw[end:]
        if what < 0.87:
            return raw[:start] + raw[start:end] + b"," + raw[start:]
        start, end = _one_of(seed.keys, chance)
        return raw[:start] + _one_of(self._keys, chance) + raw[end:]

    def _value(self, chance: Callable[[], float]) -> bytes:
        what = chance()
        if what < 0.55:
            return _one_of(VALUES, chance)
        if what < 0.8:
            return b'"' + _one_of(TIMES, chance) + b'"'
        return _one_of(self._values, chance)

    def _spoiled(self, raw: bytes, chance: Callable[[], float]) -> bytes:
        """Return bytes that need not be JSON any more."""
        what = chance()
        at = int(chance() * (len(raw) + 1))
        if what < 0.2:
            made = raw[:at]
        elif what < 0.4:
            made = raw[:at] + _one_of(_BYTES, chance) + raw[at:]
        elif what < 0.65:
            made = raw[:at] + bytes([int(chance() * 256)]) + raw[at + 1 :]
        elif what < 0.75:
            made = raw[:at] + raw[at + 1 + int(chance() * 20) :]
        elif what < 0.85:
            made = raw[:at] + _one_of(self._seeds, chance).raw[at:]
        elif what < 0.9:
            made = raw + _one_of(self._seeds, chance).raw
        elif what < 0.95:
            made = _one_of(VALUES, chance)
        else:
            made = bytes(int(chance() * 256) for _ in range(int(chance() * 40)))
        return made


def _one_of(choices: Sequence[ChoiceT], chance: Callable[[], float]) -> ChoiceT:
    return choices[int(chance() * len(choices))]
