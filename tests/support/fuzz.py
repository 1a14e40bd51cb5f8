"""Records of every sort, good and bad, seeded."""

import random
from collections.abc import Iterator

_GOOD = (
    b'{"specversion":"1.0","id":"%d","source":"s","type":"social.post","time":"2024-05-01T09:30:00Z","subject":"c",'
    b'"data":{"text":"fine","sentiment":0.5,"labels":{"a":"b"}}}'
)
_TIMES = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1989-12-31T23:59:59Z",
    "2024-02-30T00:00:00Z", "2024-05-01T09:30:60Z", "2024-05-01T09:30:00", "now", "", "2024-05-01T09:30:00+99:99",
)  # fmt: skip
_VALUES = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"9" * 400, b"9" * 5_000, b"null", b"true",
    b"[]", b"{}", b'""', b'"x"', b"-0.0", b"1.5", b"18446744073709551616", b'"\\ud800"', b'"\\u0000"', b"'x'", b"0x10",
    b"01", b"",
    b"[" * 3_000 + b"]" * 3_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
)  # fmt: skip
_NAMES = (b"id", b"source", b"type", b"time", b"subject", b"data", b"sentiment", b"labels", b"specversion", b"text")


def fuzzed(count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` records without line ends, about one in four of them a good event."""
    rng = random.Random(seed)
    for number in range(count):
        good = _GOOD % number
        kind = rng.randrange(10)
        if kind <= 1:
            made = good
        elif kind == 2:
            made = good[: rng.randrange(len(good))]
        elif kind == 3:
            made = good.replace(b"2024-05-01T09:30:00Z", rng.choice(_TIMES).encode())
        elif kind == 4:
            made = _with_value(good, rng)
        elif kind == 5:
            made = _with_bytes(good, rng)
        elif kind == 6:
            made = rng.randbytes(rng.randrange(60))
        elif kind == 7:
            made = rng.choice(_VALUES)
        elif kind == 8:
            made = good.replace(rng.choice(_NAMES), rng.choice([*_NAMES, b"\xff", b"", b"x" * 500]), 1)
        else:
            made = good.replace(b'"fine"', b'"' + b"y" * rng.choice([10, 10_000, 70_000]) + b'"')
        yield made.replace(b"\n", b" ").replace(b"\r", b" ") or b"-"


def _with_value(good: bytes, rng: random.Random) -> bytes:
    name = rng.choice(_NAMES)
    at = good.find(b'"' + name + b'":')
    return good if at < 0 else good[: at + len(name) + 3] + rng.choice(_VALUES) + b"," + good[at:]


def _with_bytes(good: bytes, rng: random.Random) -> bytes:
    changed = bytearray(good)
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)
