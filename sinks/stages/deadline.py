"""Deadline: a tier has so much time, then the next one is used."""

import msgspec

from config.durations import format_duration_us
from sinks.contract import Failure, Reason
from sinks.stages.contract import Attempt, Clock, Outcome, Stage, failed


class Deadline:
    """Refuses tries after the tier's deadline, and cuts the last one's timeout so that it ends with it."""

    def __init__(self, next_stage: Stage, clock: Clock) -> None:
        self._next = next_stage
        self._clock = clock

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage for a try that ends before the deadline."""
        left_us = attempt.tier_started_us + attempt.tier.deadline - self._clock()
        if left_us <= 0:
            detail = f"not delivered within the tier's deadline of {format_duration_us(attempt.tier.deadline)}"
            return failed(Failure(reason=Reason.TIMEOUT, permanent=False, detail=detail))
        return self._next(msgspec.structs.replace(attempt, timeout_us=min(attempt.timeout_us, left_us)))
