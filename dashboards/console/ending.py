"""Until when a silence holds, as somebody types it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from config.durations import US_PER_SECOND, parse_duration_us
from dashboards.errors import Refused


def ends_us_of(span: str, until: str, zone: str, now_us: int) -> int:
    """Return when a silence ends: after a span, or at a wall time in a zone, microseconds UTC.

    Args:
        span: like ``2h``; where ``until`` is empty.
        until: like ``2026-03-02T18:00``.
        zone: on whose clock ``until`` is read, where it says none itself.
        now_us: microseconds UTC.

    Raises:
        Refused: for what is no span, no time or no zone, and for a time that does not exist there, or comes twice.
    """
    if not until.strip():
        try:
            return now_us + parse_duration_us(span)
        except ValueError as error:
            raise Refused(422, f"for {span!r}: {error}") from error
    try:
        at = datetime.fromisoformat(until.strip())
        named: Any = ZoneInfo(zone)
    except (ValueError, KeyError, OSError) as error:
        raise Refused(422, f"until {until!r} in {zone!r}: expected like 2026-03-02T18:00 and a zone") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=named)
        if at.astimezone(ZoneInfo("UTC")).astimezone(named).replace(tzinfo=None) != at.replace(tzinfo=None):
            raise Refused(422, f"{until} does not exist in {zone}: the clock is put forward then; choose another time")
        if at.replace(fold=1).utcoffset() != at.utcoffset():
            raise Refused(422, f"{until} comes twice in {zone}: the clock is put back then; write it in UTC")
    return round(at.timestamp() * US_PER_SECOND)
