"""Reads the calendars that schedules import, and reads them again when the files change. Duty's only edge to the disk.

A file that cannot be read (any more) does not take anybody off duty: what was read last goes on to hold, and the
problem is told. A file that could never be read leaves the schedule with its rotations and overrides.
"""

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.duty import Duty
from alerts.icalendar import CalendarError, ImportedCalendar
from config.settings import Settings


class CalendarProblem(NamedTuple):
    """What is wrong with the calendar of a schedule, in words that name the file."""

    schedule: str
    message: str


class DutyFiles:
    """Duty as the settings and the files that they name say it now.

    Args:
        settings: the whole file.

    Attributes:
        problems: of the last :meth:`current`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._marks: dict[str, tuple[int, int]] = {}
        self._calendars: dict[str, ImportedCalendar] = {}
        self._failed: dict[str, str] = {}
        self._duty: Duty | None = None
        self._lock = Lock()
        self.problems: list[CalendarProblem] = []

    @property
    def calendars(self) -> Mapping[str, ImportedCalendar]:
        """What was imported, by the name of the schedule."""
        return self._calendars

    def current(self) -> Duty:
        """Return duty, with every file that has changed read again."""
        with self._lock:
            return self._current()

    def _current(self) -> Duty:
        changed = self._duty is None
        for name, schedule in self._settings.schedules.items():
            if schedule.icalendar is not None:
                changed |= self._read(name)
        self.problems = [CalendarProblem(name, told) for name, told in sorted(self._failed.items())]
        if self._duty is None or changed:
            self._duty = Duty(self._settings.people, self._settings.schedules, dict(self._calendars))
        return self._duty

    def _read(self, name: str) -> bool:
        """Read the calendar of a schedule if its file has changed; return whether there is a new one."""
        schedule = self._settings.schedules[name]
        if schedule.icalendar is None:
            return False
        path = schedule.icalendar.path
        try:
            found = path.stat()
            mark = (found.st_mtime_ns, found.st_size)
            if self._marks.get(name) == mark:
                return False
            content = path.read_bytes()
            self._marks[name] = mark
            self._calendars[name] = ImportedCalendar(
                content, ZoneInfo(schedule.zone), self._settings.people, schedule.icalendar.names
            )
        except OSError as error:
            self._marks.pop(name, None)
            self._failed[name] = f"{path} cannot be read: {error.strerror}; give the path of an iCalendar file"
            return False
        except CalendarError as error:
            self._failed[name] = f"{path} {error}"
            return False
        self._failed.pop(name, None)
        return True
