"""``anomaly.StandardAbsoluteDeviation`` for every feature."""

import msgspec

from config.anomaly_settings import StandardAbsoluteDeviationSettings
from detectors.models.river_safe.base import FeatureModel
from detectors.models.river_safe.running import Running, RunningState
from detectors.models.river_safe.statistics import SafeQuantile

_FEW = 3
"""Values before which there is no spread to speak of: River's own scores the second value of a series without end."""


class StandardAbsoluteDeviationState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: spread by feature, and the median (River's own bytes) where it is wanted."""

    features: list[RunningState]
    medians: list[bytes]


class SafeStandardAbsoluteDeviation(FeatureModel[StandardAbsoluteDeviationSettings]):
    """Distance of the most distant feature from its mean or median, in standard deviations of all values seen.

    The spread of a constant is a billionth of its level, not 1e-10 whatever the unit: rounding errors of a constant
    100,000,000.1 are no anomalies.
    """

    def _start(self) -> None:
        self.opaque = self.settings.sub_stat == "median"
        self._running = [Running() for _ in self.features]
        self._medians = [SafeQuantile(0.5) for _ in self.features] if self.opaque else []

    def _score(self, values: list[float | None]) -> float:
        if self._running[0].count < _FEW:
            return 0.0
        return max(
            abs(value - self._middle(index)) / self._running[index].spread
            for index, value in enumerate(values)
            if value is not None
        )

    def _middle(self, index: int) -> float:
        return self._medians[index].get() if self._medians else self._running[index].mean

    def _learn(self, values: list[float]) -> None:
        for index, value in enumerate(values):
            taken = self._running[index].learn(value)
            if self._medians:
                self._medians[index].update(taken)

    def _plain(self) -> StandardAbsoluteDeviationState:
        return StandardAbsoluteDeviationState(
            [one.plain() for one in self._running], [one.state() for one in self._medians]
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=StandardAbsoluteDeviationState)
        for one, plain in zip(self._running, state.features, strict=True):
            one.take(plain)
        for median, plain_bytes in zip(self._medians, state.medians, strict=True):
            median.restore(plain_bytes)
