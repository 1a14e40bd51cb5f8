"""Maintenance windows: whether an alert falls into one now, until when, and when the next ones are.

Windows begin at wall times of their zone (RFC 5545): one that clocks skip begins an hour later by the wall, one that
comes twice is the first of the two. ``duration`` is elapsed time; ``end`` is a wall time, by the same rule. A window
that would end before it begins, because clocks went forward over all of it, does not take place.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from threading import Lock
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.localtime import local_us, shown, wall_time
from alerts.muting import Mute
from config.maintenance import MaintenanceSettings, local_rule
from config.matchers import condition, matchers_of

_NEVER = datetime(9990, 1, 1)  # noqa: DTZ001 - a local time; what begins later does not
_END_US = local_us(_NEVER, ZoneInfo("UTC"))
_MARGIN = timedelta(days=2)
"""More than clocks are ever put forward or back: by so much can wall times come in another order than instants."""


class Occurrence(NamedTuple):
    """One time that a window takes place, half open."""

    start_us: int
    end_us: int


class Window:
    """One entry of ``maintenance_windows:``, compiled. Occurrences are computed once, as far as they are asked for.

    Args:
        settings: of the entry.
    """

    def __init__(self, settings: MaintenanceSettings) -> None:
        self.zone = ZoneInfo(settings.zone)
        self.comment = settings.comment
        self.takes = condition(matchers_of(settings.matchers))
        self._duration_us = settings.duration
        self._length = timedelta(0) if settings.end is None else settings.end - settings.start
        self._excluded = settings.excluded()
        self._walls: Iterator[datetime] = iter([settings.start])
        if settings.rrule is not None:
            self._walls = iter(local_rule(settings.rrule, settings.start, self.zone))
        self._next = next(self._walls, None)
        self._known: list[Occurrence] = []
        self._starts: list[int] = []
        self._longest_us = 0
        self._lock = Lock()
        self._answer: tuple[int, int, int | None] = (0, 0, None)

    def active(self, now_us: int) -> tuple[int | None, int]:
        """Return until when the window is open, and when that answer ends to hold.

        The first is None while it is closed. Of windows that overlap it is the last end of those that are open now.
        """
        from_us, to_us, until_us = self._answer
        if not from_us <= now_us < to_us:
            with self._lock:
                open_ = self._overlapping(now_us, now_us + 1)
                until_us = max((one.end_us for one in open_), default=None)
                comes_us = self._next_start(now_us)
                to_us = min([_END_US if comes_us is None else comes_us, *(one.end_us for one in open_)])
                self._answer = (now_us, to_us, until_us)
        return until_us, to_us

    def occurrences(self, from_us: int, to_us: int) -> list[Occurrence]:
        """Return those that overlap a span, by their start."""
        with self._lock:
            return self._overlapping(from_us, to_us)

    def next_start(self, now_us: int) -> int | None:
        """Return when the next one begins after an instant; None: never again."""
        with self._lock:
            return self._next_start(now_us)

    def _overlapping(self, from_us: int, to_us: int) -> list[Occurrence]:
        self._take(wall_time(min(max(to_us, 0), _END_US), self.zone) + _MARGIN)
        first = bisect_right(self._starts, from_us - self._longest_us)
        near = takewhile(lambda one: one.start_us < to_us, self._known[first:])
        return [one for one in near if one.end_us > from_us]

    def _next_start(self, now_us: int) -> int | None:
        while True:
            place = bisect_right(self._starts, now_us)
            if place < len(self._starts):
                found = self._starts[place]
                if self._next is None or self._next > wall_time(found, self.zone) + _MARGIN:
                    return found
            if self._next is None:
                return None
            self._take(self._next + _MARGIN)

    def _take(self, wall: datetime) -> None:
        """Compute all that begins until a wall time."""
        times, days = self._excluded
        found: set[Occurrence] = set()
        while self._next is not None and self._next <= wall:
            if self._next not in times and self._next.date() not in days:
                occurrence = self._occurrence(self._next)
                if occurrence.start_us < occurrence.end_us:
                    found.add(occurrence)
            self._next = next(self._walls, None)
            if self._next is not None and self._next >= _NEVER:
                self._next = None
        if found:
            self._known = sorted(found.union(self._known))
            self._starts = [one.start_us for one in self._known]
            self._longest_us = max(self._longest_us, *(one.end_us - one.start_us for one in found))

    def _occurrence(self, start: datetime) -> Occurrence:
        start_us = local_us(start, self.zone)
        if self._duration_us is not None:
            return Occurrence(start_us, start_us + self._duration_us)
        return Occurrence(start_us, local_us(start + self._length, self.zone))


class Maintenance:
    """All windows of one settings file. Its answers are remembered, so it may be asked for every alert.

    Args:
        windows: ``maintenance_windows:`` of the settings.
    """

    def __init__(self, windows: Mapping[str, MaintenanceSettings]) -> None:
        self._windows = {name: Window(settings) for name, settings in windows.items()}

    def names(self) -> list[str]:
        """Return the names of the windows, sorted."""
        return sorted(self._windows)

    def mute(self, labels: Mapping[str, str], now_us: int) -> Mute | None:
        """Return why an alert is not told now: of the open windows that take it, the one that is open the longest."""
        found: tuple[int, str] | None = None
        for name, window in self._windows.items():
            until_us, _ = window.active(now_us)
            if until_us is not None and (found is None or (until_us, name) > found) and window.takes(labels):
                found = (until_us, name)
        if found is None:
            return None
        until_us, name = found
        window = self._windows[name]
        why = f": {window.comment}" if window.comment else ""
        detail = f"maintenance window {name} until {shown(until_us, window.zone)}{why}"
        return Mute(kind="maintenance", by=name, until_us=until_us, detail=detail)

    def hides(self, name: str, labels: Mapping[str, str], at_us: int) -> bool:
        """Return whether one window is open and takes an alert. ``KeyError``: there is no such window."""
        window = self._windows[name]
        return window.active(at_us)[0] is not None and window.takes(labels)

    def open_until(self, name: str, now_us: int) -> int | None:
        """Return until when a window is open; None: it is closed. ``KeyError``: there is no such window."""
        return self._windows[name].active(now_us)[0]

    def takes(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether an alert is one that a window hides while it is open. ``KeyError``: there is no such one."""
        return self._windows[name].takes(labels)

    def occurrences(self, name: str, from_us: int, to_us: int) -> list[Occurrence]:
        """Return when a window takes place, as far as that overlaps a span. ``KeyError``: there is no such window."""
        return self._windows[name].occurrences(from_us, to_us)

    def next_start(self, name: str, now_us: int) -> int | None:
        """Return when a window begins next; None: never again. ``KeyError``: there is no such window."""
        return self._windows[name].next_start(now_us)

    def next_change(self, now_us: int) -> int | None:
        """Return when the next window of all begins or ends, after an instant; None: never again.

        Whoever looks at groups then again ends and begins pauses in time.
        """
        changes = [window.active(now_us)[1] for window in self._windows.values()]
        return min((change for change in changes if change < _END_US), default=None)
