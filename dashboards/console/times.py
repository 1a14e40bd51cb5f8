"""Times as people read them: relative, absolute, and always with their zone."""

from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup
from starlette.requests import HTTPConnection

from alerts.localtime import moment
from alerts.model import rfc3339
from config.durations import US_PER_SECOND
from dashboards.freshness_model import ago

COOKIE = "makegood_zone"
SERVICE, UTC = "service", "utc"
_FINE_US, _DAYS_US = 600 * US_PER_SECOND, 86_400 * US_PER_SECOND
_WEEK_US = 6 * _DAYS_US
"""Within these a day of the week names one day."""
_FAR_US = 60 * US_PER_SECOND * 60 * 24 * 365 * 200


class Zone:
    """The zone that somebody wants to read times in.

    Attributes:
        choice: ``utc``, ``service`` (that of messages), or a name like ``Europe/Berlin`` (the browser's).
    """

    def __init__(self, choice: str, service: str) -> None:
        name = {UTC: "UTC", SERVICE: service}.get(choice, choice)
        try:
            self._zone = ZoneInfo(name)
            self.choice = choice
        except (ZoneInfoNotFoundError, ValueError, OSError):  # what a browser sends may be anything
            self._zone, self.choice = ZoneInfo("UTC"), UTC

    @property
    def name(self) -> str:
        """As the time zone database has it."""
        return self._zone.key

    def absolute(self, at_us: int, now_us: int, *, date: bool = False) -> str:
        """Return a time to the second with its zone; with the date unless it is today's."""
        if not -_FAR_US < at_us < _FAR_US:
            return "at no time that can be written"
        there, now = moment(at_us).astimezone(self._zone), moment(now_us).astimezone(self._zone)
        there -= timedelta(microseconds=there.microsecond)
        form = "%H:%M:%S" if there.date() == now.date() and not date else "%Y-%m-%d %H:%M:%S"
        return f"{there.strftime(form)} {there.tzname()}"

    def near(self, at_us: int, now_us: int) -> str:
        """Return a time within days, where there is little room; the zone stands beside it.

        >>> zone, hour_us = Zone("utc", "UTC"), 3_600_000_000
        >>> zone.near(8 * hour_us, 0), zone.near(32 * hour_us, 0), zone.near(999 * hour_us, 0)
        ('08:00', 'Fri 08:00', '11 Feb 15:00')
        """
        there, now = moment(at_us).astimezone(self._zone), moment(now_us).astimezone(self._zone)
        if there.date() == now.date():
            return there.strftime("%H:%M")
        return there.strftime("%a %H:%M" if at_us - now_us < _WEEK_US else "%d %b %H:%M")

    def short(self, at_us: int, span_us: int) -> str:
        """Return a time as an axis of some length has it; the zone stands beside the axis."""
        there = moment(at_us).astimezone(self._zone)
        form = "%H:%M:%S" if span_us < _FINE_US else "%H:%M" if span_us < _DAYS_US else "%d %b %H:%M"
        return there.strftime(form)

    def element(self, at_us: int, now_us: int, *, date: bool = False) -> Markup:
        """Return a ``<time>``: how long ago (or in how long), and when."""
        if not -_FAR_US < at_us < _FAR_US:
            return Markup("at no time that can be written")
        return Markup(
            '<time datetime="{}" data-ms="{}"><span class="ago">{}</span> <span class="abs">{}</span></time>'
        ).format(
            rfc3339(at_us)[:19] + "Z", at_us // 1000, relative(at_us, now_us), self.absolute(at_us, now_us, date=date)
        )


def relative(at_us: int, now_us: int) -> str:
    """Return how far away a time is.

    >>> relative(0, 240_000_000), relative(90_000_000, 0), relative(0, 900_000)
    ('4 min ago', 'in 1 min', 'now')
    """
    if abs(now_us - at_us) < US_PER_SECOND:
        return "now"
    return f"{ago(now_us - at_us)} ago" if now_us > at_us else f"in {ago(at_us - now_us)}"


def zone_of(request: HTTPConnection, service: str) -> Zone:
    """Return in which zone whoever asks wants to read times: of the address (``tz``), else of their choice."""
    return Zone(request.query_params.get("tz") or request.cookies.get(COOKIE) or UTC, service)
