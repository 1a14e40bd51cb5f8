"""The table of positions against a dict: detectors/promises/positions.py."""

import random
from collections.abc import Sequence
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.promises import positions
from detectors.promises.positions import Positions, hashes_of


def hash_of(key: str) -> int:
    return int(hashes_of([key])[0])


def check(table: Positions, known: dict[str, int], others: Sequence[str]) -> None:
    assert len(table) == len(known)
    assert [table.find(key) for key in known] == list(known.values())
    there = {hash_of(key) for key in known}
    free = [key for key in others if hash_of(key) not in there]
    assert [table.find(key) for key in free] == [None] * len(free)
    keys = [*known, *free]
    assert table.known(hashes_of(keys)).tolist() == list(range(len(known)))


@pytest.mark.parametrize("hash_bits", [63, 12, 9])
@given(seed=st.integers(0, 10_000))
def test_positions_are_those_of_a_dict(hash_bits: int, seed: int) -> None:
    dice = random.Random(seed)
    with mock.patch.object(positions, "_HASH_BITS", hash_bits), mock.patch.object(positions, "_LEAST_BITS", 3):
        table, known = Positions(), dict[str, int]()
        for turn in range(12):
            taken = {hash_of(key) for key in known}
            fresh: dict[int, str] = {}
            for number in range(dice.choice((0, 1, 3, 40))):
                key = f"{turn}/{number}"
                if hash_of(key) not in taken:
                    fresh[hash_of(key)] = key
            keys = list(fresh.values())
            at = [dice.randrange(2**60) for _ in keys]
            table.add(hashes_of(keys), np.array(at, dtype=np.int64))
            known.update(zip(keys, at, strict=True))
            gone = dice.sample(sorted(known), dice.choice((0, len(known) // 2, len(known))) if turn % 3 else 0)
            for key in gone:
                del known[key]
            table.remove(hashes_of(gone[1:]))
            for key in gone[:1]:
                table.forget(key)
            check(table, known, [f"{turn}/other{number}" for number in range(40)] + gone)


def test_what_came_and_went_takes_no_room() -> None:
    table = Positions()
    for turn in range(200):
        hashes = hashes_of([f"{turn}/{number}" for number in range(300)])
        table.add(hashes, np.arange(300))
        table.remove(hashes)
    assert (len(table), len(table._hashes)) == (0, 1_024)
