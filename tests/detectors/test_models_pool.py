"""p-values read off what all groups have shown: detectors/models/pool.py."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.models.pool import PooledTail, PoolState
from detectors.models.tails import student_upper

DAY_US = 86_400_000_000


def scores_of_a_model_too_narrow(by: float, count: int, seed: int) -> list[float]:
    """Return ``-log10 p`` of a normal model whose standard deviation is ``by`` times too small."""
    z_s = np.random.default_rng(seed).normal(size=count) * by
    return [-math.log10(max(1e-300, 0.5 * math.erfc(z / math.sqrt(2.0)))) for z in z_s]


def learned(scores: list[float], *, a_day: int = 500) -> PooledTail:
    pool = PooledTail()
    for number, score in enumerate(scores):
        pool.learn(score, number * DAY_US // a_day)
    return pool


def test_before_anything_is_learned_the_model_is_believed_and_the_rarer_the_less() -> None:
    pool = PooledTail()
    assert pool.p_value(0.0) == pytest.approx(1.0, abs=0.002)
    for nines, doubt in ((1.0, 1.0), (1.5, 1.0), (2.0, 1.0), (3.0, 1.3), (4.0, 2.3)):
        assert pool.p_value(nines) == pytest.approx(doubt * 10.0**-nines, rel=0.1)


def test_what_has_just_begun_does_not_call_anything_one_in_a_million_million() -> None:
    assert 1e-12 < PooledTail().p_value(12.0) < 1e-3


@pytest.mark.parametrize("by", [0.8, 1.0, 1.3, 1.6])
def test_a_model_that_is_too_narrow_or_too_wide_is_set_right(by: float) -> None:
    pool = learned(scores_of_a_model_too_narrow(by, 15_000, seed=1))
    fresh = scores_of_a_model_too_narrow(by, 60_000, seed=2)
    p_values = [pool.p_value(score) for score in fresh]
    for rate, margin in ((0.1, 1.15), (1e-2, 1.25), (1e-3, 2.0)):
        realised = sum(p_value <= rate for p_value in p_values) / len(p_values)
        assert rate / margin < realised < rate * margin


def test_heavy_tails_become_less_sure() -> None:
    rng = np.random.default_rng(3)
    scores = [-math.log10(student_upper(float(t), 1e6)) for t in rng.standard_t(4, size=15_000)]
    pool = learned(scores)
    assert pool.p_value(6.0) > 1e-5


def test_what_was_seen_lately_counts_and_what_was_long_ago_does_not() -> None:
    pool = learned(scores_of_a_model_too_narrow(2.0, 4_000, seed=4))
    wide = pool.p_value(4.0)
    for number, score in enumerate(scores_of_a_model_too_narrow(1.0, 20_000, seed=5)):
        pool.learn(score, 100 * DAY_US + number * DAY_US // 500)
    assert pool.p_value(4.0) < 0.2 * wide
    assert len(pool) == 20_000


@given(st.lists(st.floats(0.0, 400.0), max_size=300), st.integers(0, 300))
def test_p_values_fall_with_scores_and_a_stop_changes_nothing(scores: list[float], cut: int) -> None:
    straight, resumed = PooledTail(window=100, prior=50), PooledTail(window=100, prior=50)
    for number, score in enumerate(scores):
        straight.learn(score, number * DAY_US // 7)
        resumed.learn(score, number * DAY_US // 7)
        if number == cut:
            kept = msgspec.msgpack.encode(resumed.state())
            resumed = PooledTail(window=100, prior=50)
            resumed.restore(msgspec.msgpack.decode(kept, type=PoolState))
    asked = [0.0, 0.3, 1.0, 2.0, 5.0, 50.0, 300.0]
    found = [straight.p_value(score) for score in asked]
    assert found == sorted(found, reverse=True)
    assert all(0.0 < p_value <= 1.0 for p_value in found)
    assert [resumed.p_value(score) for score in asked] == found
    assert resumed.state() == straight.state()


def test_the_state_of_a_longer_memory_is_refused() -> None:
    long = PooledTail(window=500)
    for number in range(500):
        long.learn(1.0, number)
    with pytest.raises(ValueError, match="does not fit"):
        PooledTail(window=100).restore(long.state())
