"""The clock of one measurement: time spent, and when an amount of it is spent.

``elapsed(t)`` is the open time between start and ``t`` in which the clock ran; ``due`` is the least ``t`` for which
``elapsed(t) >= target``. The clock is a list of closed segments and, while it runs, one open segment; each segment has
the calendar that was in force, so time already spent stays as measured when the calendar changes. Everything is integer
microseconds.
"""

from typing import Literal

from detectors.promises.dates import due_in_days
from detectors.promises.openhours import OpenHours
from detectors.promises.spec import Spec

State = Literal["running", "paused", "fulfilled", "ended", "cancelled", "superseded"]
FAR_US = 2**62
"""Later than everything."""

Segment = tuple[int, int, OpenHours]
"""A stretch in which the clock ran, and the calendar by which it counted."""


class Clock:
    """A clock that runs from ``at_us`` on.

    Attributes:
        state: ``running``, or why it does not run.
        target: in open microseconds, a count of date units, or an instant; None when nothing is promised (any more).
        due_us: when the target is, was or would be spent; None where that is never.
        used_us: time spent in the closed segments.
    """

    __slots__ = ("due_us", "hours", "run_pos", "run_us", "segments", "spec", "started_us", "state", "target", "used_us")

    def __init__(self, spec: Spec, at_us: int, hours: OpenHours, target: int | None) -> None:
        self.spec = spec
        self.state: State = "running"
        self.started_us = self.run_us = at_us
        self.hours = hours
        self.run_pos = hours.position(at_us)
        self.used_us = 0
        self.segments: list[Segment] | None = None
        self.target = target
        self.due_us: int | None = None

    def elapsed_us(self, at_us: int) -> int:
        """Return the time spent by an instant that is not before the last change."""
        if self.state == "running":
            return self.used_us + self.hours.position(at_us) - self.run_pos
        return self.used_us

    def due(self, target: int) -> int | None:
        """Return when ``target`` is or was spent, if the clock runs on."""
        if self.spec.fixed:
            return self._fixed_due(target)
        left = target - self.used_us
        return self.hours.instant(self.run_pos + left) if left > 0 else self.spent_at(target)

    def threshold_us(self, fraction: float) -> int | None:
        """Return when a fraction of the target is, was, or would be spent."""
        target = self.target
        if target is None:
            return None
        if not self.spec.fixed:
            part = round(target * fraction)
            left = part - self.used_us
            return self.hours.instant(self.run_pos + left) if left > 0 else self.spent_at(part)
        due_us = self.due_us
        if due_us is None or fraction >= 1:
            return due_us
        from_pos, to_pos = self.hours.position(self.started_us), self.hours.position(due_us)
        if to_pos > from_pos:
            return self.hours.instant(from_pos + round((to_pos - from_pos) * fraction))
        return self.started_us + round((due_us - self.started_us) * fraction)

    def _fixed_due(self, target: int) -> int | None:
        settings = self.spec.settings
        if self.spec.absolute:
            return target
        if settings.unit not in {"business_days", "calendar_days", "calendar_months"} or settings.due is None:
            return None
        return due_in_days(
            self.hours, self.started_us, target, settings.unit, settings.due, roll_receipt=settings.roll_receipt
        )

    def spent_at(self, amount: int) -> int | None:
        """Return when ``amount`` had been spent, in a closed segment; the start for nothing."""
        used = 0
        for from_us, to_us, hours in self.segments or ():
            from_pos = hours.position(from_us)
            spent = hours.position(to_us) - from_pos
            if used + spent >= amount:
                return hours.instant(from_pos + amount - used) if amount > used else from_us
            used += spent
        return self.run_us

    def halt(self, at_us: int) -> None:
        """Close the open segment."""
        if at_us > self.run_us:
            if self.segments is None:
                self.segments = []
            self.segments.append((self.run_us, at_us, self.hours))
        self.used_us += self.hours.position(at_us) - self.run_pos

    def run(self, at_us: int, hours: OpenHours | None = None) -> None:
        """Open a segment."""
        if hours is not None:
            self.hours = hours
        self.run_us = at_us
        self.run_pos = self.hours.position(at_us)

    def segments_until(self, at_us: int) -> tuple[Segment, ...]:
        """Return the segments, the open one as if it ended at ``at_us``."""
        segments = tuple(self.segments or ())
        if self.state == "running" and at_us > self.run_us:
            return (*segments, (self.run_us, at_us, self.hours))
        return segments
