"""The shape of a case file.

Times are offsets from the file's ``start`` (``0m``, ``1h30m``, ``-5m``) or RFC 3339 times.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from config.base import ComponentSettings, SettingsModel
from config.calendars import CalendarSettings
from config.durations import DurationUs, parse_duration_us
from config.settings import Name
from pipeline.events import to_us

_RUN = re.compile(r"(?P<first>.+?)(?:(?P<step>[+-]\d+(?:\.\d+)?))?x(?P<times>\d+)")
_LEFT_OUT = "_"
MAX_REPEATS = 100_000


def _when(text: str) -> str:
    when_us(text, 0)
    return text


def when_us(text: str, start_us: int) -> int:
    """Return the time that ``text`` names, in microseconds UTC.

    Raises:
        ValueError: when it is neither an offset nor an RFC 3339 time.

    >>> when_us("-1m", 100_000_000)
    40000000
    """
    sign = -1 if text.startswith("-") else 1
    try:
        return start_us + sign * parse_duration_us(text.removeprefix("-"))
    except ValueError:
        try:
            return to_us(datetime.fromisoformat(text))
        except (ValueError, TypeError) as error:
            msg = f"{text!r} is not a time: write an offset from start like 0m, 1h30m, or 2026-03-02T09:00:00Z"
            raise ValueError(msg) from error


When = Annotated[str, AfterValidator(_when)]
Labels = dict[str, str]


def expand_values(text: str) -> list[str | None]:
    """Return the values that a compact notation stands for; ``_`` is a step without an event.

    ``0.1x3`` is 0.1 three times; ``1+2x3`` is 1 3 5. (promtool counts repeats *after* the first; here the number is
    how many there are.)

    >>> expand_values("0.1x2 _ 5-1x3")
    ['0.1', '0.1', None, '5', '4', '3']
    """
    values: list[str | None] = []
    for token in text.split():
        run = _RUN.fullmatch(token)
        if run is None:
            values.append(None if token == _LEFT_OUT else token)
            continue
        first, times = run["first"], int(run["times"])
        if times > MAX_REPEATS:
            msg = f"{token!r} repeats more than {MAX_REPEATS} times"
            raise ValueError(msg)
        if run["step"] is None:
            values.extend([None if first == _LEFT_OUT else first] * times)
        else:
            values.extend(_number(float(first) + position * float(run["step"])) for position in range(times))
    return values


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(round(value, 12))


def _expandable(text: str) -> str:
    expand_values(text)
    return text


class Step(SettingsModel):
    """Events of a case: one, or a row of them at equal distances.

    Attributes:
        at: event time of the first.
        every: distance of the following ones.
        times: how many there are; default: as many as ``values`` has, else one.
        repeat: how many times the whole row comes, one after the other.
        late_by: how long after its event time each arrives.
        event: a CloudEvents object without ``time``. ``id`` and ``source`` are made up where missing. ``{n}`` in texts
            is the position in the row, from 1.
        values: by the path of a field (``data.sentiment``), its values in compact notation: ``0.1x10 -0.8x6``,
            ``1+2x5``; ``_`` leaves the event out.
    """

    at: When
    every: DurationUs | None = Field(default=None, ge=0)
    times: int | None = Field(default=None, ge=1, le=MAX_REPEATS)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEATS)
    late_by: DurationUs = Field(default=0, ge=0)
    event: dict[str, Any]
    values: dict[str, Annotated[str, AfterValidator(_expandable)]] = Field(default={})

    @model_validator(mode="after")
    def _agree(self) -> Self:
        lengths = {path: len(expand_values(text)) for path, text in self.values.items()}
        if self.times is not None:
            lengths["times"] = self.times
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} gives {length}" for name, length in lengths.items())
            msg = f"the number of events is not clear: {told}; make them equal"
            raise ValueError(msg)
        if max(lengths.values(), default=1) * self.repeat > 1 and self.every is None:
            msg = "several events need `every`, the distance between them (0s for all at once)"
            raise ValueError(msg)
        return self


class Expected(SettingsModel):
    """One alert change that must come.

    Attributes:
        at: event time of the change, exactly.
        status: what the alert is after it.
        step: the step's name, where it matters (``confirmed``, ``retracted``, ...).
        labels: labels that it must have, among others.
        annotations: texts that its annotations must contain.
        starts_at, ends_at: of the alert's episode.
    """

    at: When
    status: Literal["firing", "resolved"] = "firing"
    step: str | None = None
    labels: Labels = Field(default={})
    annotations: Labels = Field(default={})
    starts_at: When | None = None
    ends_at: When | None = None


class Case(SettingsModel):
    """Events, and the alert changes that they must lead to: all of them, and no others.

    Attributes:
        name: the rule that the case shows.
        series: the events.
        until: end of the recording; default: the time of the last event. What is due later has not happened.
        only: compare only changes with these labels.
        expect: every change, in any order.
        quiet: true: there must be none.
    """

    name: str = Field(min_length=1)
    series: list[Step] = Field(min_length=1)
    until: When | None = None
    only: Labels = Field(default={})
    expect: list[Expected] | None = None
    quiet: bool = False

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if self.quiet == (self.expect is not None):
            msg = "a case has exactly one of `expect` (a list of changes) and `quiet: true`"
            raise ValueError(msg)
        return self


class ProfileFields(SettingsModel):
    """What is known about a customer, as an enriched event carries it.

    Attributes:
        tier, lifetime_value, language, contract: as in the profile table.
    """

    tier: str = ""
    lifetime_value: float | None = None
    language: str = ""
    contract: str = ""


class CaseFile(SettingsModel):
    """A file of cases.

    Attributes:
        start: offsets count from here.
        config: a settings file whose calendars and detectors are used.
        calendars, detectors: as in a settings file; they go before those of ``config``.
        profiles: customers by the events' ``subject``.
        lateness: how far behind the newest event an event may come and still be on time.
        shards: how many shards the keys are spread over. Changes no answer.
        cases: at least one.
    """

    start: AwareDatetime
    config: Path | None = None
    calendars: Mapping[Name, CalendarSettings] = Field(default={})
    detectors: Mapping[Name, ComponentSettings] = Field(default={})
    profiles: dict[str, ProfileFields] = Field(default={})
    lateness: DurationUs = Field(default=0, ge=0)
    shards: int = Field(default=2, ge=1, le=64)
    cases: list[Case] = Field(min_length=1)
