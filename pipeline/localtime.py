"""Local times of a zone to microseconds since 1970 UTC.

The rule is that of RFC 5545: a time that clocks skip counts with the offset before the gap, a time that clocks repeat
is the first of the two. That is ``fold=0`` of :mod:`zoneinfo`.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

from config.durations import US_PER_SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_DAY = 86_400 * US_PER_SECOND
REMEMBERED = 4_096
"""How many texts or days a cache holds before it is emptied."""
_EPOCH_DAY = EPOCH.toordinal()


class NoOffsetError(ValueError):
    """A time has no offset, and there is no zone to read it in."""


def utc_midnight_us(year: int, month: int, day: int) -> int:
    """Return the beginning of a day in UTC."""
    return (date(year, month, day).toordinal() - _EPOCH_DAY) * US_PER_DAY


def timedelta_us(delta: timedelta) -> int:
    """Return a timedelta in microseconds, exactly."""
    return delta.days * US_PER_DAY + delta.seconds * US_PER_SECOND + delta.microseconds


class LocalTime:
    """Local times of one zone. Offsets are remembered by day, for days without a change of clocks.

    Args:
        zone: None: there is none, and every local time is refused.
    """

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._midnights: dict[tuple[int, int, int], int | None] = {}

    def to_us(self, year: int, month: int, day: int, in_day_us: int) -> int:
        """Return the microseconds of a local wall time; ``in_day_us`` is from 0 to below a day.

        Raises:
            NoOffsetError: without a zone.
            ValueError: for a day that is not in the calendar.
        """
        midnight_us = self.midnight_us(year, month, day)
        if midnight_us is not None:
            return midnight_us + in_day_us
        naive = datetime(year, month, day) + timedelta(microseconds=in_day_us)  # noqa: DTZ001 - a local time
        wall_us = timedelta_us(naive.replace(tzinfo=UTC) - EPOCH)
        return wall_us - self._offset_us(naive)

    def midnight_us(self, year: int, month: int, day: int) -> int | None:
        """Return when the local day begins, or None where clocks change within the day or a day beside it."""
        key = (year, month, day)
        try:
            return self._midnights[key]
        except KeyError:
            pass
        midnight = datetime(year, month, day)  # noqa: DTZ001 - a local time
        offsets_us = {self._offset_us(midnight + timedelta(hours=hours)) for hours in range(-24, 49)}
        found = utc_midnight_us(year, month, day) - offsets_us.pop() if len(offsets_us) == 1 else None
        if len(self._midnights) >= REMEMBERED:
            self._midnights.clear()
        self._midnights[key] = found
        return found

    def _offset_us(self, naive: datetime) -> int:
        if self._zone is None:
            msg = "no offset in the time, and the mapping has no zone"
            raise NoOffsetError(msg)
        offset = naive.replace(tzinfo=self._zone).utcoffset()
        return 0 if offset is None else timedelta_us(offset)
