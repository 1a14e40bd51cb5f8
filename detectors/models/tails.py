"""Exact tails of distributions: the probability of a result at least this bad, down to 1e-300.

All return a value in (0, 1]; a result that underflows is :data:`SMALLEST`, because "impossible" is never the honest
answer.
"""

import math
from statistics import NormalDist

import numpy as np
from scipy.special import cython_special

# The functions behind scipy.special's own, which need several times as long to find out that they got single numbers.
_betainc, _betaincc, _stdtr = cython_special.betainc, cython_special.betaincc, cython_special.stdtr
SMALLEST = 1e-300
_NORMAL = NormalDist()
_NEGLIGIBLE = 1e-17
_FEW = 32
"""So many terms are added one by one. More of them cost less many at a time."""
_FALLS = 0.5
"""Where a term is at most this much of the one before, they are few, too."""
_MANY = 96, 4096
"""Of many terms so many are added at a time: most sums end within the first ones."""
_MOST_TRIALS = 1_000_000
_LARGE = 100.0
"""Above this many trials, or this product of correlation and trials, a beta-binomial is a beta distribution to a few
hundredths of a p-value of 1e-6; and its sum would have more terms than anybody can wait for."""
_LEAST_CORRELATION = 1e-9
_LEAST_EXCESS = 1e-9
"""Below these a beta-binomial is a binomial, and a negative binomial a Poisson, to nine digits."""


def _clamped(p_value: float) -> float:
    return min(1.0, max(SMALLEST, p_value))


def binomial_upper(successes: int, trials: int, share: float) -> float:
    """Return ``P(X >= successes)`` for ``X ~ Binomial(trials, share)``.

    >>> round(binomial_upper(2, 2, 0.5), 6)
    0.25
    """
    if successes <= 0:
        return 1.0
    if successes > trials:
        return SMALLEST
    # The same, and right for 10 ** 12.
    return _clamped(float(_betainc(float(successes), trials - successes + 1.0, share)))


def beta_binomial_upper(successes: int, trials: int, share: float, correlation: float, *, mid: bool = False) -> float:
    """Return ``P(X >= successes)`` where the success rate itself varies around ``share``: a beta-binomial.

    Args:
        successes: 0 .. trials.
        trials: number of trials.
        share: mean success rate, in (0, 1).
        correlation: within-window correlation rho, in [0, 1): the rate has variance ``rho * share * (1 - share)``, the
            parameters are ``a = share * (1 / rho - 1)`` and ``b = (1 - share) * (1 / rho - 1)``. 0 is the binomial.
        mid: count the result itself half (Lancaster's mid-p). Counts are steps, so ``P(X >= x)`` is rarely as small
            as it might be, and a threshold on it fires less often than it says; the mid-p fires as often on average.

    The smaller side is summed from its recurrence, so it loses nothing to cancellation; of two large ones the shorter.

    >>> round(beta_binomial_upper(1, 1, 0.3, 0.1), 6)
    0.3
    >>> round(beta_binomial_upper(1, 1, 0.3, 0.1, mid=True), 6)
    0.15
    """
    if correlation <= _LEAST_CORRELATION:
        least = binomial_upper(successes, trials, share)
        return 0.5 * (least + binomial_upper(successes + 1, trials, share)) if mid else least
    if trials > _MOST_TRIALS or trials * correlation >= _LARGE:
        if mid and successes == trials:  # of a beta distribution nothing lies beyond one: half of the last step
            return max(SMALLEST, 0.5 * _beta_upper((trials - 0.5) / trials, trials, share, correlation))
        return _beta_upper((successes if mid else successes - 0.5) / trials, trials, share, correlation)
    a = share * (1.0 / correlation - 1.0)
    b = (1.0 - share) * (1.0 / correlation - 1.0)
    if _upper_is_shorter(successes, trials, share, correlation):
        tail, first = _sum_from(successes, trials, a, b)
        return _clamped(tail - 0.5 * first if mid else tail)
    # By symmetry the lower side is the upper side of the failures.
    lower, first = _sum_from(trials - successes, trials, b, a)
    return _clamped(1.0 - lower + (0.5 if mid else 1.0) * first)


def _upper_is_shorter(successes: int, trials: int, share: float, correlation: float) -> bool:
    """Return whether to sum the upper side: always where it is small, else where it has fewer terms."""
    above = successes - trials * share
    if above <= 0.0:
        return trials - successes < min(_FEW, successes)
    # Within two standard deviations one minus the lower side loses two digits.
    variance = trials * share * (1.0 - share) * (1.0 + (trials - 1) * correlation)
    return successes > _FEW or above * above > 4.0 * variance


