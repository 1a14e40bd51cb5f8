"""Exact confidence intervals for shares and rates, at 95 %."""

import math

import msgspec
from scipy.stats import beta, chi2

_TAIL = 0.025


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of so many, with its interval (Clopper-Pearson). All in [0, 1]."""

    value: float
    count: int
    of: int
    low: float
    high: float


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many a week, with its interval (Poisson, Garwood)."""

    value: float
    count: int
    low: float
    high: float


def share(count: int, of: int) -> Share | None:
    """Return ``count`` out of ``of``; None for a share of nothing.

    >>> share(9, 10)
    Share(value=0.9, count=9, of=10, low=0.555, high=0.9975)
    """
    if of == 0:
        return None
    low = 0.0 if count == 0 else float(beta.ppf(_TAIL, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1.0 - _TAIL, count + 1, of - count))
    return Share(round(count / of, 4), count, of, round(low, 4), round(high, 4))


def rate(count: int, weeks: float) -> Rate | None:
    """Return ``count`` in ``weeks`` as a rate a week; None for no time at all.

    >>> rate(0, 4.0)
    Rate(value=0.0, count=0, low=0.0, high=0.9222)
    """
    if weeks <= 0.0:
        return None
    low = 0.0 if count == 0 else float(chi2.ppf(_TAIL, 2 * count)) / 2.0
    high = float(chi2.ppf(1.0 - _TAIL, 2 * (count + 1))) / 2.0
    return Rate(round(count / weeks, 4), count, round(low / weeks, 4), round(high / weeks, 4))


def quantile(values: list[float], share_below: float) -> float | None:
    """Return the smallest of ``values`` that so large a share is at or below (nearest rank); None for no values.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.9)
    4.0
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share_below * len(values)) - 1)]
