"""``anomaly.QuantileFilter`` and ``anomaly.ThresholdFilter``: judges around a model, that let it learn a new level."""

import abc
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from config.models import FilterSettings, QuantileFilterSettings, ThresholdFilterSettings
from detectors.models.river_safe.base import SafeAnomalyDetector
from detectors.models.river_safe.envelope import StateError, opened, sealed
from detectors.models.river_safe.plain_models import plain_model
from detectors.models.river_safe.statistics import SafeRollingQuantile

FilterT = TypeVar("FilterT", bound=FilterSettings)


class FilterState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: of the model inside, anomalous observations in a row, those not whole, and of the quantile."""

    inside: bytes
    streak: int
    ignored: int
    quantile: bytes


class SafeFilter(SafeAnomalyDetector[FilterT]):
    """Passes on the scores of the model inside, and judges them.

    River's filters, while they protect their model, never let it learn a new level (``ThresholdFilter``); without
    protection ``ThresholdFilter`` never lets it learn at all. Here what was judged anomalous is kept from the model
    for at most ``patience`` observations in a row; then it learns, whatever it thinks of them.
    """

    def __init__(self, settings: FilterT) -> None:
        super().__init__(settings)
        self._inside = plain_model(settings.anomaly_detector)
        self._streak = 0
        self.ignored = 0

    @abc.abstractmethod
    def classify(self, score: float) -> bool:
        """Say whether a score is anomalous. Changes nothing."""

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return the score of the model inside."""
        return self._inside.score_one(x)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Let the model inside learn, unless it is protected from this observation."""
        score = self._inside.score_one(x)
        if not self._inside.is_whole(x):
            self.ignored += 1
            return
        if self.classify(score):
            self._streak += 1
        else:
            self._streak = 0
        if not self.settings.protect_anomaly_detector or not 0 < self._streak <= self.settings.patience:
            self._inside.learn_one(x)
        self._learn_score(score)

    def _learn_score(self, score: float) -> None:
        """Learn what scores are like."""

    def _quantile_state(self) -> bytes:
        return b""

    def _take_quantile(self, state: bytes) -> None:
        """Take over what :meth:`_quantile_state` returned."""

    def state(self) -> bytes:
        """Return all that was learned, as versioned bytes."""
        plain = FilterState(self._inside.state(), self._streak, self.ignored, self._quantile_state())
        return sealed(self.settings, plain, opaque=False)

    def restore(self, state: bytes) -> None:
        """Take over a state.

        Raises:
            StateError: when it is not of a model with these settings.
        """
        fresh = type(self)(self.settings)
        try:
            read = msgspec.msgpack.decode(opened(self.settings, state), type=FilterState)
        except msgspec.MsgspecError as error:
            msg = f"the state of {self.settings.class_} is damaged ({error}); let the model learn anew"
            raise StateError(msg) from error
        fresh._inside.restore(read.inside)
        fresh._streak, fresh.ignored = read.streak, read.ignored
        fresh._take_quantile(read.quantile)
        self.__dict__ = fresh.__dict__


class SafeQuantileFilter(SafeFilter[QuantileFilterSettings]):
    """Judges anomalous what scores above a quantile of recent scores: above, so that ties with it are not.

    River's own takes the quantile of all scores ever, counts ties as anomalous (of equal scores, all), and takes a
    quantile of 0.0 for none at all.
    """

    def __init__(self, settings: QuantileFilterSettings) -> None:
        super().__init__(settings)
        self._quantile = SafeRollingQuantile(settings.q, settings.window_size)

    def classify(self, score: float) -> bool:
        """Say whether a score is above the quantile; of fewer scores than it takes to have one in the tail, no."""
        few = self._quantile.count * (1.0 - self.settings.q) < 1.0
        return not few and score > self._quantile.get()

    def _learn_score(self, score: float) -> None:
        self._quantile.update(score)

    def _quantile_state(self) -> bytes:
        return self._quantile.state()

    def _take_quantile(self, state: bytes) -> None:
        self._quantile.restore(state)


class SafeThresholdFilter(SafeFilter[ThresholdFilterSettings]):
    """Judges anomalous what scores at or above a threshold."""

    def classify(self, score: float) -> bool:
        """Say whether a score is at or above the threshold."""
        return score >= self.settings.threshold


FILTERS: dict[type[FilterSettings], type[SafeFilter[Any]]] = {
    QuantileFilterSettings: SafeQuantileFilter,
    ThresholdFilterSettings: SafeThresholdFilter,
}
"""The wrapper by the class of its settings."""
