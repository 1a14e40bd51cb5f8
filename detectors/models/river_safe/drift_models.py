"""``drift.ADWIN``, ``drift.PageHinkley`` and ``drift.KSWIN``, wrapped."""

import struct
from typing import Any

import msgspec
from river import drift, stats

from config.base import SettingsModel
from config.drift_settings import ADWINSettings, KSWINSettings, PageHinkleySettings
from detectors.models.river_safe.base import untyped
from detectors.models.river_safe.drift import SafeDriftDetector

__all__ = ["DRIFT_MODELS", "SafeADWIN", "SafeKSWIN", "SafePageHinkley"]

_RANDOM_VERSION = 3
"""Of the state of Python's random numbers."""


class ADWINState(msgspec.Struct, array_like=True, frozen=True):
    """River's own bytes."""

    helper: bytes


class SafeADWIN(SafeDriftDetector[ADWINSettings]):
    """ADWIN (Bifet and Gavalda 2007). Its bound assumes values of about unit spread; its state is River's own bytes."""

    opaque = True

    def _start(self) -> None:
        settings = self.settings
        self._model = untyped(drift.ADWIN)(
            delta=settings.delta,
            clock=settings.clock,
            max_buckets=settings.max_buckets,
            min_window_length=settings.min_window_length,
            grace_period=settings.grace_period,
        )

    @property
    def width(self) -> int:
        """Values in the window."""
        return int(self._model.width)

    @property
    def estimation(self) -> float:
        """Mean of the window; 0.0 for none."""
        return float(self._model.estimation)

    def _plain(self) -> ADWINState:
        return ADWINState(self._model._helper.__getstate__())

    def _take(self, payload: bytes) -> None:
        self._model._helper.__setstate__(msgspec.msgpack.decode(payload, type=ADWINState).helper)


class PageHinkleyState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: count and mean of the values, both sums, and their extremes."""

    count: float
    mean: float
    sum_increase: float
    sum_decrease: float
    min_increase: float
    max_decrease: float


class SafePageHinkley(SafeDriftDetector[PageHinkleySettings]):
    """Page-Hinkley test (Page 1954). ``delta`` and ``threshold`` are in units of the values: feed it residuals."""

    def _start(self) -> None:
        settings = self.settings
        self._model = drift.PageHinkley(
            min_instances=settings.min_instances,
            delta=settings.delta,
            threshold=settings.threshold,
            alpha=settings.alpha,
            mode=settings.mode,
        )

    def _plain(self) -> PageHinkleyState:
        model = self._model
        return PageHinkleyState(
            count=float(model._x_mean.n),
            mean=float(model._x_mean.get()),
            sum_increase=model._sum_increase,
            sum_decrease=model._sum_decrease,
            min_increase=model._min_increase,
            max_decrease=float(model._max_decrease),
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=PageHinkleyState)
        model = self._model
        model._x_mean = stats.Mean._from_state(state.count, state.mean)
        model._sum_increase, model._sum_decrease = state.sum_increase, state.sum_decrease
        model._min_increase, model._max_decrease = state.min_increase, state.max_decrease


class KSWINState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: values seen, the window, and the state of the random numbers (32-bit words, little endian)."""

    count: int
    window: list[float]
    words: bytes


class SafeKSWIN(SafeDriftDetector[KSWINSettings]):
    """KSWIN (Raab, Heusinger and Schleif 2020). Seeded: without a seed River's own finds other drifts in every run."""

    def _start(self) -> None:
        settings = self.settings
        self._model = drift.KSWIN(
            alpha=settings.alpha,
            window_size=settings.window_size,
            stat_size=settings.stat_size,
            seed=settings.seed,
        )

    def _plain(self) -> KSWINState:
        words = self._model._rng.getstate()[1]
        return KSWINState(self._model.n, list(self._model.window), struct.pack(f"<{len(words)}I", *words))

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=KSWINState)
        self._model.n = state.count
        self._model.window.extend(state.window)
        words = struct.unpack(f"<{len(state.words) // 4}I", state.words)
        self._model._rng.setstate((_RANDOM_VERSION, words, None))


DRIFT_MODELS: dict[type[SettingsModel], type[SafeDriftDetector[Any]]] = {
    ADWINSettings: SafeADWIN,
    KSWINSettings: SafeKSWIN,
    PageHinkleySettings: SafePageHinkley,
}
"""The wrapper by the class of its settings."""
