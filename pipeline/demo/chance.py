"""Random numbers that are the same on every machine and in every version of Python.

Only ``random.Random.random`` is promised to stay the same for a seed, so everything here is built on it alone.
"""

import math
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def normal(rng: Random) -> float:
    """Return a standard normal number (Box and Muller)."""
    return math.sqrt(-2.0 * math.log(1.0 - rng.random())) * math.cos(2.0 * math.pi * rng.random())


def lognormal(rng: Random, median: float, sigma: float) -> float:
    """Return a positive number with a heavy tail: half of them are above ``median``."""
    return median * math.exp(sigma * normal(rng))


def exponential(rng: Random, mean: float) -> float:
    """Return a waiting time."""
    return -mean * math.log(1.0 - rng.random())


def poisson(rng: Random, mean: float) -> int:
    """Return a count (Knuth's way; large means are halved so that the product cannot underflow)."""
    if mean > 30.0:
        half = mean / 2.0
        return poisson(rng, half) + poisson(rng, mean - half)
    limit = math.exp(-mean)
    count = 0
    product = rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


class Weighted(Generic[T]):
    """A choice among items with weights."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self._items = list(items)
        self._bounds = list(accumulate(weights))
        self._total = self._bounds[-1]

    def pick(self, rng: Random) -> T:
        """Return one of the items."""
        return self._items[min(bisect(self._bounds, rng.random() * self._total), len(self._items) - 1)]
