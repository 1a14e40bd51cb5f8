"""The clock of a notifier: the time of day, evenly, whatever is done to the system's clock."""

import threading
from collections.abc import Callable

SLEWED = 10
"""Where the system's clock was set, this clock approaches it by one part in this many of the time that goes by."""


class EvenClock:
    """Never goes back and never leaps: deadlines and pauses stay (nearly) as long as they are meant to be.

    Args:
        wall_us: the system's time of day, microseconds since 1970 UTC.
        steady_us: microseconds of a clock that nobody can set.

    >>> wall, steady = [1_000], [0]
    >>> clock = EvenClock(lambda: wall[0], lambda: steady[0])
    >>> wall[0], steady[0] = 2_000, 1_000
    >>> clock()
    2000
    >>> wall[0], steady[0] = -3_599_999_000, 2_000  # set back an hour
    >>> clock()
    2900
    """

    def __init__(self, wall_us: Callable[[], int], steady_us: Callable[[], int]) -> None:
        self._lock = threading.Lock()
        self._wall_us = wall_us
        self._steady_us = steady_us
        self._looked_us = steady_us()
        self._now_us = wall_us()

    def __call__(self) -> int:
        """Return the time, microseconds since 1970 UTC."""
        with self._lock:
            steady_us = self._steady_us()
            passed_us = max(0, steady_us - self._looked_us)
            self._looked_us = steady_us
            counted_us = self._now_us + passed_us
            most_us = passed_us // SLEWED
            self._now_us = counted_us + max(-most_us, min(most_us, self._wall_us() - counted_us))
            return self._now_us
