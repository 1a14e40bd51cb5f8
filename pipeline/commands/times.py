"""Times and spans as people give them to commands."""

import re
from datetime import UTC, datetime

from pipeline.commands import shell

_OFFSET = re.compile(r"([+-])((?:\d+(?:us|ms|s|m|h|d|w))+)")


def time_us(option: str, text: str, now_us: int) -> int:
    """Return the time that a text names, microseconds UTC.

    Args:
        option: whose value it is, for the message.
        text: ``now``, a time with its offset from UTC, a date (its first moment in UTC), or ``+2h``/``-2h`` from now.
        now_us: the time of the clock.

    Raises:
        UserError: when it is no time.

    >>> time_us("--at", "1970-01-01T02:00:00+01:00", 5), time_us("--at", "+1m", 5)
    (3600000000, 60000005)
    """
    from config.durations import parse_duration_us

    if text == "now":
        return now_us
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        return now_us + parse_duration_us(offset[2]) * (1 if offset[1] == "+" else -1)
    at_us = instant_us(text)
    if at_us is None:
        msg = (
            f"{option} {text}: expected a time with its offset like 2026-03-02T09:00:00Z, a date, or like +2h from now"
        )
        raise shell.UserError(msg)
    return at_us


def instant_us(text: str) -> int | None:
    """Return a time with its offset, or the first moment of a date in UTC, microseconds UTC; None: it is neither."""
    from pipeline.events import to_us

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is None and len(text) == len("2026-03-02"):
        time = time.replace(tzinfo=UTC)
    return None if time.tzinfo is None else to_us(time)


def span_us(option: str, text: str) -> int:
    """Return the length of a span, microseconds; more than none.

    Raises:
        UserError: when it is none.
    """
    from config.durations import parse_duration_us

    try:
        found = parse_duration_us(text)
    except ValueError as error:
        msg = f"{option} {text}: {error}"
        raise shell.UserError(msg) from error
    if found <= 0:
        msg = f"{option} {text}: expected more than nothing, like 2h"
        raise shell.UserError(msg)
    return found


def told(time_us: int) -> str:
    """Return a time as tables show it: to the second, in UTC."""
    from alerts.model import rfc3339

    return rfc3339(time_us)[:19].replace("T", " ") + "Z"
