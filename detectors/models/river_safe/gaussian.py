"""``anomaly.GaussianScorer`` for every feature, with a score that ranks to any height and survives constants."""

import math

import msgspec

from config.anomaly_settings import GaussianScorerSettings
from detectors.models.river_safe.base import FeatureModel
from detectors.models.river_safe.running import Running, RunningState

_LN_10 = math.log(10.0)
_FAR = 26.0
"""Standard deviations from which ``erfc`` underflows, and the first terms of its series are exact."""
_LARGEST = 1e49
"""Standard deviations beyond which nothing is told apart: the score of it is 2e97."""


def tail_score(deviations: float) -> float:
    """Return -log10 of the probability that a normal value is at least so many standard deviations away, either way.

    >>> round(tail_score(0.0), 3), round(tail_score(1.96), 2), round(tail_score(100.0))
    (0.0, 1.3, 2174)
    """
    size = min(_LARGEST, abs(deviations))
    if size < _FAR:
        return abs(math.log(math.erfc(size / math.sqrt(2.0)))) / _LN_10
    log_tail = -0.5 * size * size - math.log(size) - 0.5 * math.log(2.0 * math.pi) - 1.0 / (size * size)
    return -(log_tail + math.log(2.0)) / _LN_10


class GaussianScorerState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: mean and spread by feature."""

    features: list[RunningState]


class SafeGaussianScorer(FeatureModel[GaussianScorerSettings]):
    """How improbable the most improbable feature is: -log10 of its two-sided Gaussian tail, without an upper end.

    River's own scores ``1 - tail``, which is 1.0 exactly from 8 standard deviations on and on a constant series, raises
    ``TypeError`` where a window turns constant, and is always 0 where the window is shorter than the grace period. Half
    a standard deviation scores 0.2, a value that comes once in a thousand 3.
    """

    def _start(self) -> None:
        self._running = [Running(self.settings.window_size) for _ in self.features]

    def _score(self, values: list[float | None]) -> float:
        if self._running[0].count < self.settings.grace_period:
            return 0.0
        return max(
            tail_score((value - one.mean) / one.spread)
            for one, value in zip(self._running, values, strict=True)
            if value is not None
        )

    def _learn(self, values: list[float]) -> None:
        for one, value in zip(self._running, values, strict=True):
            one.learn(value)

    def _plain(self) -> GaussianScorerState:
        return GaussianScorerState([one.plain() for one in self._running])

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=GaussianScorerState)
        for one, plain in zip(self._running, state.features, strict=True):
            one.take(plain)
