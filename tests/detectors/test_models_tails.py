"""Exact tails: detectors/models/tails.py, against scipy's own distributions and against sums of exact fractions."""

import math
from fractions import Fraction

import pytest
from scipy import stats

from detectors.models.tails import (
    SMALLEST,
    any_of,
    beta_binomial_upper,
    binomial_upper,
    student_upper,
    widened,
)


def exact_beta_binomial_upper(successes: int, trials: int, a: int, b: int) -> Fraction:
    def beta(x: int, y: int) -> Fraction:
        return Fraction(math.factorial(x - 1) * math.factorial(y - 1), math.factorial(x + y - 1))

    return sum(
        (math.comb(trials, k) * beta(k + a, trials - k + b) / beta(a, b) for k in range(successes, trials + 1)),
        start=Fraction(0),
    )


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 5), (7, 3), (40, 60)])
@pytest.mark.parametrize("trials", [1, 5, 30])
def test_beta_binomial_tail_equals_the_sum_of_exact_fractions(a: int, b: int, trials: int) -> None:
    for successes in range(trials + 1):
        found = beta_binomial_upper(successes, trials, a / (a + b), 1 / (a + b + 1))
        assert found == pytest.approx(float(exact_beta_binomial_upper(successes, trials, a, b)), rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [("1/4", "50"), ("1/4", "1/8"), ("5", "120"), ("30", "3"), ("900", "2100")])
@pytest.mark.parametrize("trials", [33, 70, 130])
def test_beta_binomial_tail_is_exact_from_whichever_side_it_is_summed(a: str, b: str, trials: int) -> None:
    first, second = Fraction(a), Fraction(b)
    rising = [[Fraction(1)] for _ in range(3)]  # (x) (x + 1) (x + 2) ... of a, b and a + b
    for products, x in zip(rising, (first, second, first + second), strict=True):
        for step in range(trials):
            products.append(products[-1] * (x + step))
    shares = [
        math.comb(trials, k) * rising[0][k] * rising[1][trials - k] / rising[2][trials] for k in range(trials + 1)
    ]
    above = Fraction(0)
    for successes in range(trials, -1, -1):
        exact = float(above + shares[successes] / 2)
        above += shares[successes]
        share, correlation = float(first / (first + second)), float(1 / (first + second + 1))
        found = beta_binomial_upper(successes, trials, share, correlation, mid=True)
        assert found == pytest.approx(exact, rel=1e-9)


def test_beta_binomial_tail_equals_scipys_where_that_is_precise() -> None:
    for trials, share, correlation in ((400, 0.55, 0.02), (5000, 0.1, 0.001), (50, 0.9, 0.3)):
        a, b = share * (1 / correlation - 1), (1 - share) * (1 / correlation - 1)
        for quantile in (0.01, 0.5, 0.9, 0.999):
            successes = int(stats.betabinom.ppf(quantile, trials, a, b))
            expected = stats.betabinom.sf(successes - 1, trials, a, b)
            assert beta_binomial_upper(successes, trials, share, correlation) == pytest.approx(expected, rel=1e-6)


def test_without_correlation_it_is_the_binomial() -> None:
    for correlation in (0.0, 1e-12, 1e-7):
        assert beta_binomial_upper(30, 100, 0.2, correlation) == pytest.approx(binomial_upper(30, 100, 0.2), rel=1e-3)
    assert binomial_upper(30, 100, 0.2) == pytest.approx(float(stats.binom.sf(29, 100, 0.2)))


def test_tails_are_never_zero_never_above_one_and_fall_with_what_is_observed() -> None:
    found = [beta_binomial_upper(successes, 100_000, 0.01, 1e-6) for successes in range(0, 100_001, 500)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0
    assert found[-1] == SMALLEST
    assert student_upper(1e9, 1e9) == SMALLEST
    assert student_upper(-1e9, 3.0) == 1.0


def test_a_spread_that_was_estimated_makes_a_p_value_larger_and_never_smaller() -> None:
    for p_value in (0.4, 0.01, 1e-4, 1e-12, 1e-250):
        wide, narrow = widened(p_value, 4.0), widened(p_value, 400.0)
        assert p_value < narrow < wide < 0.5
        assert widened(p_value, 1e9) == pytest.approx(p_value, rel=1e-2)
    assert widened(0.7, 2.0) == 0.7


def test_several_tests_are_one_by_bonferroni() -> None:
    assert any_of([0.01, 0.5]) == 0.02
    assert any_of([0.9, 0.8]) == 1.0
    with pytest.raises(ValueError, match="no p-value"):
        any_of([])


def test_a_large_beta_binomial_is_nearly_its_exact_sum() -> None:
    for share, correlation in ((0.05, 0.05), (0.3, 0.02), (0.3, 0.2)):
        trials = math.ceil(100 / correlation)
        shape = 1.0 / correlation - 1.0
        sd = math.sqrt(share * (1 - share) * correlation)
        for bad in (round(trials * (share + times * sd)) for times in (-1, 0, 1, 3, 4)):
            exact = float(stats.betabinom.sf(bad - 1, trials, share * shape, (1 - share) * shape))
            assert beta_binomial_upper(bad, trials, share, correlation) == pytest.approx(exact, rel=0.05)


def test_a_large_window_in_which_everything_is_bad_is_no_miracle_where_that_is_common() -> None:
    exact = 0.5 * float(stats.betabinom.pmf(260, 260, 0.25, 0.125))
    assert exact > 0.1
    found = beta_binomial_upper(260, 260, 2 / 3, 1 / 1.375, mid=True)
    assert found == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("correlation", [0.0, 1e-8, 1e-5, 0.02, 0.5])
def test_windows_of_a_million_million_events_are_judged_at_once(correlation: float) -> None:
    tails = [beta_binomial_upper(bad, 10**12, 0.2, correlation, mid=True) for bad in (0, 10**11, 3 * 10**11, 10**12)]
    assert tails[0] == pytest.approx(1.0)
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] < 1e-6
