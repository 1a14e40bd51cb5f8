"""``anomaly.LocalOutlierFactor`` on scaled features, with ties that do not make every other value an outlier."""

from typing import Any

import msgspec
from river import anomaly, neighbors

from config.anomaly_settings import LocalOutlierFactorSettings
from detectors.models.river_safe.base import FeatureModel
from detectors.models.river_safe.scaling import Scaling, squeezed

_RESOLUTION = 0.05
"""Spreads within which values are the same. River's own is 1e-10: beside a pile of equal values, all else is 1e10."""


class _Factor(anomaly.LocalOutlierFactor):
    def _local_reachability_density(self, neighbors: list[Any], distances: list[float], cache: dict[Any, Any]) -> float:
        density: float = super()._local_reachability_density(neighbors, distances, cache)
        return density if density == float("inf") else 1.0 / (1.0 / density + _RESOLUTION)


class LocalOutlierFactorState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: scales by feature, and the window, oldest first, features in order."""

    scales: list[Scaling]
    window: list[list[float]]


class SafeLocalOutlierFactor(FeatureModel[LocalOutlierFactorSettings]):
    """Local outlier factor (Breunig et al. 2000) minus 1: above 0 it is sparser here than around the neighbours.

    The window keeps values as they were scaled when they came; the scale forgets as fast as the window does.
    """

    def _start(self) -> None:
        size = self.settings.window_size
        self._scales = [Scaling(memory=float(size)) for _ in self.features]
        engine = neighbors.LazySearch(window_size=size)
        self._model = _Factor(n_neighbors=self.settings.n_neighbors, engine=engine)

    def _score(self, values: list[float | None]) -> float:
        if len(self._window()) <= self.settings.n_neighbors:
            return 0.0
        return float(self._model.score_one(squeezed(self.features, self._scales, values))) - 1.0

    def _learn(self, values: list[float]) -> None:
        for scale, value in zip(self._scales, values, strict=True):
            scale.learn(value)
        self._model.learn_one(squeezed(self.features, self._scales, values))

    def _window(self) -> Any:
        engine: Any = self._model._nn
        return engine.window

    def _plain(self) -> LocalOutlierFactorState:
        return LocalOutlierFactorState(
            scales=self._scales,
            window=[[item[0][0][name] for name in self.features] for item in self._window()],
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=LocalOutlierFactorState)
        self._scales = state.scales
        for values in state.window:
            self._model.learn_one(dict(zip(self.features, values, strict=True)))
