"""``drift.ADWIN``, ``drift.PageHinkley`` and ``drift.KSWIN`` that survive what is not a number, and giants."""

import abc
import struct
from typing import Any, TypeVar

import msgspec
from river import base, drift, stats

from config.base import SettingsModel
from config.drift_settings import ADWINSettings, KSWINSettings, PageHinkleySettings
from detectors.models.river_safe.base import Stateful, number, untyped
from detectors.models.river_safe.envelope import StateError, opened, sealed
from detectors.models.river_safe.scaling import Scaling

__all__ = ["SafeADWIN", "SafeDriftDetector", "SafeKSWIN", "SafePageHinkley"]

_MEMORY = 1_000.0
_RANDOM_VERSION = 3
"""Of the state of Python's random numbers."""
DriftT = TypeVar("DriftT", bound=SettingsModel)


class DriftState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state.

    Attributes:
        drift_detected: whether drift showed with the last value.
        due: whether it showed with the last value learned: then River's detector begins anew with the next.
        ignored: values that were not learned.
        scale: of the values.
        payload: of River's detector.
    """

    drift_detected: bool
    due: bool
    ignored: int
    scale: Scaling
    payload: msgspec.Raw


class SafeDriftDetector(Stateful[DriftT], base.DriftDetector):
    """A drift detector of River. Values that are not finite numbers are counted in ``ignored`` and change nothing.

    River's own are blind for good after one NaN or infinity, and after one giant until it has left the window. Here a
    single giant is read as ``CLIP`` spreads, see :class:`~detectors.models.river_safe.scaling.Scaling`.

    Attributes:
        ignored: values that were not learned.
    """

    opaque = False
    _model: Any

    def __init__(self, settings: DriftT) -> None:
        super().__init__(settings)
        self._drift_detected = False
        self.ignored = 0
        self._scale = Scaling(memory=_MEMORY)
        self._start()

    def update(self, x: object) -> None:
        """Learn a value; :attr:`drift_detected` then says whether a drift showed with it."""
        value = number(x)
        if value is None:
            self.ignored += 1
            self._drift_detected = False
            return
        self._model.update(self._scale.learn(value))
        self._drift_detected = bool(self._model.drift_detected)

    @abc.abstractmethod
    def _start(self) -> None:
        """Make River's detector."""

    @abc.abstractmethod
    def _plain(self) -> msgspec.Struct:
        """Return what River's detector has learned."""

    @abc.abstractmethod
    def _take(self, payload: bytes) -> None:
        """Take over what :meth:`_plain` returned, as msgpack."""

    def state(self) -> bytes:
        """Return all that was learned, as versioned bytes."""
        payload = msgspec.Raw(msgspec.msgpack.encode(self._plain()))
        due = bool(self._model.drift_detected)
        plain = DriftState(self._drift_detected, due, self.ignored, self._scale, payload)
        return sealed(self.settings, plain, opaque=self.opaque)

    def restore(self, state: bytes) -> None:
        """Take over a state.

        Raises:
            StateError: when it is not of a detector with these settings.
        """
        fresh = type(self)(self.settings)
        try:
            read = msgspec.msgpack.decode(opened(self.settings, state), type=DriftState)
            fresh._take(bytes(read.payload))
        except msgspec.MsgspecError as error:
            msg = f"the state of {self.settings.model_dump(by_alias=True)} is damaged ({error}); let it learn anew"
            raise StateError(msg) from error
        fresh._model._drift_detected = read.due
        fresh._drift_detected, fresh.ignored, fresh._scale = read.drift_detected, read.ignored, read.scale
        self.__dict__ = fresh.__dict__


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
