"""RateLimit: not too many messages at a time, nor a minute. Those beyond wait in the outbox; none is dropped.

A fifth of what may go out in a minute is kept for what is most urgent; the rest is spread over the minute, so that a
storm does not use it up at its beginning.
"""

import itertools
import threading
from collections import deque

from sinks.contract import Failure, Reason
from sinks.stages.contract import Attempt, Clock, Outcome, Stage, failed

_MINUTE_US = 60_000_000
_SHORTEST_WAIT_US = 50_000
_KEPT = 5  # one in so many is kept for what is most urgent
_LEAST_SPREAD = 10  # fewer messages a minute are not spread over it
_AHEAD_US = _MINUTE_US // 10
_MEMORY = 0.8  # weight of the past in the mean time that a message takes


class RateLimit:
    """The limits of one channel, in one notifier.

    A message that finds no room is told when there may be some: those that wait are spread over the time that the
    channel takes, so that a thousand of them do not keep coming back, but leave the threads to others.
    """

    def __init__(self, next_stage: Stage, clock: Clock) -> None:
        self._next = next_stage
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets = itertools.count()
        self._running_since_us: dict[int, int] = {}
        self._mean_us = 0.0
        self._next_room_us = 0
        self._sent_us: deque[int] = deque()
        self._next_slot_us = 0

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage when there is room; else later, or down a tier when the deadline comes before."""
        with self._lock:
            now_us = self._clock()
            wait_us = self._wait_us(attempt, now_us)
            ticket = next(self._tickets)
            if wait_us == 0:
                self._running_since_us[ticket] = now_us
                self._sent_us.append(now_us)
                if not _is_urgent(attempt):
                    self._next_slot_us = max(self._next_slot_us, now_us) + _pace_us(attempt)
        if wait_us > 0:
            if now_us + wait_us >= attempt.tier_started_us + attempt.tier.deadline:
                detail = f"{attempt.channel.name} has no room before the tier's deadline"
                return failed(Failure(reason=Reason.RATE_LIMITED, permanent=False, detail=detail))
            return Outcome(kind="later", delay_us=wait_us)
        try:
            return self._next(attempt)
        finally:
            with self._lock:
                took_us = self._clock() - self._running_since_us.pop(ticket)
                self._mean_us = _MEMORY * self._mean_us + (1 - _MEMORY) * took_us

    def _wait_us(self, attempt: Attempt, now_us: int) -> int:
        """Return 0 when there is room, else when to ask again."""
        limit = attempt.settings.max_per_minute
        while self._sent_us and (limit is None or self._sent_us[0] <= now_us - _MINUTE_US):
            self._sent_us.popleft()
        if limit is not None and len(self._sent_us) >= limit:
            return self._sent_us[-limit] + _MINUTE_US - now_us
        spread = limit is not None and limit >= _LEAST_SPREAD and not _is_urgent(attempt)
        if spread and self._next_slot_us > now_us + _AHEAD_US:
            return self._next_slot_us - now_us - _AHEAD_US
        room = attempt.settings.max_concurrent
        if len(self._running_since_us) < room:
            return 0
        longest_us = now_us - min(self._running_since_us.values())
        pace_us = max(self._mean_us, longest_us, _SHORTEST_WAIT_US) / room
        self._next_room_us = max(self._next_room_us, now_us) + int(pace_us)
        return max(self._next_room_us - now_us, _SHORTEST_WAIT_US)


def _is_urgent(attempt: Attempt) -> bool:
    return attempt.claim.urgency < 2


def _pace_us(attempt: Attempt) -> int:
    """Return how far apart messages are that are not urgent, microseconds."""
    limit = attempt.settings.max_per_minute
    if limit is None:
        return 0
    return _MINUTE_US // max(1, limit - limit // _KEPT)
