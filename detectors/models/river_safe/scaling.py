"""Scales the values of a feature by what was learned of it, so that no single value can move the scale far."""

import math
from collections.abc import Sequence

import msgspec

CLIP = 8.0
"""A value this many spreads from the mean is learned as it is; one beyond, see :class:`Scaling`."""
FLAT = 1e-9
"""Spread of a constant, as a share of its level: rounding errors of constants lie below, anything seen lies above."""
_LEAST_SPREAD = 1e-30
_MOST_SCORE = 1e9


class Scaling(msgspec.Struct, array_like=True):
    """Mean and spread of one value, with forgetting, and without trust in single values.

    A value further than ``CLIP`` spreads from the mean is learned as ``CLIP`` spreads, or as the largest distance seen
    before if that is more. So one giant outlier moves little, and the second of its size is believed: a new level, or a
    count that is mostly 0, is learned. (Values that are refused for good make a model blind to every new level.)

    Attributes:
        memory: values after which old ones have faded; at least 2.
        count: values learned, up to ``memory``.
        mean: of the values, as learned.
        variance: of the values, as learned.
        most: largest distance from the mean that was seen; it fades with the rest.

    >>> scaling = Scaling(memory=100.0)
    >>> for value in [9.0, 11.0] * 20:
    ...     _ = scaling.learn(value)
    >>> round(scaling.score(12.0), 1), scaling.learn(1e12) < 20.0
    (2.0, True)
    """

    memory: float
    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0
    most: float = 0.0

    @property
    def spread(self) -> float:
        """Standard deviation, kept above the rounding errors of a constant."""
        return max(math.sqrt(self.variance), FLAT * abs(self.mean), _LEAST_SPREAD)

    def score(self, value: float) -> float:
        """Return the distance of ``value`` (up to 1e100) from the mean in spreads, within ±1e9. Changes nothing."""
        if self.count == 0.0:
            return 0.0
        return min(_MOST_SCORE, max(-_MOST_SCORE, (value - self.mean) / self.spread))

    def learn(self, value: float) -> float:
        """Learn ``value`` (up to 1e100), and return what it was learned as."""
        if self.count == 0.0:
            self.count, self.mean = 1.0, value
            return value
        distance = value - self.mean
        bound = max(CLIP * self.spread, self.most)
        self.count = min(self.memory, self.count + 1.0)
        share = 1.0 / self.count
        self.most = max(abs(distance), self.most * (1.0 - share))
        if abs(distance) > bound and self.count > 2.0:
            distance = math.copysign(bound, distance)
        taken = self.mean + distance
        self.mean += share * distance
        self.variance = (1.0 - share) * (self.variance + share * distance * distance)
        return taken


def squeezed(features: Sequence[str], scales: Sequence[Scaling], values: Sequence[float | None]) -> dict[str, float]:
    """Return scaled values with long ends pressed together (``asinh``): straight within a spread, then logarithmic.

    What is missing is put at the mean.
    """
    return {
        name: 0.0 if value is None else math.asinh(scale.score(value))
        for name, scale, value in zip(features, scales, values, strict=True)
    }
