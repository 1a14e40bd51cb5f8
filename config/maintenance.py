"""Settings of maintenance windows: when alerts are expected, so that nobody is told of them."""

import re
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from pydantic import Field, field_validator, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.localtimes import LocalTime, parse_local_time
from config.matchers import MatcherTexts
from config.references import OwnerName
from config.values import Zone

DAY_US = 86_400 * US_PER_SECOND
LONGEST_US = 31 * DAY_US
_PARTS = frozenset(
    {"FREQ", "UNTIL", "COUNT", "INTERVAL", "BYHOUR", "BYMINUTE", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO",
     "BYMONTH", "BYSETPOS", "WKST"}
)  # fmt: skip
_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_CLOCK = re.compile(r"\d{2}:\d{2}")
_UNTIL = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EXAMPLE = "FREQ=WEEKLY;BYDAY=SU"


def rule_parts(text: str) -> dict[str, str]:
    """Return the parts of a recurrence rule of RFC 5545, names in capitals.

    Raises:
        ValueError: for what is no rule, and for frequencies finer than hours.

    >>> rule_parts("RRULE:FREQ=WEEKLY;BYDAY=SU")
    {'FREQ': 'WEEKLY', 'BYDAY': 'SU'}
    """
    parts: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").rstrip(";").split(";"):
        name, separator, value = part.strip().partition("=")
        name = name.upper()
        if not separator or not value or name not in _PARTS:
            msg = f"{part!r} is not a part of a rule; a rule is like {_EXAMPLE}; known are {', '.join(sorted(_PARTS))}"
            raise ValueError(msg)
        if name in parts:
            msg = f"{name} is given twice"
            raise ValueError(msg)
        parts[name] = value.upper()
    if parts.get("FREQ") not in _FREQUENCIES:
        msg = f"FREQ={parts.get('FREQ', '')}: expected one of {', '.join(_FREQUENCIES)}, like {_EXAMPLE}"
        raise ValueError(msg)
    if "UNTIL" in parts and "COUNT" in parts:
        msg = "give UNTIL or COUNT, not both"
        raise ValueError(msg)
    return parts


def until_local(text: str, zone: ZoneInfo) -> datetime:
    """Return ``UNTIL`` of a rule as a local wall time: with ``Z`` it is UTC, a date alone is that whole day.

    Raises:
        ValueError: when it is no time.
    """
    found = _UNTIL.fullmatch(text)
    if found is None:
        msg = f"UNTIL={text}: expected a date like 20261231, or a time like 20261231T230000 (local) or ...Z (UTC)"
        raise ValueError(msg)
    *numbers, utc = found.groups()
    year, month, day, hour, minute, second = (None if part is None else int(part) for part in numbers)
    try:
        if year is None or month is None or day is None:  # pragma: no cover - the pattern has them
            raise ValueError(text)
        if hour is None or minute is None or second is None:
            return datetime(year, month, day, 23, 59, 59)  # noqa: DTZ001 - a local time
        if utc:
            return (
                datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo("UTC"))
                .astimezone(zone)
                .replace(tzinfo=None)
            )
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a local time
    except ValueError as error:
        msg = f"UNTIL={text} is not in the calendar: {error}"
        raise ValueError(msg) from error


def local_rule(text: str, start: datetime, zone: ZoneInfo) -> Any:
    """Return a rule (``dateutil.rrule.rrule``) over local wall times without a zone.

    Raises:
        ValueError: when it is no rule, or holds a date that no calendar has.
    """
    parts = rule_parts(text)
    _possible(parts)
    if "UNTIL" in parts:
        parts["UNTIL"] = until_local(parts["UNTIL"], zone).strftime("%Y%m%dT%H%M%S")
    try:
        return rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        msg = f"{text!r} is not a rule of RFC 5545, like {_EXAMPLE}: {error}"
        raise ValueError(msg) from error


