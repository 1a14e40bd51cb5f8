"""The simulated time of a live demo, as a function of the wall clock."""

import time
from collections.abc import Callable


def wall_clock_us() -> int:
    """Return the time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class SimulatedClock:
    """Stands still at ``live_us`` until the wall clock reads ``began_us``, then runs ``speed`` times as fast.

    Call it for the simulated time. It holds no state, so everybody who builds one of the same
    numbers reads the same time.

    >>> clock = SimulatedClock(live_us=1_000_000, began_us=50, speed=10.0, wall_us=lambda: 52)
    >>> clock()
    1000020
    """

    def __init__(
        self, *, live_us: int, began_us: int, speed: float, wall_us: Callable[[], int] = wall_clock_us
    ) -> None:
        self._live_us = live_us
        self._began_us = began_us
        self._speed = speed
        self._wall_us = wall_us

    def __call__(self) -> int:
        """Return the simulated time in microseconds since 1970 UTC."""
        return self._live_us + int(max(0, self._wall_us() - self._began_us) * self._speed)
