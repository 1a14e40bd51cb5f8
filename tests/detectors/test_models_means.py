"""Means of many groups in arrays: detectors/models/means.py."""

import math
import random

import pytest
from river import stats

from detectors.models.means import Means

HOUR_US = 3_600_000_000
A = ("a",)


def test_without_forgetting_it_is_rivers_weighted_mean() -> None:
    rng = random.Random(1)
    means, river = Means(2, half_life_us=HOUR_US), stats.Mean()
    row = means.row(A)
    for _ in range(200):
        value, weight = rng.gauss(0, 3), rng.random() + 0.1
        means.learn(row, 1, value, weight=weight, at_us=0)
        river.update(value, weight)
    assert means.value(row, 1) == pytest.approx(river.get(), rel=1e-12)
    assert means.weight(row, 1, 0) == pytest.approx(river.n, rel=1e-12)
    assert means.weight(row, 0, 0) == 0.0


def test_after_a_half_life_an_observation_counts_half() -> None:
    means = Means(1, HOUR_US)
    row = means.row(A)
    means.learn(row, 0, 0.0, weight=1.0, at_us=0)
    means.learn(row, 0, 3.0, weight=1.0, at_us=HOUR_US)
    assert means.value(row, 0) == pytest.approx(2.0)
    assert means.weight(row, 0, 2 * HOUR_US) == pytest.approx(0.75)


def test_thousands_of_half_lives_are_no_overflow() -> None:
    means = Means(1, HOUR_US)
    row, other = means.row(A), means.row(("b",))
    means.learn(other, 0, 5.0, weight=1.0, at_us=0)
    for hour in range(0, 5000, 7):
        means.learn(row, 0, float(hour), weight=1.0, at_us=hour * HOUR_US)
    assert means.value(row, 0) == pytest.approx(4998, abs=0.1)
    assert means.weight(row, 0, 4998 * HOUR_US) == pytest.approx(1.0, abs=0.01)
    assert means.weight(other, 0, 4998 * HOUR_US) == 0.0
    means.learn(other, 0, 2.0, weight=1.0, at_us=5000 * HOUR_US)
    assert means.value(other, 0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("value", "weight"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf), (1.0, -1.0)]
)
def test_a_value_that_would_poison_a_mean_for_good_is_refused(value: float, weight: float) -> None:
    means = Means(1, HOUR_US)
    row = means.row(A)
    means.learn(row, 0, 2.0, weight=3.0, at_us=0)
    with pytest.raises(ValueError, match="cannot learn"):
        means.learn(row, 0, value, weight=weight, at_us=0)
    assert (means.value(row, 0), means.weight(row, 0, 0)) == (2.0, 3.0)


def test_means_are_restored_exactly() -> None:
    rng = random.Random(2)
    means = Means(3, HOUR_US)
    for step in range(900):
        row = means.row((f"g{step % 5}",))
        means.learn(row, step % 3, rng.random(), weight=rng.random(), at_us=step * HOUR_US)
        if step % 100 == 0:
            again = Means(3, HOUR_US)
            again.restore(means.state())
            assert again.state() == means.state()
            means, before = again, means
            row, other = means.row(A), before.row(A)
            for known, place in ((means, row), (before, other)):
                known.learn(place, 0, 0.123, weight=0.7, at_us=step * HOUR_US + 1)
            assert means.state() == before.state()


def test_a_state_of_another_rhythm_is_refused() -> None:
    means = Means(3, HOUR_US)
    means.row(A)
    with pytest.raises(ValueError, match="the rhythm has changed"):
        Means(2, HOUR_US).restore(means.state())
