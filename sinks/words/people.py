"""Numbers and times as people read them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIVES = re.compile(r"(?:[^%]|%[aAbBdHIjmMpSuUVwWyYZz%]){0,100}", re.DOTALL)
DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60


class Moment(str):
    """A time: text for people, with the time itself beside it.

    Attributes:
        us: microseconds since 1970 UTC; None: no time (the text is empty).
    """

    __slots__ = ("us",)
    us: int | None

    def __new__(cls, text: str, us: int | None) -> "Moment":
        """Make one."""
        made = super().__new__(cls, text)
        made.us = us
        return made


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Return a time zone.

    Raises:
        ValueError: there is none of that name.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"{name!r} is not a time zone: write one like Europe/Berlin"
        raise ValueError(msg) from error


def clock_text(time_us: int, zone: str = "UTC", form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
    """Return a time in a zone.

    Raises:
        ValueError: the zone is not known, or the form has something else than plain directives (``%H``).

    >>> clock_text(1_424_520_000_900_000)
    '2015-02-21 12:00:00 UTC'
    >>> clock_text(1_424_520_000_900_000, "Europe/Berlin", "%H:%M %Z")
    '13:00 CET'
    """
    if not _DIRECTIVES.fullmatch(form):
        msg = f"{form[:40]!r} is no form of a time: write one like %Y-%m-%d %H:%M"
        raise ValueError(msg)
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone_of(zone)).strftime(form)
    except OverflowError:
        return f"{time_us / 1_000_000:.0f} s since 1970"


def duration_text(seconds: float) -> str:
    """Return a span of time, to two figures.

    >>> [duration_text(s) for s in (0.4, 42, 60, 754, 7_500, 100_000, 864_000)]
    ['0 s', '42 s', '1 min', '12 min 34 s', '2 h 05', '1 d 3 h', '10 d']
    """
    whole = int(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    if whole < MINUTE_S:
        return f"{sign}{whole} s"
    if whole < HOUR_S:
        minutes, rest = divmod(whole, MINUTE_S)
        return f"{sign}{minutes} min {rest} s" if rest else f"{sign}{minutes} min"
    if whole < DAY_S:
        return f"{sign}{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d}"
    days, rest = divmod(whole, DAY_S)
    return f"{sign}{days} d {rest // HOUR_S} h" if rest >= HOUR_S else f"{sign}{days} d"


def number_text(value: float, digits: int = 0) -> str:
    """Return a number with commas between thousands.

    >>> number_text(18400.4), number_text(0.25, 1)
    ('18,400', '0.2')
    """
    return f"{value:,.{digits}f}"


def money_text(amount: float, currency: str = "") -> str:
    """Return an amount, in whole units from 100 on.

    >>> money_text(18400.4, "EUR"), money_text(12.5)
    ('18,400 EUR', '12.50')
    """
    digits = 0 if abs(amount) >= 100 or float(amount).is_integer() else 2
    return f"{number_text(amount, digits)} {currency}".rstrip()


def percent_text(share: float, digits: int = 0) -> str:
    """Return a share.

    >>> percent_text(0.412), percent_text(0.0123, 1)
    ('41 %', '1.2 %')
    """
    return f"{share * 100:.{digits}f} %"


def count_text(count: float, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    >>> count_text(1, "alert"), count_text(1200, "alert"), count_text(2, "entry", "entries")
    ('1 alert', '1,200 alerts', '2 entries')
    """
    return f"{number_text(count)} {noun if count == 1 else plural or noun + 's'}"


def cut(text: str, chars: int) -> str:
    """Return a text of at most ``chars`` characters (at least 1); where it was cut, an ellipsis ends it.

    >>> cut("abcdef", 4), cut("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= chars else text[: max(0, chars - 1)].rstrip() + "…"
