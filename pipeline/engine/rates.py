"""The window detectors that listen to what case detectors conclude, as a Bytewax stateful step."""

from collections.abc import Callable, Mapping, Sequence

import structlog
from bytewax.operators import StatefulBatchLogic

from detectors.contract import Detector, Inheriting, Outcome, SnapshotVersionError, WindowDetector, WindowState
from detectors.window_image import without_alerts
from pipeline.control.steering import Steering, tell_taken
from pipeline.engine.gone import MayBeGone
from pipeline.listening import Listening
from pipeline.routing import ControlBatch, PaneReport
from pipeline.scale.inbox import PaneInbox

log = structlog.get_logger(__name__)

RatesState = tuple[str, bytes, bytes]
Heard = PaneReport | ControlBatch


class RatesLogic(MayBeGone[Heard, Outcome, RatesState]):
    """One listener: takes what the shards of this process tell, as another process would.

    The engine does not tell a logic its key, so the first item (or the snapshot) says which detector this is.

    Args:
        detectors: by name.
        listening: who listens to whom.
        state: to go on from.
        steering: what people have changed; None: nothing.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        listening: Listening,
        state: RatesState | None,
        steering: Steering | None = None,
    ) -> None:
        super().__init__()
        self._detectors = detectors
        self._steering = steering
        self._listening = listening
        self._name = ""
        self._inbox: PaneInbox | None = None
        self._windows: WindowState | None = None
        if state is not None:
            self._restore(*state)

    def _restore(self, name: str, inbox: bytes, windows: bytes) -> None:
        if name not in self._listening.sources:
            log.warning("detector.gone", detector=name, hint="the settings no longer name it")
            self._left = name, inbox, without_alerts(windows) or b""
            return
        kept, state = self._become(name)
        try:
            state.restore(windows)
        except SnapshotVersionError as error:
            log.error("detector.fresh_start", detector=name, reason=str(error))
            _, fresh = self._become(name)
            if isinstance(fresh, Inheriting):
                fresh.inherit(windows)
            self._begin(fresh)
            return
        kept.restore(inbox)
        self._begin(state)

    def _become(self, name: str) -> tuple[PaneInbox, WindowState]:
        detector = self._detectors[name]
        if not isinstance(detector, WindowDetector):
            msg = f"detector {name!r} is no window detector"
            raise TypeError(msg)
        self._name = name
        self._inbox = PaneInbox({name: detector}, (), listening=self._listening.sources)
        self._windows = detector.state()
        return self._inbox, self._windows

    def _begin(self, windows: WindowState) -> None:
        if self._steering is not None:
            self._steering.begin(self._name, windows)

    def on_batch(self, values: list[Heard]) -> tuple[list[Outcome], bool]:
        """Let the detector have what is new, and the time of the shard that is furthest behind."""
        if self._inbox is None or self._windows is None:
            inbox, windows = self._become(values[0].detector)
            self._begin(windows)
        else:
            inbox, windows = self._inbox, self._windows
        for value in values:
            if isinstance(value, ControlBatch):
                windows.control(value.controls)
        messages = [value.message for value in values if isinstance(value, PaneReport)]
        outcomes = [windows.update(batch.panes, batch.progress) for batch in inbox.take(messages)]
        told = [one for one in outcomes if one.changes or one.findings or one.shadows or one.taken]
        if told and self._steering is not None:
            self._steering.judged(self._name, windows)
            for outcome in told:
                tell_taken(outcome.taken)
        return told, StatefulBatchLogic.RETAIN

    def snapshot(self) -> RatesState:
        """Return which detector this is, and its state."""
        if self._left is not None:
            return self._left
        if self._inbox is None or self._windows is None:
            return self._name, b"", b""
        return self._name, self._inbox.snapshot(), self._windows.snapshot()


def rates_builder(
    detectors: Mapping[str, Detector],
    listening: Listening,
    check: Callable[[], None],
    steering: Steering | None = None,
) -> Callable[[RatesState | None], RatesLogic]:
    """Return the builder that the engine calls for each key; ``check`` may raise before a state is read."""

    def build(state: RatesState | None) -> RatesLogic:
        if state is not None:
            check()
        return RatesLogic(detectors, listening, state, steering)

    return build


def by_listener(reports: Sequence[tuple[str, PaneReport]]) -> list[tuple[str, PaneReport]]:
    """Key what shards concluded by who listens to it."""
    return [(report.detector, report) for _, report in reports]
