"""``anomaly.PredictiveAnomalyDetection`` for every feature: a score that does not learn, and does not end at 1."""

import math

import msgspec

from config.anomaly_settings import PredictiveAnomalyDetectionSettings
from detectors.models.river_safe.base import FeatureModel
from detectors.models.river_safe.holt_winters import HoltWintersState, SafeHoltWinters
from detectors.models.river_safe.running import Running, RunningState
from detectors.models.river_safe.scaling import FLAT, Scaling

_MEMORY = 1_000.0
_LEAST_ERROR = 1e-60
_LARGEST_ERROR = 1e49
"""Errors beyond this are scored as this: their fourth power would not fit."""


class FeatureForecast(msgspec.Struct, array_like=True, frozen=True):
    """Plain state of one feature: forecaster, scale of its errors, and squared errors."""

    forecaster: HoltWintersState
    errors: Scaling
    squares: RunningState


class PredictiveState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: by feature, and values learned."""

    features: list[FeatureForecast]
    count: int


class SafePredictiveAnomalyDetection(FeatureModel[PredictiveAnomalyDetectionSettings]):
    """Squared error of a forecast (Laptev, Amizadeh and Flint 2015) as a share of a learned threshold; of all features.

    River's own updates its statistics when it scores, so that scoring twice counts twice, and one NaN stays in them;
    its score ends at 1.0, and is 1.0 at every point of a constant series; and it raises ``IndexError`` until the
    forecaster has seen a season. Here errors are learned with the values, 1.0 lies at the threshold (mean plus
    ``n_std`` standard deviations of squared errors) and there is no upper end; the worst feature
    counts. What is learned of a single giant is limited, as in :class:`~detectors.models.river_safe.scaling.Scaling`,
    so that the forecasts after it are not off for hours.
    """

    def _start(self) -> None:
        self._count = 0
        self._forecasters = [SafeHoltWinters(self.settings.predictive_model) for _ in self.features]
        self._errors = [Scaling(memory=_MEMORY) for _ in self.features]
        self._squares = [Running() for _ in self.features]

    def _score(self, values: list[float | None]) -> float:
        if self._count < self.settings.warmup_period:
            return 0.0
        return max(self._score_of(index, value) for index, value in enumerate(values) if value is not None)

    def _score_of(self, index: int, value: float) -> float:
        forecaster, squares = self._forecasters[index], self._squares[index]
        if not forecaster.ready or squares.count < 2:
            return 0.0
        forecast = forecaster.forecast(1)[0]
        flat = FLAT * abs(forecast)
        error = min(_LARGEST_ERROR, abs(value - forecast))
        if error <= flat:  # rounding errors of a constant
            return 0.0
        threshold = squares.mean + self.settings.n_std * squares.spread
        return error * error / max(threshold, flat * flat, _LEAST_ERROR)

    def _learn(self, values: list[float]) -> None:
        self._count += 1
        for forecaster, errors, squares, value in zip(
            self._forecasters, self._errors, self._squares, values, strict=True
        ):
            taken = value
            if forecaster.ready:
                forecast = forecaster.forecast(1)[0]
                error = errors.learn(value - forecast)
                taken = forecast + error
                learned = math.copysign(min(_LARGEST_ERROR, abs(error)), error)
                squares.learn(learned * learned)
            forecaster.learn_one(taken)

    def _plain(self) -> PredictiveState:
        parts = zip(self._forecasters, self._errors, self._squares, strict=True)
        return PredictiveState(
            [FeatureForecast(forecaster.plain(), errors, squares.plain()) for forecaster, errors, squares in parts],
            self._count,
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=PredictiveState)
        self._count = state.count
        self._errors = [feature.errors for feature in state.features]
        for forecaster, squares, feature in zip(self._forecasters, self._squares, state.features, strict=True):
            forecaster.take(feature.forecaster)
            squares.take(feature.squares)
