"""Local wall times in settings: what a clock on the wall of a zone shows, without an offset.

The zone stands beside them (``zone:`` of a schedule or a window), so that nine o'clock stays nine o'clock when clocks
change. A time that the clocks skip is read with the offset before the gap (02:30 becomes 03:30), a time that comes
twice is the first of the two: the rule of RFC 5545.
"""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?")


def parse_local_time(value: object) -> datetime:
    """Return the wall time that ``value`` writes, without a zone; a date alone is its midnight.

    Raises:
        ValueError: for anything else, an offset included.

    >>> parse_local_time("2026-03-02 09:00")
    datetime.datetime(2026, 3, 2, 9, 0)
    """
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a local time
    if isinstance(value, str) and _TEXT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            msg = f"{value!r} is not in the calendar: {error}"
            raise ValueError(msg) from error
    msg = f"{value!r} is not a local time: write 2026-03-02T09:00, without an offset; the zone is given by `zone`"
    raise ValueError(msg)


LocalTime = Annotated[
    datetime,
    BeforeValidator(parse_local_time),
    PlainSerializer(lambda value: value.isoformat(timespec="minutes" if value.second == 0 else "seconds")),
    WithJsonSchema({"type": "string", "examples": ["2026-03-02T09:00", "2026-03-02"]}),
]
"""A settings field that holds a local wall time: a datetime without a zone."""
