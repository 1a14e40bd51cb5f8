"""Detectors that the settings no longer name: what is left of their state stays where it is."""

from datetime import UTC, datetime
from typing import Generic, TypeVar

from bytewax.operators import StatefulBatchLogic

_Value = TypeVar("_Value")
_Told = TypeVar("_Told")
_State = TypeVar("_State")
_ALWAYS = datetime.fromtimestamp(0, UTC)


class MayBeGone(StatefulBatchLogic[_Value, _Told, _State], Generic[_Value, _Told, _State]):
    """A step of which nothing but a state may be left: nothing is sent to it, and the engine still saves it, once."""

    def __init__(self) -> None:
        self._left: _State | None = None
        self._noted = False

    def notify_at(self) -> datetime | None:
        """Return a time that is over where the state is of a detector that is gone: what is left of it is kept."""
        return None if self._left is None or self._noted else _ALWAYS

    def on_notify(self) -> tuple[list[_Told], bool]:
        """Be awake, which is what the engine makes snapshots of."""
        self._noted = True
        return [], StatefulBatchLogic.RETAIN
