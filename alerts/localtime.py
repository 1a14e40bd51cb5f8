"""Wall times of a zone and microseconds since 1970 UTC, by the rule of RFC 5545.

A wall time that clocks skip is read with the offset before the gap: 02:30 becomes 03:30. One that comes twice is the
first of the two. That is ``fold=0`` of :mod:`zoneinfo`.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def local_us(wall: datetime, zone: ZoneInfo) -> int:
    """Return the instant of a wall time (without a zone of its own).

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> local_us(datetime(2026, 3, 29, 2, 30), berlin) == local_us(datetime(2026, 3, 29, 3, 30), berlin)
    True
    """
    return (wall.replace(tzinfo=zone, fold=0) - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """Return an instant as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


def wall_time(at_us: int, zone: ZoneInfo) -> datetime:
    """Return what the clock on the wall shows at an instant, without a zone."""
    return moment(at_us).astimezone(zone).replace(tzinfo=None, fold=0)


def moment_us(when: datetime) -> int:
    """Return a moment, which has a zone, in microseconds."""
    return (when - _EPOCH) // _MICROSECOND


def shown(at_us: int, zone: ZoneInfo) -> str:
    """Return an instant for people: ``Mon 2026-03-02 09:00 GMT``.

    >>> shown(1_772_442_000_000_000, ZoneInfo("Europe/London"))
    'Mon 2026-03-02 09:00 GMT'
    """
    return moment(at_us).astimezone(zone).strftime("%a %Y-%m-%d %H:%M %Z")
