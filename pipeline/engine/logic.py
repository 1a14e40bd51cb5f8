"""Prepare and the detectors as Bytewax stateful steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

import structlog
from bytewax.operators import StatefulBatchLogic

from detectors.contract import (
    CaseDetector,
    CaseShard,
    Detector,
    Outcome,
    SnapshotVersionError,
    WindowDetector,
    WindowState,
)
from pipeline.lane import LaneItem
from pipeline.letters import DeadLetter
from pipeline.prepare import CaseBatch, PaneBatch, Prepare, Routed

DEAD_LETTERS = "dead_letters"
_NO_SHARD = -1
DetectState = tuple[str, int, bytes]

log = structlog.get_logger(__name__)


class PrepareLogic(StatefulBatchLogic[LaneItem, Routed, bytes]):
    """Runs :class:`~pipeline.prepare.Prepare` over lane items."""

    def __init__(self, prepare: Prepare, state: bytes | None) -> None:
        self._prepare = prepare
        if state is not None:
            prepare.restore(state)

    def on_batch(self, values: list[LaneItem]) -> tuple[list[Routed], bool]:
        """Prepare each item."""
        out = [routed for item in values for routed in self._prepare.take(item)]
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """Return the state of prepare."""
        return self._prepare.snapshot()


def by_target(prepared: Sequence[tuple[str, Routed]]) -> list[tuple[str, Routed]]:
    """Key what prepare made by where it goes: one key per detector shard, one for dead letters."""
    return [(_target(routed), routed) for _, routed in prepared]


def _target(routed: Routed) -> str:
    if isinstance(routed, CaseBatch):
        return f"{routed.detector}#{routed.shard}"
    return routed.detector if isinstance(routed, PaneBatch) else DEAD_LETTERS


class DetectLogic(StatefulBatchLogic[Routed, Outcome, DetectState]):
    """One shard of a case detector, or one window detector.

    The engine does not tell a logic its key, so the first item (or the snapshot) says which detector this is.
    """

    def __init__(self, detectors: Mapping[str, Detector], state: DetectState | None) -> None:
        self._detectors = detectors
        self._name = ""
        self._shard = _NO_SHARD
        self._cases: CaseShard | None = None
        self._windows: WindowState | None = None
        if state is not None:
            self._restore(*state)

    def _restore(self, name: str, shard: int, inner: bytes) -> None:
        if name not in self._detectors:
            # Nothing is sent to it any more. Its state stays in the recovery data until the folder is set aside.
            log.warning("detector.gone", detector=name, shard=shard, hint="the settings no longer name it")
            return
        self._become(name, shard)
        holder = self._cases if self._cases is not None else self._windows
        try:
            if holder is not None:
                holder.restore(inner)
        except SnapshotVersionError as error:
            log.error("detector.fresh_start", detector=name, shard=shard, reason=str(error))
            self._become(name, shard)

    def _become(self, name: str, shard: int) -> None:
        self._name, self._shard = name, shard
        detector = self._detectors[name]
        if isinstance(detector, WindowDetector):
            self._windows = detector.state()
        else:
            case: CaseDetector = detector
            self._cases = case.shard()

    def on_batch(self, values: list[Routed]) -> tuple[list[Outcome], bool]:
        """Update the detector, batch by batch in their order."""
        out = []
        for value in values:
            if not self._name and not isinstance(value, DeadLetter):
                self._become(value.detector, value.shard if isinstance(value, CaseBatch) else _NO_SHARD)
            outcome = self._update(value)
            if outcome.changes or outcome.findings:
                out.append(outcome)
        return out, StatefulBatchLogic.RETAIN

    def _update(self, value: Routed) -> Outcome:
        if isinstance(value, CaseBatch) and self._cases is not None:
            return self._cases.update(value.events, value.progress)
        if isinstance(value, PaneBatch) and self._windows is not None:
            return self._windows.update(value.panes, value.progress)
        msg = f"detector {self._name!r} was sent a {type(value).__name__}"
        raise TypeError(msg)

    def snapshot(self) -> DetectState:
        """Return which detector this is, and its state."""
        holder = self._cases if self._cases is not None else self._windows
        return (self._name, self._shard, b"" if holder is None else holder.snapshot())


def detect_builder(detectors: Mapping[str, Detector]) -> Callable[[DetectState | None], DetectLogic]:
    """Return the builder that the engine calls for each key."""
    return lambda state: DetectLogic(detectors, state)


def is_dead_letter(item: tuple[str, Routed]) -> TypeGuard[tuple[str, DeadLetter]]:
    """Return whether the item goes to the dead letters."""
    return isinstance(item[1], DeadLetter)
