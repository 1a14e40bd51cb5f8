"""Retry: decides whether and when a failure is tried again in the same tier. It does not wait: the outbox does."""

import random
import threading

import msgspec

from config.delivery import TierSettings
from sinks.http_status import LONGEST_RETRY_AFTER_US
from sinks.stages.contract import Attempt, Clock, Outcome, Stage


class Retry:
    """Exponential back-off with jitter, or what ``Retry-After`` says, within the tier's deadline and number of tries.

    An ambiguous failure is not tried again here: it may have been delivered, and the next tier makes sure.
    """

    def __init__(self, next_stage: Stage, clock: Clock, rng: random.Random) -> None:
        self._next = next_stage
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage; turn a failure that may pass, and has time to, into ``later``."""
        outcome = self._next(attempt)
        failure = outcome.failure
        if outcome.kind != "failed" or failure is None or failure.permanent or failure.ambiguous or outcome.plain:
            return outcome
        if attempt.tries + 1 >= attempt.tier.max_tries:
            return outcome
        with self._lock:
            part = self._rng.random()
        delay_us = backoff_us(attempt.tier, attempt.tries, part)
        now_us = self._clock()
        if failure.retry_after_us is not None:
            delay_us = max(delay_us, failure.retry_after_us)
        if failure.retry_at_us is not None:
            delay_us = max(delay_us, min(failure.retry_at_us - now_us, LONGEST_RETRY_AFTER_US))
        if now_us + delay_us >= attempt.tier_started_us + attempt.tier.deadline:
            return outcome
        return msgspec.structs.replace(outcome, kind="later", delay_us=delay_us)


def backoff_us(tier: TierSettings, tries: int, part: float) -> int:
    """Return the wait after ``tries`` + 1 tries: doubled each time, capped, less up to half of it.

    Args:
        tier: has the first and the longest wait.
        tries: made before the one that failed.
        part: in [0, 1): of the half that may be taken off.
    """
    full_us = min(tier.first_wait << min(tries, 32), tier.max_wait)
    return full_us - int(full_us / 2 * part)
