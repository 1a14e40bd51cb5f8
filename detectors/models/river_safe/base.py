"""What all wrapped anomaly models promise, and the half of it that does not depend on the model.

River's models trust their input, and some of them change while they score. Here:

* ``score_one`` changes nothing, never raises, and returns a finite number; higher is more anomalous, and 0.0 is what a
  model says that has not learned enough;
* ``learn_one`` never raises. An observation that is not whole (a feature is missing, is not a number, NaN or infinite)
  is not learned, and counted in ``ignored``;
* the state is plain data: ``restore(state())`` and pickle give a model with exactly the same future.
"""

import abc
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from river import base

from config.anomaly_settings import AnomalySettings
from config.base import SettingsModel
from detectors.models.river_safe.envelope import StateError, opened, sealed

MOST = 1e100
"""Numbers beyond this are read as this: their squares would not fit a float."""
SettingsT = TypeVar("SettingsT", bound=SettingsModel)
FeaturedT = TypeVar("FeaturedT", bound=AnomalySettings)


def number(value: object) -> float | None:
    """Return a finite number between -1e100 and 1e100, or None for what is none."""
    if isinstance(value, str | bytes):
        return None
    try:
        read = float(value)  # type: ignore[arg-type]  # anything may come; what is no number raises TypeError
    except (TypeError, ValueError):
        return None
    except OverflowError:  # an integer beyond the floats
        return MOST if value > 0 else -MOST  # type: ignore[operator]
    if read - read != 0.0:  # NaN or infinite
        return None
    return min(MOST, max(-MOST, read))


def untyped(model: Any) -> Any:
    """Return ``model`` as it is: much of River has no types to check against."""
    return model


class Stateful(abc.ABC, Generic[SettingsT]):
    """State as versioned bytes, and pickle by it.

    Args:
        settings: of the model; ``clone`` of River reads them from here.
    """

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @abc.abstractmethod
    def state(self) -> bytes:
        """Return all that was learned. Changes nothing."""

    @abc.abstractmethod
    def restore(self, state: bytes) -> None:
        """Take over a state.

        Raises:
            StateError: when it is not of a model with these settings; the model stays as it is.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.settings, self.state())


def _rebuilt(kind: type[Stateful[SettingsT]], settings: SettingsT, state: bytes) -> Stateful[SettingsT]:
    model = kind(settings)
    model.restore(state)
    return model


class SafeAnomalyDetector(Stateful[SettingsT], base.AnomalyDetector):
    """An anomaly model of River that keeps the promises of this module.

    Attributes:
        ignored: observations that were not learned, because they were not whole.
    """

    ignored: int

    @abc.abstractmethod
    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how anomalous an observation is: finite, higher is more so. Changes nothing, never raises."""

    @abc.abstractmethod
    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn an observation. Never raises; what is not whole is counted in ``ignored``."""


class FeatureState(msgspec.Struct, array_like=True, frozen=True):
    """State of a model of features: their names in order (none before the first), the count, the model's own bytes."""

    features: list[str]
    ignored: int
    payload: msgspec.Raw


class FeatureModel(SafeAnomalyDetector[FeaturedT]):
    """A model of a fixed set of features, which the settings name or the first whole observation brings.

    Subclasses see floats in the order of ``features`` and nothing else. Features that appear later are not looked at.
    """

    opaque = False
    """Whether the state holds River's own bytes."""

    def __init__(self, settings: FeaturedT) -> None:
        super().__init__(settings)
        self.ignored = 0
        self.features: list[str] = []
        if settings.features is not None:
            self._begin(sorted(settings.features))

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how anomalous an observation is. Features without a finite number count as normal."""
        if not self.features or not isinstance(x, Mapping):
            return 0.0
        values = [number(x.get(name)) for name in self.features]
        if all(value is None for value in values):
            return 0.0
        score = self._score(values)
        return min(MOST, max(-MOST, score)) if score == score else 0.0  # noqa: PLR0124 - NaN is not itself

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn an observation, if it is whole."""
        read = self._values(x)
        if read is None:
            self.ignored += 1
            return
        names, values = read
        if not self.features:
            self._begin(names)
        self._learn(values)

    def is_whole(self, x: Mapping[Any, Any]) -> bool:
        """Say whether ``learn_one`` would learn an observation. Changes nothing."""
        return self._values(x) is not None

    def _values(self, x: Mapping[Any, Any]) -> tuple[list[str], list[float]] | None:
        """Return names and numbers of an observation, or None where it is not whole."""
        if not isinstance(x, Mapping):
            return None
        names = self.features or sorted(name for name in x if isinstance(name, str))
        values = [value for value in (number(x.get(name)) for name in names) if value is not None]
        return (names, values) if values and len(values) == len(names) else None

    def _begin(self, features: list[str]) -> None:
        self.features = features
        self._start()

    @abc.abstractmethod
    def _start(self) -> None:
        """Make the model, now that ``features`` are known."""

    @abc.abstractmethod
    def _score(self, values: list[float | None]) -> float:
        """Score values, at least one of which is a number."""

    @abc.abstractmethod
    def _learn(self, values: list[float]) -> None:
        """Learn values, all of which are finite numbers."""

    @abc.abstractmethod
    def _plain(self) -> msgspec.Struct:
        """Return what was learned as plain data; ``features`` are known."""

    @abc.abstractmethod
    def _take(self, payload: bytes) -> None:
        """Take over what :meth:`_plain` returned, as msgpack; ``_start`` was called just before."""

    def state(self) -> bytes:
        """Return all that was learned, as versioned bytes."""
        payload = msgspec.msgpack.encode(self._plain() if self.features else None)
        inner = FeatureState(self.features, self.ignored, msgspec.Raw(payload))
        return sealed(self.settings, inner, opaque=self.opaque)

    def restore(self, state: bytes) -> None:
        """Take over a state.

        Raises:
            StateError: when it is not of a model with these settings.
        """
        fresh = type(self)(self.settings)
        try:
            inner = msgspec.msgpack.decode(opened(self.settings, state), type=FeatureState)
            if inner.features:
                fresh._begin(inner.features)
                fresh._take(bytes(inner.payload))
        except (msgspec.MsgspecError, ValueError) as error:
            msg = (
                f"the state of {self.settings.model_dump(by_alias=True)} is damaged ({error}); let the model learn anew"
            )
            raise StateError(msg) from error
        fresh.ignored = inner.ignored
        self.__dict__ = fresh.__dict__
