"""Hours in which something was wrong are told from bad luck, and what is usual is kept."""

import numpy as np
import pytest

from detectors.models.calm import DAY_BLOCKS, Floats, calm

NOTHING: Floats = np.empty(0, dtype=np.float32)


def blocks(rng: np.random.Generator, days: int, a_block: int = 60) -> list[tuple[int, Floats]]:
    """Scores of days on which nothing was wrong."""
    return [
        (80_000 + number, rng.exponential(0.4343, a_block).astype(np.float32)) for number in range(days * DAY_BLOCKS)
    ]


def kept(made: list[tuple[int, Floats]]) -> int:
    return len(calm(NOTHING, made, 0.05))


@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_is_wrong_nearly_everything_is_kept(seed: int) -> None:
    made = blocks(np.random.default_rng(seed), 21)
    assert kept(made) >= 0.97 * sum(len(scores) for _, scores in made)


def test_a_failure_of_some_hours_is_left_out_whole_and_nothing_else() -> None:
    made = blocks(np.random.default_rng(1), 21)
    before = kept(made)
    made[41] = (made[41][0], np.full(60, 6.0, dtype=np.float32))
    told = calm(NOTHING, made, 0.05)
    assert len(told) == before - 60
    assert float(told.max()) < 6.0


def test_what_is_bad_every_night_is_how_nights_are() -> None:
    made = blocks(np.random.default_rng(2), 21)
    nights = [(number, scores * 4.0 if number % DAY_BLOCKS == 0 else scores) for number, scores in made]
    assert kept(nights) >= 0.97 * 21 * DAY_BLOCKS * 60


def test_what_is_bad_on_half_of_the_days_is_usual() -> None:
    rng = np.random.default_rng(3)
    made = [(number, scores * (4.0 if number // DAY_BLOCKS % 2 else 1.0)) for number, scores in blocks(rng, 20)]
    assert kept(made) >= 0.75 * 20 * DAY_BLOCKS * 60


def test_few_blocks_and_old_scores_are_kept_as_they_are() -> None:
    made = blocks(np.random.default_rng(4), 5)
    made[3] = (made[3][0], np.full(60, 9.0, dtype=np.float32))
    older = np.full(10, 9.0, dtype=np.float32)
    assert len(calm(older, made, 0.05)) == 10 + 5 * DAY_BLOCKS * 60
    assert len(calm(NOTHING, [], 0.05)) == 0