def _beta_upper(rate: float, trials: int, share: float, correlation: float) -> float:
    """Return the probability of a rate above ``rate``: of the beta distribution of equal mean and variance."""
    correlation += (1.0 - correlation) / trials
    a = share * (1.0 / correlation - 1.0)
    b = (1.0 - share) * (1.0 / correlation - 1.0)
    return _clamped(float(_betaincc(a, b, min(1.0, max(0.0, rate)))))


def _sum_from(first: int, trials: int, a: float, b: float) -> tuple[float, float]:
    """Return ``P(X >= first)`` and ``P(X = first)``."""
    lgamma, failures = math.lgamma, trials - first
    log_first = (
        (lgamma(trials + 1) - lgamma(first + 1) - lgamma(failures + 1))
        + (lgamma(first + a) + lgamma(failures + b) - lgamma(trials + a + b))
        - (lgamma(a) + lgamma(b) - lgamma(a + b))
    )
    # The sum is in units of its first term, so that it can be far below the smallest float.
    log_sum = log_first + math.log(_sum_by_first(first, trials, a, b))
    return math.exp(min(0.0, log_sum)), math.exp(min(0.0, log_first))


def _sum_by_first(first: int, trials: int, a: float, b: float) -> float:
    """Return ``P(X >= first) / P(X = first)``."""
    total = term = 1.0
    left, hits, place, rest = float(trials - first), a + first, first + 1.0, b + (trials - first) - 1.0
    start = first
    if left <= _FEW or left * hits <= _FALLS * place * rest:
        start = min(trials, first + 2 * _FEW)
        for _ in range(first, start):
            term *= left * hits / (place * rest)
            total += term
            if term < _NEGLIGIBLE * total:
                return total
            left -= 1.0
            hits += 1.0
            place += 1.0
            rest -= 1.0
    size, more = _MANY
    while start < trials and term >= _NEGLIGIBLE * total:
        k_s = np.arange(start, min(trials, start + size), dtype=np.float64)
        ratios = (trials - k_s) * (a + k_s)
        ratios /= (k_s + 1.0) * ((b + trials - 1.0) - k_s)
        terms = np.multiply.accumulate(ratios)
        total += term * float(np.add.reduce(terms))
        term *= float(terms[-1])
        start, size = start + size, more
    return total


def negative_binomial_upper(count: int, mean: float, excess: float) -> float:
    """Return the mid-p of ``count`` or more where ``mean`` are expected and the rate itself varies.

    Args:
        count: not negative.
        mean: above 0.
        excess: relative variance of the rate: the count has variance ``mean + excess * mean ** 2``. 0 is Poisson.

    >>> round(negative_binomial_upper(1, 1.0, 0.0), 4)  # 1 - P(0) - P(1) / 2
    0.4482
    """
    above, here = _count_tails(count, mean, excess)
    return _clamped(above + 0.5 * here)


def negative_binomial_lower(count: int, mean: float, excess: float) -> float:
    """Return the mid-p of ``count`` or fewer; see :func:`negative_binomial_upper`."""
    shape = 1.0 / max(excess, _LEAST_EXCESS)
    odds = shape / (shape + mean)
    at_most = float(_betainc(shape, count + 1.0, odds))
    below = float(_betainc(shape, float(count), odds)) if count > 0 else 0.0
    return _clamped(0.5 * (at_most + below))


def _count_tails(count: int, mean: float, excess: float) -> tuple[float, float]:
    """Return ``P(X > count)`` and ``P(X = count)`` of a negative binomial."""
    shape = 1.0 / max(excess, _LEAST_EXCESS)
    failing = mean / (shape + mean)
    above = float(_betainc(count + 1.0, shape, failing))
    at_least = float(_betainc(float(count), shape, failing)) if count > 0 else 1.0
    return above, max(0.0, at_least - above)


def student_upper(score: float, degrees: float) -> float:
    """Return ``P(T >= score)`` for Student's t with ``degrees`` degrees of freedom (any positive number).

    >>> round(student_upper(0.0, 5.0), 6)
    0.5
    """
    return _clamped(float(_stdtr(degrees, -score)))


def widened(p_value: float, degrees: float) -> float:
    """Return ``p_value`` as it is when the spread behind it was itself estimated, with ``degrees`` degrees of freedom.

    As a normal score becomes a t score when the standard deviation is estimated, so the normal quantile of
    ``p_value`` is read in Student's t. It only takes away certainty: p-values above a half stay as they are.

    >>> widened(1e-6, 4.0) > 1e-3
    True
    """
    if p_value >= 0.5:
        return p_value
    return max(p_value, student_upper(-_NORMAL.inv_cdf(p_value), degrees))


def any_of(p_values: list[float]) -> float:
    """Return one p-value for "at least one of these tests is right": Bonferroni, valid whatever they have in common.

    Raises:
        ValueError: when there is none.
    """
    if not p_values:
        msg = "there is no p-value to combine"
        raise ValueError(msg)
    return min(1.0, len(p_values) * min(p_values))
