"""Reads the log of controls beside a running flow, which never waits for it."""

import threading
import time
from collections.abc import Callable

import structlog

from alerts.connection import StoreError, StoreUnavailableError
from alerts.control_log import ControlLog, FlowSeen, Page
from detectors.control import Control, VerdictGiven
from pipeline.control.verdicts import Verdicts

FIRST_WAIT_S = 5.0
"""How long a flow that begins waits for the log: after that it goes on by what it knew when it ended."""
_TRY_AGAIN_S = 0.2
_SAY_AGAIN_US = 5_000_000

log = structlog.get_logger(__name__)


class ControlReader:
    """A thread that looks for new controls.

    Args:
        source: the log.
        poll_s: seconds between two looks.
        share: of this flow process, like ``0/1``.
        looked_at: returns the time of events when somebody looked at it last, and the time of day then, microseconds
            UTC; None before.
        speed: how fast the time of events goes by.
        tell: told why the log cannot be read, None when it can.
        clock_s: a monotonic clock in seconds.

    Attributes:
        verdicts: what was said of alerts, in all of the log.
    """

    def __init__(
        self,
        source: ControlLog,
        *,
        poll_s: float,
        share: str,
        looked_at: Callable[[], tuple[int, int] | None],
        speed: float,
        tell: Callable[[str | None], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.verdicts = Verdicts()
        self._source = source
        self._poll_s = poll_s
        self._share = share
        self._looked_at = looked_at
        self._speed = speed
        self._tell = tell
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._all: list[Control] = []
        self._new: list[Control] = []
        self._log = ""
        self._number = 0
        self._why = ""
        self._said_us = 0
        self._said = ("", -1)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, wait: Callable[[float], bool], first_wait_s: float = FIRST_WAIT_S) -> None:
        """Read the log once, then go on in a thread. Where the log is away, try for some seconds before going on.

        Args:
            wait: waits that many seconds; answers True when the program stops.
            first_wait_s: for how long to try.
        """
        until_s = self._clock_s() + first_wait_s
        while not self._look() and self._clock_s() < until_s and not wait(_TRY_AGAIN_S):
            continue
        self._thread = threading.Thread(target=self._run, name="controls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def begin(self) -> list[Control]:
        """Return everything that was read so far; :meth:`take` returns what comes after it."""
        with self._lock:
            self._new = []
            return list(self._all)

    def take(self) -> list[Control]:
        """Return the controls that are new since the last call. Does not wait for any."""
        if not self._new:
            return []
        with self._lock:
            new, self._new = self._new, []
        return new

    def _run(self) -> None:
        while not self._stop.wait(self._poll_s):
            self._look()

    def _look(self) -> bool:
        """Read what is new; return whether the log could be read."""
        try:
            page = self._source.read(self._number)
            if page.length < self._number or (self._log and page.log != self._log):
                page = self._anew(page)
            self._keep(page)
            self._say()
        except (StoreUnavailableError, StoreError) as error:
            self._say_why(f"changes of thresholds cannot be read: {error}")
            return False
        self._say_why("")
        return True

    def _anew(self, page: Page) -> Page:
        """Begin with a log that is another than before: the store has lost what it had."""
        log.error("control.another_log", was=self._log, had=self._number, now=page.log, has=page.length)
        self._number = 0
        self.verdicts.clear()
        return self._source.read(0)

    def _keep(self, page: Page) -> None:
        for number in page.unreadable:
            log.error("control.unreadable", number=number, hint="a newer program wrote it: upgrade this one")
        with self._lock:
            self._all += page.controls
            self._new += [control for control in page.controls if not isinstance(control, VerdictGiven)]
        for control in page.controls:
            if isinstance(control, VerdictGiven):
                self.verdicts.add(control)
        self._log, self._number = page.log, page.length

    def _say(self) -> None:
        """Let those who write know what was read, and what time it is for events."""
        looked_at = self._looked_at()
        if looked_at is None:
            return
        event_us, now_us = looked_at
        if self._said == (self._log, self._number) and 0 <= now_us - self._said_us < _SAY_AGAIN_US:
            return
        self._source.see(FlowSeen(self._share, now_us, event_us, self._speed, self._log, self._number))
        self._said, self._said_us = (self._log, self._number), now_us

    def _say_why(self, why: str) -> None:
        if why != self._why:
            self._why = why
            if why:
                log.warning("control.away", why=why, action="the flow goes on by what it knows")
            else:
                log.info("control.there")
            self._tell(why or None)
