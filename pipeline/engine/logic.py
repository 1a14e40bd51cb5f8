"""Prepare and the detectors as Bytewax stateful steps."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeGuard

import msgspec
import structlog
from bytewax.operators import StatefulBatchLogic

from detectors.contract import (
    CaseDetector,
    CaseShard,
    Deriving,
    Detector,
    Outcome,
    SnapshotVersionError,
    WindowDetector,
    WindowState,
)
from detectors.events import Event
from detectors.quiet import TakesQuiet
from pipeline.control.steering import Steering, tell_taken
from pipeline.engine.gone import MayBeGone
from pipeline.lane import LaneItem
from pipeline.letters import DeadLetter
from pipeline.listening import Listening, shard_name
from pipeline.model_files import ModelFiles, without_alerts
from pipeline.prepare import Prepare
from pipeline.routing import CaseBatch, ControlBatch, PaneBatch, PaneReport, Routed
from pipeline.scale.concluded import Conclusions, ConclusionsState
from pipeline.state_log import LogState, StateLog

DEAD_LETTERS = "dead_letters"
_NO_SHARD = -1
_TURNS = 8
"""Shards that prepare their snapshots one after another, and not all at once."""
DetectState = tuple[str, int, bytes] | tuple[str, int, bytes, bytes]
"""Name of the detector, number of the shard, its state; and where somebody listens, what is not told yet."""
Detected = Outcome | PaneReport
_LOGGED = b"\x00log1"
"""Before the length of a log, in place of a whole state (which is msgpack and never begins so)."""
_LOG_STATE = msgspec.msgpack.Decoder(LogState)
_LOG_STATE_ENCODER = msgspec.msgpack.Encoder()
_time_of = attrgetter("time_us")
_CONCLUSIONS = msgspec.msgpack.Decoder(list[ConclusionsState])

log = structlog.get_logger(__name__)


Concluded = Callable[[Sequence[Event]], None]
PrepareBuilder = Callable[[Any], StatefulBatchLogic[LaneItem, Routed, Any]]


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


def unless_stopped(build: PrepareBuilder, check: Callable[[], None]) -> PrepareBuilder:
    """Return a builder that calls ``check``, which may raise, before it reads a state."""

    def checked(state: Any) -> StatefulBatchLogic[LaneItem, Routed, Any]:
        if state is not None:
            check()
        return build(state)

    return checked


def by_target(prepared: Sequence[tuple[str, Routed]]) -> list[tuple[str, Routed]]:
    """Key what prepare made by where it goes: one key per detector shard, one for dead letters."""
    return [(_target(routed), routed) for _, routed in prepared]


def _target(routed: Routed) -> str:
    if isinstance(routed, CaseBatch):
        return shard_name(routed.detector, routed.shard)
    return DEAD_LETTERS if isinstance(routed, DeadLetter) else routed.detector


class DetectLogic(MayBeGone[Routed, Detected, DetectState]):
    """One shard of a case detector, or one window detector.

    The engine does not tell a logic its key, so the first item (or the snapshot) says which detector this is.

    Args:
        detectors: by name.
        folder: where the logs of the case detectors' shards live.
        state: to go on from.
        listening: who listens to whom; None: nobody does.
        steering: what people have changed; None: nothing.
        on_concluded: is given what case detectors conclude, where a window detector listens.
        models_folder: where the models of window detectors with many groups live; None: in their snapshots.

    Attributes:
        prepare_after: events of a shard after which a part of its next snapshot is prepared: all of it at once would
            stop the flow for the longer.
    """

    prepare_after = 4_000

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        folder: Path,
        state: DetectState | None,
        listening: Listening | None = None,
        steering: Steering | None = None,
        on_concluded: Concluded | None = None,
        models_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self._detectors = detectors
        self._folder = folder
        self._models_folder = models_folder
        self._steering = steering
        self._on_concluded = on_concluded
        self._by_case: Mapping[str, list[WindowDetector]] = {} if listening is None else listening.by_case
        self._told: list[Conclusions] = []
        self._log: StateLog | None = None
        self._files: ModelFiles | None = None
        self._name = ""
        self._shard = _NO_SHARD
        self._cases: CaseShard | None = None
        self._taking: tuple[CaseDetector, TakesQuiet] | None = None
        self._unprepared = 0
        self._windows: WindowState | None = None
        if state is not None:
            self._restore(*state)

    def _restore(self, name: str, shard: int, inner: bytes, told: bytes = b"") -> None:
        if name not in self._detectors:
            # Nothing is sent to it any more, and its alerts were ended. Named again it knows what is normal, and no
            # alerts; of cases, which went on without it, it knows nothing.
            log.warning("detector.gone", detector=name, shard=shard, hint="the settings no longer name it")
            self._left = name, shard, without_alerts(inner) or b""
            return
        self._become(name, shard)
        try:
            if self._windows is not None and self._files is not None:
                self._files.restore(self._windows, inner)
            elif self._cases is not None and self._log is not None:
                if inner.startswith(_LOGGED):
                    head, images = self._log.read(_LOG_STATE.decode(inner[len(_LOGGED) :]))
                    self._cases.rebuild(head, images.values())
                else:  # the whole state, as it was kept before there were logs
                    self._cases.restore(inner)
                    self._log.take_in(self._cases.keys())
                if told:
                    kept = {state.listener: state for state in _CONCLUSIONS.decode(told)}
                    for each in self._told:
                        if each.listener in kept:
                            each.restore(kept[each.listener])
        except SnapshotVersionError as error:
            log.error("detector.fresh_start", detector=name, shard=shard, reason=str(error))
            self._become(name, shard)
            if self._windows is not None and self._files is not None:
                self._files.inherit(self._windows, inner)
        self._begin()

    def _become(self, name: str, shard: int) -> None:
        self._name, self._shard = name, shard
        detector = self._detectors[name]
        if isinstance(detector, WindowDetector):
            self._windows = detector.state()
            self._files = ModelFiles(self._models_folder, name)
        else:
            case: CaseDetector = detector
            listeners = self._by_case.get(name)
            if listeners and isinstance(case, Deriving):
                self._cases = case.deriving_shard()
                self._told = [Conclusions(listener, shard_name(name, shard)) for listener in listeners]
            else:
                self._cases = case.shard()
            if isinstance(self._cases, TakesQuiet):
                self._taking = case, self._cases
            self._log = StateLog(self._folder, f"{name}.{shard}")

    def _begin(self) -> None:
        if self._windows is not None and self._steering is not None:
            self._steering.begin(self._name, self._windows)

    def on_batch(self, values: list[Routed]) -> tuple[list[Detected], bool]:
        """Update the detector, batch by batch in their order."""
        out: list[Detected] = []
        for value in values:
            if not self._name and not isinstance(value, DeadLetter):
                self._become(value.detector, value.shard if isinstance(value, CaseBatch) else _NO_SHARD)
                self._begin()
            outcome = self._update(value)
            if outcome.changes or outcome.findings:
                out.append(outcome)
                if self._steering is not None and self._windows is not None:
                    self._steering.judged(self._name, self._windows)
                    tell_taken(outcome.taken)
            if self._told and isinstance(value, CaseBatch):
                if self._on_concluded is not None and outcome.derived:
                    self._on_concluded(outcome.derived)
                for told in self._told:
                    out += told.take(outcome.derived, value.progress.watermark_us)
        return out, StatefulBatchLogic.RETAIN

    def _update(self, value: Routed) -> Outcome:
        if isinstance(value, CaseBatch) and self._cases is not None:
            outcome = self._cases.update(self._loud(value), value.progress)
            self._prepare_snapshot(value, self._cases)
            return outcome
        if isinstance(value, PaneBatch) and self._windows is not None:
            return self._windows.update(value.panes, value.progress)
        if isinstance(value, ControlBatch) and self._windows is not None:
            self._windows.control(value.controls)
            return Outcome([], [])
        msg = f"detector {self._name!r} was sent a {type(value).__name__}"
        raise TypeError(msg)

    def _prepare_snapshot(self, batch: CaseBatch, shard: CaseShard) -> None:
        """Count what the shard got, and let some of its next snapshot be prepared once there is enough."""
        self._unprepared += len(batch.events) + sum([len(quiet.keys) for quiet in batch.quiet])
        if self._unprepared >= self.prepare_after and self._log is not None:
            self._unprepared = 0
            self._log.prepare(shard)

    def _loud(self, batch: CaseBatch) -> Sequence[Event]:
        """Return the events of a batch, but for those quiet ones whose keys the shard knows nothing of: it has them."""
        if not batch.quiet:
            return batch.events
        if self._taking is None:
            msg = f"detector {batch.detector!r} was sent quiet events, which its shards do not take"
            raise TypeError(msg)
        detector, shard = self._taking
        coming = {key for key in map(detector.key, batch.events) if key is not None}
        left = [event for quiet in batch.quiet for event in shard.take_quiet(quiet, coming)]
        # About in the order in which they came: in any other order shards come to the same, but not as fast.
        return sorted([*batch.events, *left], key=_time_of) if left else batch.events

    def snapshot(self) -> DetectState:
        """Return which detector this is, and its state."""
        if self._left is not None:
            return self._left
        inner = b""
        if self._cases is not None and self._log is not None:
            inner = _LOGGED + _LOG_STATE_ENCODER.encode(self._log.write(self._cases))
            self._unprepared = self._shard % _TURNS * self.prepare_after // _TURNS
        elif self._windows is not None and self._files is not None:
            inner = self._files.snapshot(self._windows)
        if self._told:
            return self._name, self._shard, inner, msgspec.msgpack.encode([told.snapshot() for told in self._told])
        return (self._name, self._shard, inner)


def detect_builder(
    detectors: Mapping[str, Detector],
    folder: Path,
    check: Callable[[], None],
    listening: Listening | None = None,
    steering: Steering | None = None,
    on_concluded: Concluded | None = None,
    models_folder: Path | None = None,
) -> Callable[[DetectState | None], DetectLogic]:
    """Return the builder that the engine calls for each key; ``check`` may raise before a state is read."""

    def build(state: DetectState | None) -> DetectLogic:
        if state is not None:
            check()
        return DetectLogic(detectors, folder, state, listening, steering, on_concluded, models_folder)

    return build


def is_pane_report(item: tuple[str, Routed | Detected]) -> TypeGuard[tuple[str, PaneReport]]:
    """Return whether the item is for a window detector of whatever process, or for one that listens."""
    return isinstance(item[1], PaneReport)


def is_dead_letter(item: tuple[str, Routed]) -> TypeGuard[tuple[str, DeadLetter]]:
    """Return whether the item goes to the dead letters."""
    return isinstance(item[1], DeadLetter)
