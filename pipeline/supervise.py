"""Keeps several processes of Makegood running: starts them, restarts what crashes, stops all in order."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from pipeline.stop_signals import on_stop_signals

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STABLE_AFTER_S = 60.0
UNUSABLE_INPUT = 2
"""Exit status of a part that cannot work with what it was given; starting it again would not help."""
PATIENCE_S = 20.0
"""How long a part has to save and end. A flow needs the time of a micro-batch and a snapshot, and five seconds more
where Redis hangs."""
_FAILED = 1
_LOOK_S = 0.05

log = structlog.get_logger(__name__)


def part_command(name: str, *arguments: str) -> list[str]:
    """Return the command line of one part of Makegood (``flow``, ``notifier``) in a process of its own.

    ``-m`` alone would look for libraries in the working directory first, and take a ``twilio.py`` that lies there for
    the library. Only where our own code lies there, too, nothing else finds it.
    """
    ours = Path(__file__).resolve().parents[1]
    only_libraries = [] if ours == Path.cwd() else ["-P"]
    return [sys.executable, *only_libraries, "-m", "pipeline.cli", name, *arguments]


class Stop(threading.Event):
    """Set when the program is to stop.

    Attributes:
        at_once: a person has asked twice, and does not want to wait.
    """

    at_once = False


class Part:
    """One child process, restarted with a growing wait while it crashes.

    Args:
        name: for the log.
        command: the command line.
        environment: of the child.
        clock_s: a monotonic clock in seconds.
        stderr: file that the child's log is appended to; None: where ours goes.
        vital: nothing may go on without it. One that is not, and cannot work with what it was given (its address is
            taken), is started again like one that has crashed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        clock_s: Callable[[], float],
        stderr: Path | None = None,
        *,
        vital: bool = True,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._clock_s = clock_s
        self._stderr = stderr
        self._vital = vital
        self._process: subprocess.Popen[bytes] | None = None
        self._wait_s = FIRST_WAIT_S
        self._started_s = 0.0
        self._start_at_s = 0.0

    def start(self) -> None:
        """Start the child."""
        self._started_s = self._clock_s()
        # A session of its own: an interrupt from the keyboard reaches only the supervisor, which stops the parts in
        # order.
        with contextlib.ExitStack() as stack:
            stderr = None if self._stderr is None else stack.enter_context(self._stderr.open("ab"))
            self._process = subprocess.Popen(  # noqa: S603
                self._command, env=self._environment, stderr=stderr, start_new_session=True
            )

    def check(self) -> int | None:
        """Restart the child if it crashed and its wait is over; return an exit status that ends everything, or None."""
        process = self._process
        now_s = self._clock_s()
        if process is None:
            if now_s >= self._start_at_s:
                self.start()
            return None
        status = process.poll()
        if status is None:
            return None
        if status == 0 or (status == UNUSABLE_INPUT and self._vital):
            return status
        if now_s - self._started_s >= STABLE_AFTER_S:
            self._wait_s = FIRST_WAIT_S
        log.error("part.crashed", part=self.name, status=status, restart_in_s=self._wait_s)
        self._process = None
        self._start_at_s = now_s + self._wait_s
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        return None

    def stop(self, patience_s: float, stop: threading.Event) -> bool:
        """Ask the child to end, and kill it when it has not after ``patience_s``; return whether it ended as it should.

        A child that has crashed and was to be started again has not saved what came since its last snapshot; what it
        has not saved, the next start does again.
        """
        process = self._process
        if process is None:
            return False
        if process.poll() is None:
            process.terminate()
            give_up_s = self._clock_s() + patience_s
            while process.poll() is None and self._clock_s() < give_up_s and not getattr(stop, "at_once", False):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
            if process.poll() is None:
                log.error("part.killed", part=self.name, patience_s=patience_s)
                process.kill()
                process.wait()
        # Ended by the signal itself: it was so young that it did not listen to it yet, and had nothing to save.
        well = process.returncode in {0, -signal.SIGTERM}
        if not well:
            log.error("part.ended", part=self.name, status=process.returncode)
        return well


def supervise(
    parts: Sequence[Part], stop: threading.Event, *, look_every_s: float = 0.2, patience_s: float = PATIENCE_S
) -> int:
    """Keep the parts running until ``stop`` is set or one of them ends for good; stop them in their order.

    Returns:
        0 when all parts ended as they should; else the status of the part that ended first, or 1.
    """
    status = 0
    well = True
    try:
        for part in parts:
            part.start()
        while not stop.wait(look_every_s):
            ended = [code for code in (part.check() for part in parts) if code is not None]
            if ended:
                status = max(ended)
                break
    finally:
        for part in parts:
            well = part.stop(patience_s, stop) and well
    return status or (0 if well else _FAILED)


def stop_on_signals() -> Stop:
    """Return what SIGTERM, SIGINT and SIGHUP set. A second SIGINT comes from a person who does not want to wait."""
    stop = Stop()

    def act(number: signal.Signals) -> None:
        stop.at_once = stop.is_set() and number == signal.SIGINT
        stop.set()

    on_stop_signals(act)
    return stop
