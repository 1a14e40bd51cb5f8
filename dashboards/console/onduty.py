"""Who is on duty now, for the line at the top of every page: read in a thread, kept for a while."""

from typing import NamedTuple

import anyio
import anyio.to_thread

from alerts.duty import Shift, UnknownScheduleError
from alerts.duty_files import DutyFiles
from alerts.icalendar import CalendarError
from config.durations import US_PER_SECOND
from config.settings import Settings

_KEPT_US = 30 * US_PER_SECOND
_DAY_US = 86_400 * US_PER_SECOND
_AHEAD_US = 8 * _DAY_US


class OnDuty(NamedTuple):
    """Of one schedule.

    Attributes:
        people: empty: nobody.
        until_us: when it changes; None: not for a week.
        problem: why it cannot be told; empty where it can.
        gap: the first time within a day in which nobody is; None: there is none.
    """

    schedule: str
    people: tuple[str, ...]
    until_us: int | None
    problem: str = ""
    gap: Shift | None = None


class DutyNow:
    """Keeps what was read last. Used on the event loop's thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = DutyFiles(settings)
        self._found: tuple[OnDuty, ...] = ()
        self._at_us: int | None = None
        self._lock = anyio.Lock()

    async def now(self, now_us: int) -> tuple[OnDuty, ...]:
        """Return who is on duty, by schedule in the order of the settings."""
        if not self._settings.schedules:
            return ()
        async with self._lock:
            if self._at_us is None or not 0 <= now_us - self._at_us < _KEPT_US:
                self._found = await anyio.to_thread.run_sync(self._read, now_us)
                self._at_us = now_us
        return self._found

    def _read(self, now_us: int) -> tuple[OnDuty, ...]:
        duty = self._files.current()
        found = []
        for name in self._settings.schedules:
            try:
                shifts = duty.changes(name, now_us, now_us + _AHEAD_US)
                people = duty.on_duty(name, now_us)
            except (UnknownScheduleError, CalendarError) as error:
                found.append(OnDuty(name, (), None, str(error)))
                continue
            until_us = shifts[0].end_us if len(shifts) > 1 else None
            gap = next((one for one in shifts if not one.people and one.start_us < now_us + _DAY_US), None)
            found.append(OnDuty(name, people, until_us, gap=gap))
        return tuple(found)
