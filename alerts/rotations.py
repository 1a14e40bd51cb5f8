"""One rotation of a schedule: whose turn it is at an instant, and when that may change.

Handovers are at wall times: the start, and the start plus whole shifts on the wall clock. The turn at an instant is the
latest whose handover is not later. So a handover that clocks skip happens an hour later by the wall, one that comes
twice happens the first time and not again, and turns never go back.
"""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from alerts.localtime import local_us, wall_time
from config.calendars import CalendarSettings
from config.duty import HOUR_US, RotationSettings
from detectors.promises.openhours import OpenHours

_FURTHEST_JUMP_US = 26 * HOUR_US
"""More than any zone has ever moved its clocks at once."""


class Rotation:
    """A rotation, compiled.

    Args:
        settings: of the rotation.
        zone: of its schedule.
    """

    def __init__(self, settings: RotationSettings, zone: ZoneInfo) -> None:
        self.people = settings.people
        self._zone = zone
        self._start = settings.start
        self._shift = timedelta(microseconds=settings.shift)
        self._slack = _FURTHEST_JUMP_US // settings.shift + 2
        self._start_us = local_us(settings.start, zone)
        self._until_us = None if settings.until is None else local_us(settings.until, zone)
        self._hours: OpenHours | None = None
        if settings.hours is not None:  # validated already, by the same types
            weekly = CalendarSettings.model_construct(zone=zone.key, weekly=settings.hours)
            self._hours = OpenHours("hours", weekly)

    def at(self, at_us: int) -> tuple[str, ...]:
        """Return who is on duty: one person, or nobody."""
        if at_us < self._start_us or (self._until_us is not None and at_us >= self._until_us):
            return ()
        if self._hours is not None and not any(self._hours.open_between(at_us, at_us + 1)):
            return ()
        return (self.people[self._turn(at_us) % len(self.people)],)

    def boundaries(self, from_us: int, to_us: int) -> Iterator[int]:
        """Yield every instant in a span at which the answer of :meth:`at` may change, in no order."""
        yield self._start_us
        if self._until_us is not None:
            yield self._until_us
        if len(self.people) > 1:
            first = max(0, self._guess(from_us) - self._slack)
            for turn in range(first, self._guess(to_us) + self._slack + 1):
                yield self._handover_us(turn)
        if self._hours is not None:
            for open_us, close_us in self._hours.open_between(from_us, to_us):
                yield open_us
                yield close_us

    def _guess(self, at_us: int) -> int:
        return int((wall_time(at_us, self._zone) - self._start) // self._shift)

    def _turn(self, at_us: int) -> int:
        guess = self._guess(at_us)
        for turn in range(guess + self._slack, max(0, guess - self._slack), -1):
            if self._handover_us(turn) <= at_us:
                return turn
        return 0

    def _handover_us(self, turn: int) -> int:
        return local_us(self._start + turn * self._shift, self._zone)
