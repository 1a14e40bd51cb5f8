"""When cases must be looked at: to the microsecond for those that are due soon, by the minute for all others.

Millions of cases wait for hours. A heap would keep a tuple for each of them; here a minute keeps its keys, and the case
itself knows the moment. When its minute comes, a case takes its place in a heap. Nothing is ever searched or taken out:
an entry that no longer holds is recognised when its time comes.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Protocol

_BITS = 26
"""A "minute" is 2 to the power of this in microseconds, 67 seconds: short enough for a heap of one to stay small."""


class Waiting(Protocol):
    """What waits.

    Attributes:
        wake_us: when it must be looked at.
    """

    wake_us: int


class Timetable:
    """The moments of the cases of all families.

    Args:
        cases: by family, then by key, as they are at any time. Whoever changes ``wake_us`` of one calls :meth:`add`.
    """

    def __init__(self, cases: Mapping[str, Mapping[str, Waiting]]) -> None:
        self._cases = cases
        self._soon: list[tuple[int, str, str]] = []
        self._later: dict[str, dict[int, list[str]]] = {family: {} for family in cases}
        self._minutes: list[int] = []
        self._opened = 0  # minutes below this are in the heap

    def add(self, at_us: int, family: str, key: str) -> None:
        """Have a case looked at; its ``wake_us`` is that moment, or becomes it before time passes."""
        minute = at_us >> _BITS
        if minute < self._opened:
            heappush(self._soon, (at_us, family, key))
            return
        later = self._later[family]
        keys = later.get(minute)
        if keys is None:
            later[minute] = [key]
            heappush(self._minutes, minute)
        else:
            keys.append(key)

    def next_due(self, clock_us: int) -> tuple[str, str] | None:
        """Return family and key of the first case, by moment, family and key, that is due before ``clock_us``.

        None when there is none. Each call takes one off.
        """
        soon, minutes = self._soon, self._minutes
        while True:
            if minutes and minutes[0] << _BITS < clock_us and (not soon or minutes[0] << _BITS <= soon[0][0]):
                self._open(heappop(minutes))
            elif soon and soon[0][0] < clock_us:
                at_us, family, key = heappop(soon)
                case = self._cases[family].get(key)
                if case is not None and case.wake_us == at_us:
                    return family, key
            else:
                return None

    def _open(self, minute: int) -> None:
        self._opened = minute + 1
        for family, later in self._later.items():
            cases = self._cases[family]
            for key in later.pop(minute, ()):
                case = cases.get(key)
                if case is not None and case.wake_us >> _BITS == minute:
                    heappush(self._soon, (case.wake_us, family, key))
