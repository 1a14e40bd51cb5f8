"""The simulated time of a live demo, as a function of the wall clock."""

import time
from collections.abc import Callable
from pathlib import Path


def wall_clock_us() -> int:
    """Return the time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class BeganFile:
    """The moment at which live time begins, as a file tells it to every process: when it was made.

    Args:
        path: of the file; it may come later, and is left alone then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began_us: int | None = None

    def __call__(self) -> int | None:
        """Return the moment in microseconds since 1970 UTC; None while the file is not there."""
        if self._began_us is None and self._path.exists():
            self._began_us = self._path.stat().st_mtime_ns // 1000
        return self._began_us

    def begin(self) -> None:
        """Say that live time begins now."""
        self._path.touch()


class SimulatedClock:
    """Stands still at ``live_us`` until the wall clock reads ``began_us``, then runs ``speed`` times as fast.

    Call it for the simulated time. It holds no state, so everybody who builds one of the same
    numbers reads the same time. Where ``began_us`` is a function, live time stands still while that answers None. With
    ``catch_up`` it is never ahead of the wall clock: where that is reached, it goes on as that.

    >>> clock = SimulatedClock(live_us=1_000_000, began_us=50, speed=10.0, wall_us=lambda: 52)
    >>> clock()
    1000020
    """

    def __init__(
        self,
        *,
        live_us: int,
        began_us: int | Callable[[], int | None],
        speed: float,
        wall_us: Callable[[], int] = wall_clock_us,
        catch_up: bool = False,
    ) -> None:
        self._catch_up = catch_up
        self._live_us = live_us
        self._began_us = began_us
        self._speed = speed
        self._wall_us = wall_us

    def __call__(self) -> int:
        """Return the simulated time in microseconds since 1970 UTC."""
        began_us = self._began_us if isinstance(self._began_us, int) else self._began_us()
        if began_us is None:
            return self._live_us
        wall_us = self._wall_us()
        now_us = self._live_us + int(max(0, wall_us - began_us) * self._speed)
        return max(self._live_us, min(now_us, wall_us)) if self._catch_up else now_us
