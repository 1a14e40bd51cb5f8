"""Calendars: when a team is open, as settings.

Windows are local wall times of the calendar's own zone, any number a day. A window may end at ``24:00``, or cross
midnight (``["22:00", "06:00"]``: it belongs to the day on which it begins, and that day's holiday removes all of it).
``holidays`` closes a date; ``special`` gives a date its own windows (an empty list: closed) and wins over both the
week and the holidays.

Several versions of one calendar stand under ``versions``, each with ``valid_from`` and ``valid_to``. A promise keeps
the version that was in force when it began, so a new version never rewrites what was already promised.
"""

import re
from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from config.base import SettingsModel

DAY_S = 86_400
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_LONG_NAMES = {
    "monday": "mon", "tuesday": "tue", "wednesday": "wed", "thursday": "thu", "friday": "fri", "saturday": "sat",
    "sunday": "sun",
}  # fmt: skip


def parse_time_of_day_s(value: object) -> int:
    """Return the seconds after local midnight that ``value`` names, 0 to 86,400.

    Args:
        value: ``"09:00"``, ``"17:30:15"`` or ``"24:00"``. A whole number is minutes after midnight, because YAML 1.1
            reads an unquoted ``17:00`` as 1020.

    Raises:
        ValueError: for anything else.

    >>> parse_time_of_day_s("09:30") == parse_time_of_day_s(9 * 60 + 30) == 34_200
    True
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= 1_440:
            return value * 60
    elif isinstance(value, str) and (match := _CLOCK.fullmatch(value.strip())):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3_600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_S:
            return total
    msg = f"{value!r} is not a time of day: write '09:00', '17:30' or '24:00' (in quotes)"
    raise ValueError(msg)


def format_time_of_day(seconds: int) -> str:
    """Return the text that :func:`parse_time_of_day_s` reads back.

    >>> format_time_of_day(34_200)
    '09:30'
    """
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02d}"


TimeOfDay = Annotated[
    int,
    BeforeValidator(parse_time_of_day_s),
    PlainSerializer(format_time_of_day, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["09:00", "17:30", "24:00"]}),
]
"""A local wall time: seconds after midnight, written as text."""


def _window_from_text(value: object) -> object:
    if isinstance(value, str) and value.count("-") == 1:
        return tuple(part.strip() for part in value.split("-"))
    return value


Window = Annotated[tuple[TimeOfDay, TimeOfDay], BeforeValidator(_window_from_text)]
"""An opening window: ``["09:00", "17:00"]`` or ``"09:00-17:00"``."""


class CalendarSettings(SettingsModel):
    """When a team is open.

    Attributes:
        zone: IANA name of the zone whose wall clock the windows are read on. Never the server's zone or the viewer's.
        always_open: open without a break; then no windows may be given.
        weekly: windows by weekday (``mon`` ... ``sun``); a day that is not named is closed.
        holidays: dates on which it is closed.
        special: windows of single dates; an empty list is a closed day.
        valid_from, valid_to: the first and last date on which a promise may begin under this version.
        versions: several versions of this calendar, in place of all the fields above.
    """

    zone: str = "UTC"
    always_open: bool = False
    weekly: dict[Weekday, tuple[Window, ...]] = Field(default_factory=dict)
    holidays: tuple[date, ...] = ()
    special: dict[date, tuple[Window, ...]] = Field(default_factory=dict)
    valid_from: date | None = None
    valid_to: date | None = None
    versions: tuple["CalendarSettings", ...] = Field(default=(), description="Versions of this calendar, oldest first.")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            msg = f"{value!r} is not an IANA time zone; write for example Europe/London"
            raise ValueError(msg) from error
        return value

    @field_validator("weekly", mode="before")
    @classmethod
    def _short_names(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {_LONG_NAMES.get(str(day).lower(), str(day).lower()): windows for day, windows in value.items()}

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.versions:
            self._check_versions()
            return self
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            msg = f"valid_to {self.valid_to} lies before valid_from {self.valid_from}"
            raise ValueError(msg)
        if self.always_open:
            if self.weekly or self.holidays or self.special:
                msg = "always_open leaves nothing to weekly, holidays or special; give one or the other"
                raise ValueError(msg)
            return self
        for where, windows in [*self.weekly.items(), *self.special.items()]:
            for opens_s, closes_s in windows:
                if opens_s in {closes_s, DAY_S}:
                    msg = f"{where}: the window {format_time_of_day(opens_s)}-{format_time_of_day(closes_s)} is empty; "
                    msg += "a whole day is 00:00-24:00"
                    raise ValueError(msg)
        if not any(self.weekly.values()) and not any(self.special.values()):
            msg = "this calendar can never open: give weekly windows, special windows, or always_open: true"
            raise ValueError(msg)
        return self

    def _check_versions(self) -> None:
        given = self.model_fields_set - {"versions"}
        if given:
            msg = f"beside versions nothing else may be given, but there is {', '.join(sorted(given))}"
            raise ValueError(msg)
        last: CalendarSettings | None = None
        for index, version in enumerate(self.versions):
            if version.versions:
                msg = f"versions[{index}] has versions of its own"
                raise ValueError(msg)
            if last is not None:
                if version.valid_from is None or (
                    last.valid_from is not None and version.valid_from <= last.valid_from
                ):
                    msg = f"versions[{index}].valid_from must be a later date than that of the version before"
                    raise ValueError(msg)
                if last.valid_to is not None and version.valid_from <= last.valid_to:
                    msg = f"versions[{index}].valid_from {version.valid_from} overlaps the version before, which holds "
                    msg += f"to {last.valid_to}"
                    raise ValueError(msg)
            last = version
