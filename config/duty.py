"""Settings of who is on duty when: people, and schedules of rotations, overrides and imported calendars."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from config.base import SettingsModel
from config.calendars import DAY_S, WEEKDAYS, Weekday, Window
from config.durations import US_PER_SECOND, DurationUs
from config.localtimes import LocalTime
from config.references import PersonName, ReceiverName
from config.secret import SecretRef
from config.values import Zone

HOUR_US = 3_600 * US_PER_SECOND
DAY_US = 24 * HOUR_US
_SHORT = {"daily": ("mon", "sun"), "weekdays": ("mon", "fri"), "weekend": ("sat", "sun")}


class PersonSettings(SettingsModel):
    """Somebody who can be on duty.

    Attributes:
        receiver: name of an entry in ``receivers:``: over which channels this person is told.
        zone: in which times are shown to this person.
        email: by which an imported calendar names this person, and a reply is known.
        phone: by which a reply is known, with the country, like ``+442071838750``; or where the number is kept.
    """

    receiver: ReceiverName
    zone: Zone | None = None
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    phone: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")] | SecretRef | None = None


def _days(value: object) -> object:
    """Write out ``mon-fri``, ``weekdays``, ``weekend`` and ``daily``."""
    if not isinstance(value, Mapping):
        return value
    found: dict[Any, Any] = {}
    for key, windows in value.items():
        first, last = _SHORT.get(str(key), str(key).partition("-")[::2])
        days: list[Any] = [key]
        if first in WEEKDAYS and last in WEEKDAYS:
            begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
            days = [WEEKDAYS[number % 7] for number in range(begin, (end if end >= begin else end + 7) + 1)]
        for day in days:
            if day in found:
                msg = f"{day} is given twice; write each day once"
                raise ValueError(msg)
            found[day] = [windows] if isinstance(windows, str) else windows
    return found


_WINDOW = {"type": "string", "pattern": r"^\d{1,2}:\d{2}-\d{1,2}:\d{2}$"}
_PAIR = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
_DAY = "|".join(WEEKDAYS)
Hours = Annotated[
    dict[Weekday, tuple[Window, ...]],
    BeforeValidator(_days),
    WithJsonSchema(
        {
            "type": "object",
            "patternProperties": {
                f"^(({_DAY})(-({_DAY}))?|{'|'.join(_SHORT)})$": {
                    "anyOf": [_WINDOW, {"type": "array", "items": {"anyOf": [_WINDOW, _PAIR]}}]
                }
            },
            "additionalProperties": False,
        }
    ),
]
"""Times of the day by weekday; as text, ``{mon-fri: "09:00-17:00"}``, or as lists of such."""


class RotationSettings(SettingsModel):
    """People who are on duty in turns.

    Attributes:
        people: in the order of their turns; who comes twice has two turns.
        start: local time at which the first of them takes over; nobody is on duty before. Each further handover is at
            the same time of the day.
        shift: how long a turn is: whole hours. Weeks, days and hours are of the clock on the wall, so that a handover
            at 09:00 stays at 09:00 when clocks change.
        until: local time at which the rotation ends.
        hours: on duty only then, by weekday (``mon`` ... ``sun``, ``mon-fri``, ``weekdays``, ``weekend``, ``daily``),
            like ``{mon-fri: "09:00-17:00"}``. Turns go on outside these hours.
    """

    people: tuple[PersonName, ...] = Field(min_length=1)
    start: LocalTime
    shift: DurationUs = Field(default=7 * DAY_US, ge=HOUR_US, le=3_660 * DAY_US)
    until: LocalTime | None = None
    hours: Hours | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.shift % HOUR_US:
            msg = "a shift is whole hours, like 1w, 1d or 12h"
            raise ValueError(msg)
        if self.until is not None and self.until <= self.start:
            msg = f"until {self.until} does not come after start {self.start}"
            raise ValueError(msg)
        if self.hours is not None:
            empty = [day for day, windows in self.hours.items() if any(a in {b, DAY_S} for a, b in windows)]
            if empty or not any(self.hours.values()):
                where = f" on {', '.join(empty)}" if empty else ""
                msg = f"hours hold an empty window{where}; a whole day is 00:00-24:00; leave hours out for always"
                raise ValueError(msg)
        return self


class OverrideSettings(SettingsModel):
    """Other people for some time, whatever the rotations say.

    Attributes:
        from_, to: local times; ``to`` is the first moment at which it no longer holds.
        people: who is on duty then; an empty list: nobody.
        instead_of: only this person is replaced, at those times at which this person would be on duty.
    """

    from_: LocalTime = Field(alias="from")
    to: LocalTime
    people: tuple[PersonName, ...]
    instead_of: PersonName | None = None

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.to <= self.from_:
            msg = f"to {self.to} does not come after from {self.from_}"
            raise ValueError(msg)
        return self


class ICalendarSettings(SettingsModel):
    """A file in the iCalendar format (RFC 5545) whose events say who is on duty. A path is short for ``{path: ...}``.

    An event is about the people whose ``email`` is that of an attendee; without such an attendee about those that its
    summary names, separated by commas, by their name in ``people:``, their email, or a text in ``names``.

    Attributes:
        path: of the file; read again when it changes.
        names: what summaries call people: text to name in ``people:``.
    """

    path: Path
    names: Mapping[str, PersonName] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        path = {"type": "string", "minLength": 1, "description": "Path of the file."}
        return {"anyOf": [path, described], "title": described.get("title", cls.__name__)}


class ScheduleSettings(SettingsModel):
    """Who is on duty when. What stands later goes before what stands earlier: calendar, rotations, overrides.

    Attributes:
        zone: IANA name of the zone whose wall clock all times here are read on.
        rotations: layers. While a later one has somebody on duty, it takes the place of those before it.
        together: all rotations are on duty at the same time instead, and the calendar with them.
        overrides: other people for some time; a later one goes before an earlier one.
        icalendar: a calendar kept elsewhere: the lowest layer.
    """

    zone: Zone
    rotations: tuple[RotationSettings, ...] = ()
    together: bool = False
    overrides: tuple[OverrideSettings, ...] = ()
    icalendar: ICalendarSettings | None = None

    @model_validator(mode="after")
    def _has_somebody(self) -> Self:
        if not self.rotations and not self.overrides and self.icalendar is None:
            msg = "nobody can ever be on duty here: give rotations, overrides or icalendar"
            raise ValueError(msg)
        return self
