"""Arithmetic of opening hours: how much open time lies before an instant, and when an amount of it is spent.

A calendar is a sorted list of open windows in UTC with prefix sums of open time. ``position`` (open microseconds since
an anchor) and its inverse ``instant`` are one bisection each, whatever the span. Lists are built a local year at a
time, when first asked for, between 1970 and 2200; outside those years a calendar with windows is closed.

Every boundary is converted from wall time by the rule of RFC 5545: a time that does not exist takes the offset before
the gap, a repeated time is its first occurrence. That is what ``zoneinfo`` does with ``fold=0``.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.calendars import DAY_S, WEEKDAYS, CalendarSettings

FIRST_YEAR = 1970
LAST_YEAR = 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_FIRST_US = 0
_LAST_US = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_YEAR_US = 31_556_952_000_000


def to_us(moment: datetime) -> int:
    """Return an aware moment as microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


class OpenHours:
    """One version of a calendar, compiled.

    Attributes:
        name: what the settings call the calendar.
        always_open: position is then the instant itself.
        zone: the zone whose wall clock the windows are read on.
    """

    def __init__(self, name: str, settings: CalendarSettings) -> None:
        self.name = name
        self.always_open = settings.always_open
        self.zone = ZoneInfo(settings.zone)
        self._weekly = tuple(settings.weekly.get(day, ()) for day in WEEKDAYS)
        self._closed = frozenset(settings.holidays)
        self._special = settings.special
        self._holiday_years = (
            (min(self._closed).year, max(self._closed).year) if self._closed else (FIRST_YEAR, LAST_YEAR)
        )
        self._years: tuple[int, int] | None = None
        self._lo_us = self._hi_us = 0
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._spent: list[int] = []  # open time since the anchor at the end of each window

    def __repr__(self) -> str:
        return f"OpenHours({self.name!r}, {self.zone.key})"

    # -- clocks -------------------------------------------------------------------------------------------------------

    def position(self, at_us: int) -> int:
        """Return the open microseconds between an anchor, fixed for this object, and ``at_us`` (negative before it)."""
        if self.always_open:
            return at_us
        if not self._lo_us <= at_us < self._hi_us:
            at_us = self._reach(at_us)
        index = bisect_right(self._starts, at_us) - 1
        if index < 0:
            return self._spent[0] - (self._ends[0] - self._starts[0]) if self._starts else 0
        end_us = self._ends[index]
        return self._spent[index] if at_us >= end_us else self._spent[index] - (end_us - at_us)

    def instant(self, position: int) -> int | None:
        """Return the earliest instant at which ``position`` is reached; None when it never is (before the year 2200).

        A position reached just when a window closes is reached *then*, not when the next window opens.
        """
        if self.always_open:
            return position
        while not self._spent or position > self._spent[-1]:
            if not self._grow_later():
                return None
        index = bisect_left(self._spent, position)
        return self._ends[index] - (self._spent[index] - position)

    def open_between(self, from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
        """Yield the open stretches between two instants, in order."""
        if self.always_open:
            if from_us < to_us:
                yield from_us, to_us
            return
        from_us, to_us = self._reach(from_us), self._reach(to_us)
        index = max(bisect_right(self._starts, from_us) - 1, 0)
        while index < len(self._starts) and self._starts[index] < to_us:
            start_us, end_us = max(self._starts[index], from_us), min(self._ends[index], to_us)
            if start_us < end_us:
                yield start_us, end_us
            index += 1

    # -- days ---------------------------------------------------------------------------------------------------------

    def local(self, at_us: int) -> datetime:
        """Return the wall time of an instant in the calendar's zone."""
        return (_EPOCH + timedelta(microseconds=at_us)).astimezone(self.zone)

    def at_wall(self, day: date, seconds: int) -> int:
        """Return the instant of a wall time: ``seconds`` (0 to 172,800) after the midnight that begins ``day``."""
        day += _DAY * (seconds // DAY_S)
        seconds %= DAY_S
        wall = time(seconds // 3_600, seconds // 60 % 60, seconds % 60)
        return to_us(datetime.combine(day, wall, self.zone))

    def day_windows(self, day: date) -> list[tuple[int, int]]:
        """Return the windows that begin on a local date, as instants, sorted; none: it is not a business day."""
        if self.always_open:
            return [(self.at_wall(day, 0), self.at_wall(day, DAY_S))]
        windows = self._special.get(day)
        if windows is None:
            windows = () if day in self._closed else self._weekly[day.weekday()]
        found = []
        for opens_s, closes_s in windows:
            start_us = self.at_wall(day, opens_s)
            end_us = self.at_wall(day, closes_s if closes_s > opens_s else closes_s + DAY_S)
            if start_us < end_us:  # a window inside a gap of daylight saving is empty
                found.append((start_us, end_us))
        return sorted(found)

    def lists_holidays_of(self, at_us: int) -> bool:
        """Say whether the list of holidays (where there is one) covers the year of an instant."""
        return self._holiday_years[0] <= self.local(at_us).year <= self._holiday_years[1]

    # -- building -----------------------------------------------------------------------------------------------------

    def _reach(self, at_us: int) -> int:
        """Build what is needed to know the position of ``at_us``; return it, clamped to the years that are built."""
        at_us = min(max(at_us, _FIRST_US), _LAST_US - 1)
        year = FIRST_YEAR + at_us // _YEAR_US
        if self._years is None:
            self._years = (year, year)
            self._add_year(year)
        while at_us < self._lo_us and self._years[0] > FIRST_YEAR - 1:
            self._years = (self._years[0] - 1, self._years[1])
            self._add_year(self._years[0])
        while at_us >= self._hi_us and self._grow_later():
            pass
        return at_us

    def _grow_later(self) -> bool:
        if self._years is None:
            self._years = (FIRST_YEAR, FIRST_YEAR)
            self._add_year(FIRST_YEAR)
            return True
        if self._years[1] > LAST_YEAR:
            return False
        self._years = (self._years[0], self._years[1] + 1)
        self._add_year(self._years[1])
        return True

    def _add_year(self, year: int) -> None:
        """Add the open time of one local year at the left or the right end; years never overlap."""
        lo_us, hi_us = self.at_wall(date(year, 1, 1), 0), self.at_wall(date(year + 1, 1, 1), 0)
        found: list[tuple[int, int]] = []
        day = date(year, 1, 1) - 2 * _DAY
        while day <= date(year + 1, 1, 2):
            for start_us, end_us in self.day_windows(day):
                if end_us > lo_us and start_us < hi_us:
                    found.append((max(start_us, lo_us), min(end_us, hi_us)))
            day += _DAY
        starts: list[int] = []
        ends: list[int] = []
        for start_us, end_us in sorted(found):
            if ends and start_us <= ends[-1]:
                ends[-1] = max(ends[-1], end_us)
            else:
                starts.append(start_us)
                ends.append(end_us)
        later = self._hi_us == self._lo_us or lo_us >= self._hi_us
        if later:
            total = self._spent[-1] if self._spent else 0
        else:
            first = self._spent[0] - (self._ends[0] - self._starts[0]) if self._spent else 0
            total = first - sum(ends) + sum(starts)
        spent = []
        for start_us, end_us in zip(starts, ends, strict=True):
            total += end_us - start_us
            spent.append(total)
        if later:
            if self._hi_us == self._lo_us:
                self._lo_us = lo_us
            self._hi_us = hi_us
            self._starts += starts
            self._ends += ends
            self._spent += spent
        else:
            self._lo_us = lo_us
            self._starts = starts + self._starts
            self._ends = ends + self._ends
            self._spent = spent + self._spent


class Calendar:
    """A calendar by name, with its versions."""

    def __init__(self, name: str, settings: CalendarSettings) -> None:
        self.name = name
        versions = settings.versions or (settings,)
        self._versions = [OpenHours(name, version) for version in versions]
        self._from_us = [
            hours.at_wall(version.valid_from, 0)
            for hours, version in zip(self._versions[1:], versions[1:], strict=True)
            if version.valid_from is not None
        ]

    def at(self, at_us: int) -> OpenHours:
        """Return the version in force at an instant: the last that had begun by then, else the first."""
        if not self._from_us:
            return self._versions[0]
        return self._versions[bisect_right(self._from_us, at_us)]
