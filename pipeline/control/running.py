"""The control feed of a running flow process: what comes in from people, and what goes out to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from alerts.connection import StoreUnavailableError
from alerts.control_log import ControlLog
from alerts.shadow_log import ShadowLog
from alerts.store import AlertStore
from config.settings import Settings
from detectors.contract import ControlTaken, Detector, ShadowDecision
from detectors.control import Control
from pipeline import compose
from pipeline.control.reader import ControlReader
from pipeline.control.steering import Steering, steerable
from pipeline.control.verdicts import Judged, Rate, poisson_rate
from pipeline.feeds.contract import Share
from pipeline.scale.keys import home_of

ValueT = TypeVar("ValueT")


class Controls:
    """What a flow process has to do with controls.

    Args:
        settings: of everything.
        store: of the alerts.
        detectors: by name.
        share: of this process.
        wait: waits that many seconds; answers True when the program stops.
        waits: told that the flow waits for something, and why; None: no more.
        trouble: told that something is wrong that holds nothing up; None: no more.
        wall_us: the time of day, microseconds UTC.
    """

    def __init__(
        self,
        settings: Settings,
        store: AlertStore,
        detectors: Mapping[str, Detector],
        share: Share,
        *,
        wait: Callable[[float], bool],
        waits: Callable[[str, str | None], None],
        trouble: Callable[[str, str | None], None],
        wall_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._shadow_log = ShadowLog(store)
        self._wait = wait
        self._waits = waits
        self._wall_us = wall_us
        self._looked_at: tuple[int, int] | None = None
        self._own = own_detectors(settings, detectors, share)
        self._steering = Steering(self._own)
        self._reader = ControlReader(
            ControlLog(store),
            poll_s=settings.control.poll / 1e6,
            share=f"{share.index}/{share.of}",
            looked_at=lambda: self._looked_at,
            speed=compose.pace_of(settings),
            tell=lambda why: trouble("control", why),
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read the log for the time of a ``with`` block."""
        self._reader.start(self._wait)
        try:
            yield
        finally:
            self._reader.stop()

    def watched(self, event_clock_us: Callable[[], int]) -> Callable[[], int]:
        """Return a clock of events that lets people know what time it is for events."""

        def look() -> int:
            now_us = event_clock_us()
            self._looked_at = now_us, self._wall_us()
            return now_us

        return look

    def begin(self) -> Steering:
        """Return what a dataflow begins with: all controls that are known."""
        estimates = self._steering.estimates
        self._steering = Steering(self._own, self._reader.begin(), more=True)
        self._steering.estimates = estimates
        return self._steering

    def take(self) -> list[Control]:
        """Return the controls that are new. Does not wait for any."""
        return self._reader.take()

    def write(self, notes: Sequence[ShadowDecision | ControlTaken]) -> None:
        """Store what candidates in the shadow decided; while the store is away, wait and try again, without end.

        Raises:
            StoreUnavailableError: only when the program stops. The flow will have the same again.
        """
        told = False

        def away(error: StoreUnavailableError, _pause_s: float) -> None:
            nonlocal told
            told = True
            self._waits("shadows", str(error))

        self._store.waiting(lambda: self._shadow_log.write(notes), wait=self._wait, on_away=away)
        if told:
            self._waits("shadows", None)

    def judged(self) -> Judged:
        """Return what is known of false alarms. May be asked in any thread."""
        verdicts = self._reader.verdicts
        looked_at = self._looked_at
        by_verdicts = {} if looked_at is None else verdicts.false_alarms(looked_at[0])
        by_p_values = {}
        for name, (rate, counted) in dict(self._steering.estimates).items():
            relative = poisson_rate(counted, counted)
            by_p_values[name] = Rate(rate, rate * relative.low, rate * relative.high)
        return Judged(self._mine(verdicts.given()), self._mine(by_verdicts), by_p_values)

    def _mine(self, by_detector: Mapping[str, ValueT]) -> dict[str, ValueT]:
        return {name: value for name, value in by_detector.items() if name in self._own}


def own_detectors(settings: Settings, detectors: Mapping[str, Detector], share: Share) -> frozenset[str]:
    """Return the detectors that a process decides for and that controls can be about."""
    names = steerable(detectors)
    scale = settings.scale
    if scale is None:
        return frozenset(names)
    return frozenset(name for name in names if share.has(home_of(name, scale.partitions)))
