"""Marks of a table as whole numbers: times as microseconds since 1970 UTC, whole numbers as they are."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pipeline.localtime import EPOCH, timedelta_us

_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_CHANGE = timedelta(hours=3)
"""No zone sets its clocks back by more than this."""


class MarkError(ValueError):
    """A value is not a mark: says what was expected, and what to do."""


class Marks:
    """What the marks of one column are.

    Args:
        sample: a value of the column.
        zone: of times without one; None: such times are refused.
        text_times: times may be text that begins with ``YYYY-MM-DD`` (SQLite has no type for times).

    Attributes:
        are_times: marks are microseconds since 1970 UTC, not numbers of the database.

    Raises:
        MarkError: when ``sample`` cannot be a mark.

    >>> marks = Marks(datetime(2024, 5, 1, 9, 30), ZoneInfo("Europe/London"), text_times=False)
    >>> marks.bound(marks.number(datetime(2024, 5, 1, 9, 30)))
    datetime.datetime(2024, 5, 1, 9, 30)
    """

    def __init__(self, sample: object, zone: ZoneInfo | None, *, text_times: bool) -> None:
        self._zone = zone
        self._text_times = text_times
        self.number(sample)
        self.are_times = not isinstance(sample, int | Decimal)
        self._bound = self._bound_like(sample)

    def number(self, value: object) -> int:
        """Return a mark as a whole number.

        Raises:
            MarkError: for what is no mark.
        """
        if isinstance(value, datetime):
            return self._instant_us(value)
        if isinstance(value, date):
            return self._instant_us(datetime(value.year, value.month, value.day, tzinfo=self._zone or UTC))
        if isinstance(value, bool | float) or value is None:
            pass
        elif isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value()):
            return int(value)
        elif isinstance(value, str) and self._text_times:
            return self._text_us(value)
        hint = "choose a column of times or of whole numbers, or make one in a query with CAST"
        msg = f"the mark is {type(value).__name__} {str(value)[:40]!r}, not a time or a whole number; {hint}"
        raise MarkError(msg)

    def bound(self, number: int) -> object:
        """Return a value for the database that is not above the mark with this number, or any later one."""
        return self._bound(number)

    def _instant_us(self, value: datetime) -> int:
        if value.tzinfo is None:
            if self._zone is None:
                msg = "the mark is a time without a zone; say in which zone the database keeps it: zone: Europe/London"
                raise MarkError(msg)
            value = value.replace(tzinfo=self._zone)
        return timedelta_us(value - EPOCH)

    def _text_us(self, text: str) -> int:
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            msg = f"the mark is text {text[:40]!r}, not a time like 2024-05-01 09:30:00"
            raise MarkError(msg) from error
        if value.tzinfo is not None and value.utcoffset() != timedelta(0):
            msg = f"the mark {text[:40]!r} has an offset: such texts do not sort by time; convert them in a query"
            raise MarkError(msg)
        return self._instant_us(value)

    def _bound_like(self, sample: object) -> Callable[[int], object]:
        if not self.are_times:
            return lambda number: number
        if isinstance(sample, datetime) and sample.tzinfo is not None:
            return _instant
        if isinstance(sample, datetime):
            return self._wall
        if isinstance(sample, date):
            return lambda number: _instant(number).astimezone(self._zone or UTC).date()
        if isinstance(sample, str) and datetime.fromisoformat(sample).tzinfo is not None:
            return lambda number: _as_text(_instant(number))
        return lambda number: _as_text(self._wall(number))

    def _wall(self, number: int) -> datetime:
        """Return the earliest local time that clocks show from that instant on: they may be about to be set back."""
        instant = _instant(number)
        zone = self._zone or UTC
        now, soon = instant.astimezone(zone), (instant + _CHANGE).astimezone(zone)
        back = (now.utcoffset() or timedelta(0)) - (soon.utcoffset() or timedelta(0))
        return now.replace(tzinfo=None) - max(back, timedelta(0))


def _instant(number: int) -> datetime:
    try:
        return max(_EARLIEST, EPOCH + timedelta(microseconds=number))
    except OverflowError:
        return _EARLIEST


def _as_text(value: datetime) -> str:
    # A blank sorts before the T, and a text without fraction before one with: not above any way to write that second.
    return value.strftime("%Y-%m-%d %H:%M:%S") if value.year >= 1000 else "0000"
