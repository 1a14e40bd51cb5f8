"""Breaker: leaves a channel alone that keeps failing, and lets one message probe it now and then."""

import threading

from sinks.contract import Failure, Reason
from sinks.stages.contract import Attempt, Clock, Outcome, Stage, failed

_ABOUT_THE_MESSAGE = {Reason.BAD_RECIPIENT, Reason.TEMPLATE, Reason.REJECTED, Reason.NO_RECEIPT}
"""Failures that say nothing about the channel: the next message may well go through."""


class Breaker:
    """The circuit breaker of one channel: closed, open, or half open while one message probes.

    Each notifier has its own: it costs a few tries after a start, and nothing shared can be wrong.
    """

    def __init__(self, next_stage: Stage, clock: Clock) -> None:
        self._next = next_stage
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_us: int | None = None
        self._probing = False

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage, unless the breaker is open."""
        refused = self._enter(attempt)
        if refused is not None:
            return failed(refused)
        try:
            outcome = self._next(attempt)
        except BaseException:
            self._leave(attempt, None)
            raise
        self._leave(attempt, outcome)
        return outcome

    @property
    def is_open(self) -> bool:
        """Whether the channel is left alone (or probed)."""
        return self._opened_us is not None

    def _enter(self, attempt: Attempt) -> Failure | None:
        with self._lock:
            if self._opened_us is None:
                return None
            waited_us = self._clock() - self._opened_us
            if not self._probing and waited_us >= attempt.settings.breaker_open_for:
                self._probing = True
                return None
            detail = f"{attempt.channel.name} failed {self._failures} times in a row and is left alone for now"
            return Failure(reason=Reason.BREAKER_OPEN, permanent=False, detail=detail)

    def _leave(self, attempt: Attempt, outcome: Outcome | None) -> None:
        with self._lock:
            self._probing = False
            if outcome is None or (not outcome.receipts and outcome.kind == "later"):
                return  # nothing was learnt about the channel
            blamed = outcome.failure is not None and outcome.failure.reason not in _ABOUT_THE_MESSAGE
            if not blamed:
                self._failures = 0
                self._opened_us = None
                return
            if not outcome.receipts:
                return  # failed before anything was sent: a deadline, our own rate limit
            self._failures += 1
            if self._failures >= attempt.settings.breaker_failures or self._opened_us is not None:
                self._opened_us = self._clock()
