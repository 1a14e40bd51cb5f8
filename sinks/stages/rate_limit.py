"""RateLimit: not too many messages at a time, nor a minute. Those beyond wait in the outbox; none is dropped."""

import threading
from collections import deque

from sinks.contract import Failure, Reason
from sinks.stages.contract import Attempt, Clock, Outcome, Stage, failed

_BUSY_WAIT_US = 50_000
_MINUTE_US = 60_000_000


class RateLimit:
    """The limits of one channel, in one notifier."""

    def __init__(self, next_stage: Stage, clock: Clock) -> None:
        self._next = next_stage
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._sent_us: deque[int] = deque()

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage when there is room; else later, or down a tier when the deadline comes before."""
        with self._lock:
            now_us = self._clock()
            wait_us = self._wait_us(attempt, now_us)
            if wait_us == 0:
                self._running += 1
                self._sent_us.append(now_us)
        if wait_us > 0:
            if now_us + wait_us >= attempt.tier_started_us + attempt.tier.deadline:
                detail = f"{attempt.channel.name} has no room before the tier's deadline"
                return failed(Failure(reason=Reason.RATE_LIMITED, permanent=False, detail=detail))
            return Outcome(kind="later", delay_us=wait_us)
        try:
            return self._next(attempt)
        finally:
            with self._lock:
                self._running -= 1

    def _wait_us(self, attempt: Attempt, now_us: int) -> int:
        limit = attempt.settings.max_per_minute
        while self._sent_us and self._sent_us[0] <= now_us - _MINUTE_US:
            self._sent_us.popleft()
        if limit is None:
            self._sent_us.clear()
        elif len(self._sent_us) >= limit:
            return self._sent_us[-limit] + _MINUTE_US - now_us
        return _BUSY_WAIT_US if self._running >= attempt.settings.max_concurrent else 0
