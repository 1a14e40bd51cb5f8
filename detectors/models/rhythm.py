"""Which hours a window belongs to, and where their means stand in a group's row."""

from typing import Literal, NamedTuple

RhythmName = Literal["hour_of_week", "hour_of_day", "none"]
LEVEL, EXCESS, HISTORY, FIRST_HOUR = range(4)
"""Slots of a row: the level, the excess variance, the amount of history, and from where on the hours stand."""
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_WEEK_US = 7 * _DAY_US


class Memory(NamedTuple):
    """What every view remembers by.

    Attributes:
        window_us: length of the windows.
        half_life_us: after which a window counts half.
        rhythm: which rhythm normal may have.
    """

    window_us: int
    half_life_us: int
    rhythm: RhythmName


class Rhythm:
    """The hours of a day, or of a day and a week, in UTC.

    Args:
        name: ``hour_of_week`` (with the hours of the day that they refine), ``hour_of_day`` or ``none``.
        window_us: length of the windows. Rhythms shorter than the window do not exist for it.

    Attributes:
        slots: length of a row.

    >>> Rhythm("hour_of_week", window_us=3_600_000_000).hours(30 * 3_600_000_000)  # 5 to 6 h on a Friday
    (8, 56)
    """

    def __init__(self, name: RhythmName, *, window_us: int) -> None:
        daily = name != "none" and window_us < _DAY_US
        weekly = name == "hour_of_week" and window_us < _WEEK_US
        self._half_window_us = window_us // 2
        self._day = FIRST_HOUR if daily else None
        self._week = FIRST_HOUR + (24 if daily else 0) if weekly else None
        self.slots = FIRST_HOUR + (24 if daily else 0) + (168 if weekly else 0)
        self._asked_us = -1
        self._answer: tuple[int, ...] = ()

    def hours(self, end_us: int) -> tuple[int, ...]:
        """Return the slots of the hour of the day and of the week in which the middle of a window lies."""
        if end_us != self._asked_us:
            hour = (end_us - self._half_window_us) // _HOUR_US
            day = () if self._day is None else (self._day + hour % 24,)
            self._answer = day if self._week is None else (*day, self._week + hour % 168)
            self._asked_us = end_us
        return self._answer
