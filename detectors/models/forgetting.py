"""A weighted mean that forgets: River's ``stats.Mean`` with its sum of weights worn down as event time passes."""

import math

from river import stats


class ForgettingMean:
    """Weighted mean in which an observation counts half as much after every half-life of event time.

    River's ``EWMean`` gives its first value the weight of all that came before, which a cold start then carries for a
    long time, and takes no weights. Wearing down the sum of weights of ``stats.Mean`` is exact from the first value
    on: as long as nothing is forgotten it *is* the mean.

    Args:
        half_life_us: microseconds after which an observation counts half.
        value, weight, at_us: a state that ``value``, ``weight`` and ``at_us`` gave before.

    >>> mean = ForgettingMean(half_life_us=60)
    >>> mean.learn(1.0, weight=1.0, at_us=0)
    >>> mean.learn(4.0, weight=0.5, at_us=60)
    >>> mean.value, mean.weight, mean.weight_at(120)
    (2.5, 1.0, 0.5)
    """

    __slots__ = ("_mean", "at_us", "half_life_us")

    def __init__(self, half_life_us: int, value: float = 0.0, weight: float = 0.0, at_us: int = 0) -> None:
        self.half_life_us = half_life_us
        self.at_us = at_us
        self._mean = stats.Mean()
        if weight > 0.0:
            self._mean.update(value, weight)

    @property
    def value(self) -> float:
        """The mean; 0.0 before anything was learned (ask ``weight``)."""
        value: float = self._mean.get()
        return value

    @property
    def weight(self) -> float:
        """The sum of weights at ``at_us``, the time of the last observation."""
        return float(self._mean.n)

    def weight_at(self, at_us: int) -> float:
        """Return the sum of weights that is left at ``at_us``. Changes nothing."""
        since_us = at_us - self.at_us
        weight: float = self._mean.n  # asked for many times a window: a property costs a call
        return weight if since_us <= 0 else weight * 0.5 ** (since_us / self.half_life_us)

    def learn(self, value: float, *, weight: float, at_us: int) -> None:
        """Forget up to ``at_us``, then add ``value`` with ``weight`` (not negative; 0 adds nothing).

        Raises:
            ValueError: when either is not finite, or the weight is negative: one NaN would stay in the mean for good.
        """
        if not (math.isfinite(value) and math.isfinite(weight)) or weight < 0.0:
            msg = f"cannot learn {value} with weight {weight}: both must be finite, the weight not negative"
            raise ValueError(msg)
        if at_us > self.at_us:
            self._mean.n = self.weight_at(at_us)
            self.at_us = at_us
        if weight > 0.0:
            self._mean.update(value, weight)
