"""``time_series.HoltWinters`` that forecasts from its first value, and begins its seasons in the right unit."""

import math
from typing import Any

import msgspec
from river import time_series

from config.anomaly_settings import HoltWintersSettings
from detectors.models.river_safe.base import MOST, Stateful, number, untyped
from detectors.models.river_safe.envelope import StateError, opened, sealed


class HoltWintersState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: the newest level, trend and season, the values before these began, last value, and counts."""

    level: list[float]
    trend: list[float]
    season: list[float]
    first_values: list[float]
    initialized: bool
    last: float
    ignored: int
    restarts: int


class SafeHoltWinters(Stateful[HoltWintersSettings], time_series.base.Forecaster):
    """Holt-Winters smoothing (Holt 1957, Winters 1960).

    River's own raises ``IndexError`` when it is asked before a season is over; begins an additive season with ratios
    (1.02 in place of +20), and a trend with the difference between a season's ends; and raises ``ZeroDivisionError``
    where a multiplicative level or season is 0. Here the last value is the forecast until a season is over; an additive
    season begins with differences, a trend beside a season with 0; and a multiplicative model that meets a 0, or runs
    out of the floats, begins anew (``restarts`` counts that).

    Attributes:
        ignored: values that were not learned: not finite, or not above 0 where the season multiplies.
        restarts: times the model began anew.
    """

    def __init__(self, settings: HoltWintersSettings) -> None:
        super().__init__(settings)
        self.ignored = 0
        self.restarts = 0
        self._last = 0.0
        self._begin()

    def _begin(self) -> None:
        settings = self.settings
        self._model = untyped(time_series.HoltWinters)(
            alpha=settings.alpha,
            beta=settings.beta,
            gamma=settings.gamma,
            seasonality=settings.seasonality,
            multiplicative=settings.multiplicative,
        )

    @property
    def ready(self) -> bool:
        """Whether a season is over (or two values learned), so that forecasts are its own."""
        return bool(self._model._initialized)

    def learn_one(self, y: object, x: object = None) -> None:
        """Learn the next value; ``x`` is not used."""
        value = number(y)
        if value is None or (self.settings.multiplicative and value <= 0.0):
            self.ignored += 1
            return
        was_ready = self.ready
        self._last = value
        try:
            self._model.learn_one(value)
        except ZeroDivisionError:
            self._restart(value)
            return
        if self.ready and not was_ready:
            self._first_season()
        if not all(math.isfinite(part) for part in self._newest()):
            self._restart(value)

    def _restart(self, value: float) -> None:
        self.restarts += 1
        self._begin()
        self._model.learn_one(value)

    def _first_season(self) -> None:
        values = self._model._first_values
        if self._model.season is not None:
            level = self._model.level[-1]
            if not self.settings.multiplicative:
                self._model.season.clear()
                self._model.season.extend(value - level for value in values)
            self._model.trend[-1] = 0.0
        values.clear()

    def _newest(self) -> list[float]:
        parts = (self._model.level, self._model.trend, self._model.season)
        return [part[-1] for part in parts if part]

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:
        """Return forecasts of the next ``horizon`` values, finite; of 0.0 before the first value. Changes nothing."""
        if not self.ready:
            return [self._last] * horizon
        return [min(MOST, max(-MOST, value)) for value in self._model.forecast(horizon)]

    def state(self) -> bytes:
        """Return all that was learned, as versioned bytes."""
        return sealed(self.settings, self.plain(), opaque=False)

    def restore(self, state: bytes) -> None:
        """Take over a state.

        Raises:
            StateError: when it is not of a model with these settings.
        """
        try:
            self.take(msgspec.msgpack.decode(opened(self.settings, state), type=HoltWintersState))
        except msgspec.MsgspecError as error:
            msg = f"the state of {self.settings.class_} is damaged ({error}); let the model learn anew"
            raise StateError(msg) from error

    def plain(self) -> HoltWintersState:
        """Return all that was learned, as plain data."""
        model = self._model
        return HoltWintersState(
            level=list(model.level),
            trend=list(model.trend or ()),
            season=list(model.season or ()),
            first_values=list(model._first_values),
            initialized=self.ready,
            last=self._last,
            ignored=self.ignored,
            restarts=self.restarts,
        )

    def take(self, state: HoltWintersState) -> None:
        """Take over what :meth:`plain` returned."""
        self._begin()
        model = self._model
        model.level.extend(state.level)
        if model.trend is not None:
            model.trend.extend(state.trend)
        if model.season is not None:
            model.season.extend(state.season)
        model._first_values, model._initialized = state.first_values, state.initialized
        self._last, self.ignored, self.restarts = state.last, state.ignored, state.restarts
