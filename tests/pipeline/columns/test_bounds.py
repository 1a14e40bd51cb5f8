"""The machine code, which checks no bounds, looks at nothing behind its buffer: what is there ends the process."""

import ctypes
import mmap
import random

import numpy as np
import pytest

from pipeline.records.text import Lines
from tests.fuzz.mutate import Mutator
from tests.fuzz.subjects import CANONICAL, seeds_of
from tests.pipeline.columns.records import Records

pytest.importorskip("numba")

from pipeline.columns.layout import PADDING, Bytes
from pipeline.columns.scanner import Scanner
from tests.pipeline.columns import holding

PAGES = 128


def walled() -> Bytes:
    """Return memory behind which a look ends the process."""
    size = PAGES * mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, size + mmap.PAGESIZE), dtype=np.uint8)
    wall = ctypes.c_void_p(memory.ctypes.data + size)
    assert ctypes.CDLL(None).mprotect(wall, mmap.PAGESIZE, 0) == 0
    return memory[:size]


def give(scanner: Scanner, memory: Bytes, records: list[bytes]) -> None:
    """Have the scanner use the very end of memory, and no more of it than it must have."""
    needed = len(Lines.of(records).text) + 2 * PADDING
    scanner._text = memory[len(memory) - needed :]
    scanner._quotes = np.zeros(needed // 64, dtype=np.uint64)
    scanner._stretches = np.zeros(needed // 64, dtype=np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_records_of_all_kinds_at_the_end_of_memory(seed: int) -> None:
    rng, records, scanner, memory = random.Random(seed), Records(seed, 0.4, extreme=True), holding.scanner(), walled()
    mutator = Mutator([*seeds_of(CANONICAL), *Records(seed, 0.0).batch(40)])
    for size in (1, 1, 2, 3, 7, 64, 300) * 4:
        batch = records.batch(size) if rng.random() < 0.5 else mutator.records(rng, size)
        batch[-1] = batch[-1][: rng.choice((0, 1, 5, rng.randrange(400), len(batch[-1])))]
        give(scanner, memory, batch)
        holding.check(batch, scanner)


@pytest.mark.parametrize(
    "last",
    [b"", b" ", b"{", b'"', b'{"', b'{"type":"' + b"x" * 99_999, b'{"data":{"score":' + b"9" * 99_999, b" " * 99_999,
     b'{"type":"social.post","time":"', b'{"time":"2026-03-02T00:00:00', b'{"data":{"service":nul',
     b'{"id":"a"' * 9_999],
)  # fmt: skip
def test_a_last_record_that_does_not_end(last: bytes) -> None:
    scanner, memory = holding.scanner(), walled()
    for records in ([last], [Records(1, 0.0).next(), last]):
        give(scanner, memory, records)
        assert holding.check(records, scanner) == len(records) - 1
