"""What all wrapped drift detectors promise: they survive what is not a number, and giants."""

import abc
from typing import Any, TypeVar

import msgspec
from river import base

from config.base import SettingsModel
from detectors.models.river_safe.base import Stateful, number
from detectors.models.river_safe.envelope import StateError, opened, sealed
from detectors.models.river_safe.scaling import Scaling

_MEMORY = 1_000.0
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
