"""What a live flow does each time before it reads: looks at its clock, its disk, and what needs care now and then."""

from collections.abc import Callable, Sequence

from pipeline.clock import FlowClock
from pipeline.disk import DiskGuard
from pipeline.health import FlowHealth

PROFILES_EVERY_US = 5_000_000
"""Time between two looks at whether the table of customers has changed, in microseconds."""


class Edges:
    """Where the flow touches clocks and disks.

    Args:
        clock: of this process.
        event_clock_us: of events: the same clock, or the simulated one of a demo.
        guard: of the disk.
        wall_us: the system's time of day, microseconds UTC, for what people see.
        steady_us: microseconds of a clock that nobody can set.
        cares: what is looked after at every look, each given the time of day.
        reload: looks whether the table of customers has changed.
        health: given a beat at every look.
    """

    def __init__(
        self,
        *,
        clock: FlowClock,
        event_clock_us: Callable[[], int],
        guard: DiskGuard,
        wall_us: Callable[[], int],
        steady_us: Callable[[], int],
        cares: Sequence[Callable[[int], None]],
        reload: Callable[[], object],
        health: FlowHealth | None,
    ) -> None:
        self._clock = clock
        self._event_clock_us = event_clock_us
        self._guard = guard
        self._wall_us = wall_us
        self._steady_us = steady_us
        self._cares = list(cares)
        self._reload = reload
        self._health = health
        self._reload_at_us = steady_us() + PROFILES_EVERY_US

    def look(self) -> int:
        """Look after everything; return the time of events, microseconds UTC."""
        wall_us, steady_us = self._wall_us(), self._steady_us()
        if self._health is not None:
            self._health.beat(steady_us)
        for care in self._cares:
            care(wall_us)
        if steady_us >= self._reload_at_us:
            self._reload_at_us = steady_us + PROFILES_EVERY_US
            self._reload()
        return self._event_clock_us()

    def held(self) -> bool:
        """Return whether the flow must not read now."""
        if not self._guard.full():
            return False
        if self._health is not None:
            self._health.beat(self._steady_us())
        self._clock.now_us()
        return True

    def over(self) -> bool:
        """Return whether the engine must end: the clock that it goes by was set back."""
        return self._clock.set_back