def _possible(parts: dict[str, str]) -> None:
    """Refuse rules that never come, where that is easily seen: they would be searched until the year 9999."""
    try:
        days = [int(day) for day in parts.get("BYMONTHDAY", "").split(",") if day]
        months = [int(month) for month in parts.get("BYMONTH", "").split(",") if month] or list(range(1, 13))
    except ValueError as error:
        msg = f"BYMONTHDAY and BYMONTH are lists of numbers: {error}"
        raise ValueError(msg) from error
    if any(not 1 <= month <= 12 for month in months):
        msg = "BYMONTH is 1 to 12"
        raise ValueError(msg)
    if days and not any(1 <= abs(day) <= _DAYS[month - 1] for day in days for month in months):
        msg = "no month of BYMONTH has a day of BYMONTHDAY, so this never comes"
        raise ValueError(msg)
    if "BYSETPOS" in parts and parts["FREQ"] in {"HOURLY", "DAILY"}:
        msg = "BYSETPOS picks out of a week, a month or a year: use it with FREQ=WEEKLY, MONTHLY or YEARLY"
        raise ValueError(msg)


class MaintenanceSettings(SettingsModel):
    """A time, once or again and again, in which firing alerts are not told. That they have resolved is always told.

    Attributes:
        matchers: which alerts: all must match. ``alertname=~".+"`` is every alert.
        zone: IANA name of the zone whose wall clock the times are read on.
        start: local time at which the first one begins. With ``rrule`` it is one of them only if the rule says so.
        rrule: recurrence rule of RFC 5545, like ``FREQ=WEEKLY;BYDAY=SU``; without it there is one window.
        duration: how long each lasts, in elapsed time: 4h are four hours, also when clocks change meanwhile.
        end: in place of ``duration``: when the first one ends, on the wall clock: local time, or a time of day like
            ``06:00`` (the next after the start). All others end at the same time of the day.
        exdates: local times of beginnings that are left out; a date leaves out all that begin on it.
        comment: why; shown where an alert was not told.
        owner: name of an entry in ``people:`` or ``schedules:``: whom to ask.
    """

    matchers: MatcherTexts = Field(min_length=1)
    zone: Zone
    start: LocalTime
    rrule: str | None = None
    duration: DurationUs | None = Field(default=None, ge=60 * US_PER_SECOND, le=LONGEST_US)
    end: LocalTime | None = None
    exdates: tuple[str, ...] = ()
    comment: str = ""
    owner: OwnerName | None = None

    @model_validator(mode="before")
    @classmethod
    def _end_of_day(cls, value: Any) -> Any:
        """Make a time of day that ends the first window a whole local time."""
        if not isinstance(value, dict) or not (isinstance(value.get("end"), str) and _CLOCK.fullmatch(value["end"])):
            return value
        try:
            start = parse_local_time(value.get("start"))
            end = parse_local_time(f"{start.date().isoformat()}T{value['end']}")
        except ValueError:
            return value  # the field says what is wrong
        return {**value, "end": end if end > start else end + timedelta(days=1)}

    @field_validator("exdates")
    @classmethod
    def _are_times(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_local_time(text)
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.duration is None) == (self.end is None):
            msg = "give either duration or end"
            raise ValueError(msg)
        if self.end is not None and not timedelta(0) < self.end - self.start <= timedelta(days=31):
            msg = f"end {self.end} must come after start {self.start}, by 31 days at most"
            raise ValueError(msg)
        if self.rrule is not None:
            local_rule(self.rrule, self.start, ZoneInfo(self.zone))
        return self

    def excluded(self) -> tuple[frozenset[datetime], frozenset[date]]:
        """Return the beginnings and the days that ``exdates`` leave out."""
        times = {parse_local_time(text) for text in self.exdates if len(text) > 10}
        days = {parse_local_time(text).date() for text in self.exdates if len(text) <= 10}
        return frozenset(times), frozenset(days)
