"""When cases must be looked at: to the microsecond for those that are due soon, by the minute for all others.

Millions of cases wait for hours. A heap would keep a tuple for each of them; here a minute keeps its keys, and the case
itself knows the moment. When its minute comes, a case takes its place in a heap. Nothing is ever searched or taken out:
an entry that no longer holds is recognised when its time comes. That may be in a year, when its case is long over: so
whenever there are more such entries than others, all that no longer hold are dropped at once.
"""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from typing import Protocol

_BITS = 26
"""A "minute" is 2 to the power of this in microseconds, 67 seconds: short enough for a heap of one to stay small."""
_FEW = 100_000
"""Entries that are not worth looking through, however many of them no longer hold."""


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
        few: so many entries may stand that no longer hold.
    """

    def __init__(self, cases: Mapping[str, Mapping[str, Waiting]], few: int = _FEW) -> None:
        self._cases = cases
        self._few = few
        self._waiting = 0
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
        self._waiting += 1
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
            keys = later.pop(minute, ())
            self._waiting -= len(keys)
            for key in self._standing(family, minute, keys):
                heappush(self._soon, (self._cases[family][key].wake_us, family, key))
        if self._waiting > self._few + 2 * sum(map(len, self._cases.values())):
            self._tidy()

    def _tidy(self) -> None:
        """Drop what no longer holds."""
        for family, later in self._later.items():
            standing = {minute: self._standing(family, minute, keys) for minute, keys in later.items()}
            self._later[family] = {minute: keys for minute, keys in standing.items() if keys}
        self._minutes[:] = sorted({minute for later in self._later.values() for minute in later})
        self._waiting = sum(len(keys) for later in self._later.values() for keys in later.values())

    def _standing(self, family: str, minute: int, keys: Iterable[str]) -> list[str]:
        """Return the keys of the cases that wait for a minute, each once."""
        cases = self._cases[family]
        return [
            key
            for key in dict.fromkeys(keys)
            if (case := cases.get(key)) is not None and case.wake_us >> _BITS == minute
        ]
