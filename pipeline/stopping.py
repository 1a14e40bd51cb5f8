"""How a running flow is asked to stop: once, and it drains; by an impatient person twice, and it ends at once."""

import os
import signal
import threading

import structlog

from pipeline.stop_signals import on_stop_signals

AT_ONCE = 130
"""Exit status of a flow that was told by a second interrupt from the keyboard to end at once, as shells give it."""

log = structlog.get_logger(__name__)


class StoppedWhileStartingError(Exception):
    """The flow was asked to stop before it had read anything: there is nothing to save."""


class Drain:
    """Asks a running flow to stop without losing or repeating anything: snapshot, commit, then end."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    def request(self) -> None:
        """Ask for it, once or more often; in any thread, and not from a signal handler: it takes a lock."""
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until it is asked for; return whether it was."""
        return self._asked.wait(seconds)

    def check_while_starting(self) -> None:
        """End a start that takes long (a large state is read) when it was asked for.

        Raises:
            StoppedWhileStartingError: when it was.
        """
        if self._asked.is_set():
            msg = "asked to stop while starting"
            raise StoppedWhileStartingError(msg)


def drain_on_signals(drain: Drain) -> None:
    """Let SIGTERM, SIGINT and SIGHUP ask for a drain.

    SIGTERM may come several times, from whoever supervises and from whoever supervises that: it never hurries. A second
    SIGINT comes from a person who does not want to wait: the process ends at once. That is no worse than a crash: the
    next start goes on from the last snapshot, and the store takes no change twice.
    """

    def act(number: signal.Signals) -> None:
        if number == signal.SIGINT and drain.requested:
            log.warning("flow.ends_at_once", signal=number.name, note="the next start goes on from the last snapshot")
            os._exit(AT_ONCE)
        if not drain.requested:
            log.info("flow.draining", signal=number.name)
        drain.request()

    on_stop_signals(act)
