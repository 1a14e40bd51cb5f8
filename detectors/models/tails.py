"""Exact tails of distributions: the probability of a result at least this bad, down to 1e-300.

All return a value in (0, 1]; a result that underflows is :data:`SMALLEST`, because "impossible" is never the honest
answer.
"""

import math
from statistics import NormalDist

import numpy as np
from scipy.special import bdtrc, stdtr

SMALLEST = 1e-300
_NORMAL = NormalDist()
_NEGLIGIBLE = 1e-17
_SHORT_SUM = 24
"""Terms that are added one by one: most sums end within them. From there on, many at a time cost less."""
_LONG_SUM = 512


def _clamped(p_value: float) -> float:
    return min(1.0, max(SMALLEST, p_value))


def binomial_upper(successes: int, trials: int, share: float) -> float:
    """Return ``P(X >= successes)`` for ``X ~ Binomial(trials, share)``.

    >>> round(binomial_upper(2, 2, 0.5), 6)
    0.25
    """
    if successes <= 0:
        return 1.0
    return _clamped(float(bdtrc(successes - 1, trials, share)))


def beta_binomial_upper(successes: int, trials: int, share: float, correlation: float) -> float:
    """Return ``P(X >= successes)`` where the success rate itself varies around ``share``: a beta-binomial.

    Args:
        successes: 0 .. trials.
        trials: number of trials.
        share: mean success rate, in (0, 1).
        correlation: within-window correlation rho, in [0, 1): the rate has variance ``rho * share * (1 - share)``, the
            parameters are ``a = share * (1 / rho - 1)`` and ``b = (1 - share) * (1 / rho - 1)``. 0 is the binomial.

    The smaller side is summed term by term from its recurrence, so it costs at most ``trials`` steps and loses
    nothing to cancellation.

    >>> round(beta_binomial_upper(1, 1, 0.3, 0.1), 6)
    0.3
    """
    if successes <= 0:
        return 1.0
    if correlation <= 1e-9:
        return binomial_upper(successes, trials, share)
    a = share * (1.0 / correlation - 1.0)
    b = (1.0 - share) * (1.0 / correlation - 1.0)
    if successes > trials * share:
        return _clamped(_sum_from(successes, trials, a, b))
    # The lower side is the smaller one: by symmetry it is the upper side of the failures.
    return _clamped(1.0 - _sum_from(trials - successes + 1, trials, b, a))


def _sum_from(first: int, trials: int, a: float, b: float) -> float:
    log_first = (
        math.lgamma(trials + 1)
        - math.lgamma(first + 1)
        - math.lgamma(trials - first + 1)
        + _log_beta(first + a, trials - first + b)
        - _log_beta(a, b)
    )
    # The sum is in units of its first term, so that it can be far below the smallest float.
    total = term = 1.0
    short = min(trials, first + _SHORT_SUM)
    for k in range(first, short):
        term *= (trials - k) * (a + k) / ((k + 1) * (b + trials - k - 1))
        total += term
        if term < _NEGLIGIBLE * total:
            return math.exp(min(0.0, log_first + math.log(total)))
    for start in range(short, trials, _LONG_SUM):
        k_s = np.arange(start, min(trials, start + _LONG_SUM), dtype=np.float64)
        terms = term * np.cumprod((trials - k_s) * (a + k_s) / ((k_s + 1.0) * (b + trials - k_s - 1.0)))
        total += float(terms.sum())
        term = float(terms[-1])
        if term < _NEGLIGIBLE * total:
            break
    return math.exp(min(0.0, log_first + math.log(total)))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def student_upper(score: float, degrees: float) -> float:
    """Return ``P(T >= score)`` for Student's t with ``degrees`` degrees of freedom (any positive number).

    >>> round(student_upper(0.0, 5.0), 6)
    0.5
    """
    return _clamped(float(stdtr(degrees, -score)))


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
