"""Elapsed durations written as text with a unit (``90s``, ``15m``, ``2h``, ``7d``).

A duration here is *elapsed* time: ``1d`` is exactly 24 hours. Targets of service promises are not durations: they carry
their unit in a field of its own (``unit: minutes``, ``unit: business_days``), because "one day" means different things
to different calendars.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

US_PER_SECOND = 1_000_000
_UNIT_US = {
    "us": 1,
    "ms": 1_000,
    "s": US_PER_SECOND,
    "m": 60 * US_PER_SECOND,
    "h": 3_600 * US_PER_SECOND,
    "d": 86_400 * US_PER_SECOND,
    "w": 7 * 86_400 * US_PER_SECOND,
}
_PART = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")
WRITTEN = {"written": True}
"""Validation context of what people wrote: there a number without a unit is a mistake, not microseconds."""
PATTERN = r"^(\d+(us|ms|s|m|h|d|w))+$"


def parse_duration_us(text: object) -> int:
    """Return the microseconds that ``text`` names.

    Args:
        text: a number directly followed by a unit out of ``us ms s m h d w``; parts may follow each other (``1h30m``).
            An ``int`` is taken as microseconds already (so that parsed settings validate again unchanged).

    Raises:
        ValueError: when there is no unit, an unknown unit, or anything else in the text.

    >>> parse_duration_us("1h30m") // US_PER_SECOND
    5400
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text):
        msg = f"{text!r} is not a duration: write a number with a unit, like 90s, 15m, 2h or 7d"
        raise ValueError(msg)
    return sum(int(number) * _UNIT_US[unit] for number, unit in _PART.findall(text))


def format_duration_us(duration_us: int) -> str:
    """Return the shortest text that :func:`parse_duration_us` reads back as ``duration_us`` (not negative).

    >>> format_duration_us(5_400_000_000)
    '1h30m'
    """
    if duration_us == 0:
        return "0s"
    parts = []
    rest = duration_us
    for unit, size_us in sorted(_UNIT_US.items(), key=lambda item: -item[1]):
        number, rest = divmod(rest, size_us)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def _read(value: object, info: ValidationInfo) -> int:
    if isinstance(value, int) and info.context is not None and info.context.get("written"):
        msg = f"{value} has no unit: write it like {value}s, {value}m or {value}h"
        raise ValueError(msg)
    return parse_duration_us(value)


DurationUs = Annotated[
    int,
    BeforeValidator(_read),
    PlainSerializer(format_duration_us, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["90s", "15m", "2h", "7d"]}),
]
"""A settings field that holds microseconds and is written as text with a unit."""
