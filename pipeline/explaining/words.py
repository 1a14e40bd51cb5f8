"""Times, spans and channels in words."""

from collections.abc import Mapping

from alerts.model import rfc3339
from config.base import ComponentSettings
from config.durations import US_PER_SECOND, format_duration_us

_BY = {
    "email": "e-mail",
    "sms_twilio": "SMS",
    "voice_twilio": "a call",
    "slack": "Slack",
    "slack_webhook": "Slack",
    "teams": "Teams",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "alertmanager": "Alertmanager",
    "webhook": "a webhook",
    "kafka": "Kafka",
    "apprise": "Apprise",
    "console": "the console",
    "file": "a file",
}
_MINUTE_US = 60 * US_PER_SECOND


def moment(time_us: int) -> str:
    """Return a time to the second, in UTC.

    >>> moment(1_424_520_000_123_456)
    '2015-02-21 12:00:00Z'
    """
    return rfc3339(time_us)[:19].replace("T", " ") + "Z"


def clock(time_us: int) -> str:
    """Return a time to the millisecond, in UTC.

    >>> clock(1_424_520_000_123_456)
    '2015-02-21 12:00:00.123Z'
    """
    return rfc3339(time_us)[:23].replace("T", " ") + "Z"


def span(duration_us: int) -> str:
    """Return how long something took, as exactly as people want to know it.

    >>> span(12_345), span(3_140_000), span(90_000_000), span(15_300_000_000)
    ('12 ms', '3.1 s', '1m30s', '4h15m')
    """
    if duration_us < US_PER_SECOND:
        return f"{duration_us / 1000:.0f} ms"
    if duration_us < _MINUTE_US:
        return f"{duration_us / US_PER_SECOND:.1f} s"
    unit_us = US_PER_SECOND if duration_us < 60 * _MINUTE_US else _MINUTE_US
    return format_duration_us(duration_us // unit_us * unit_us)


def ahead(time_us: int, now_us: int) -> str:
    """Return a time with how far away it is.

    >>> ahead(1_424_520_090_000_000, 1_424_520_000_000_000)
    '2015-02-21 12:01:30Z (in 1m30s)'
    """
    if time_us <= now_us:
        return f"{moment(time_us)} (now)"
    return f"{moment(time_us)} (in {span(time_us - now_us)})"


def way(channel: str, channels: Mapping[str, ComponentSettings]) -> str:
    """Return by what a channel reaches people; its name when the settings do not have it any more."""
    entry = channels.get(channel)
    return channel if entry is None else _BY.get(entry.type, entry.type)


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a sentence has them.

    >>> listed(["ana"]), listed(["ana", "ben", "cy"])
    ('ana', 'ana, ben and cy')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nobody"
