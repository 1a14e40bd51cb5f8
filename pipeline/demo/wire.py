"""How the simulated systems write their events: CloudEvents 1.0 JSON, built as text: there are millions."""

from datetime import date, timedelta

from config.durations import US_PER_SECOND
from pipeline.demo.company import DAY_US, FEEDS

_EPOCH = date(1970, 1, 1)
_days: dict[int, str] = {}


def time_text(time_us: int) -> str:
    """Return a time as RFC 3339 in UTC.

    >>> time_text(1_772_445_600_250_000)
    '2026-03-02T10:00:00.250000Z'
    """
    day, rest_us = divmod(time_us, DAY_US)
    day_text = _days.get(day)
    if day_text is None:
        day_text = _days[day] = (_EPOCH + timedelta(days=day)).isoformat()
    second, micro = divmod(rest_us, US_PER_SECOND)
    return f"{day_text}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{micro:06d}Z"


def event(feed: str, kind: str, identity: str, time_us: int, subject: str, data: str, sequence: int = 0) -> bytes:
    """Return an event. ``data`` is the inside of a JSON object."""
    return (
        f'{{"specversion":"1.0","type":"{kind}","source":"{_SOURCES[feed]}","id":"{identity}",'
        f'"time":"{time_text(time_us)}","subject":"{subject}","sequence":{sequence},'
        f'"datacontenttype":"application/json","data":{{{data}}}}}'
    ).encode()


_SOURCES = {feed: f"demo/{feed}" for feed in FEEDS}
