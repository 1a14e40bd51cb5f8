"""From a notification to the words that people read.

A template is text with names in double braces: ``{{ labels.service }}``, ``{{ annotations.summary }}``, ``{{ status
}}``, ``{{ severity }}``, ``{{ startsAt }}``, ``{{ endsAt }}``, ``{{ fingerprint }}``, ``{{ receiver }}``, ``{{ key
}}``. A name that
the alert does not have is an error, not an empty place: the message then goes out in the standard words, and to the
    next
tier as well.
"""

import re
from collections.abc import Sequence

from alerts.model import rfc3339
from detectors.contract import AlertChange
from sinks.contract import ChannelSettings, Failure, Message, Notification, Reason

_NAME = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_HIDDEN_LABELS = {"alertname", "severity"}


class TemplateError(Exception):
    """A template asks for something that the notification does not have."""


def render(notification: Notification, settings: ChannelSettings, notes: Sequence[str] = ()) -> Message:
    """Return the message for one channel. Never fails: a template that does not render leaves its ``failure`` in it."""
    failure = None
    title, text = plain_title(notification), plain_text(notification)
    try:
        custom_title = title if settings.title is None else fill(settings.title, notification)
        custom_text = text if settings.text is None else fill(settings.text, notification)
    except TemplateError as error:
        failure = Failure(reason=Reason.TEMPLATE, permanent=True, detail=str(error))
        notes = [*notes, f"The channel's template could not be used ({error}); these are the standard words."]
    else:
        title, text = custom_title, custom_text
    title = " ".join(title.split())
    if notes:
        text = "\n".join([text, "", *notes])
    return Message(notification=notification, title=title, text=text, notes=tuple(notes), failure=failure)


def fill(template: str, notification: Notification) -> str:
    """Return ``template`` with the values of the notification's first alert in its places.

    Raises:
        TemplateError: naming what is missing.
    """
    alert = notification.alerts[0]
    known = {
        "status": notification.status,
        "severity": alert.labels.get("severity", ""),
        "startsAt": rfc3339(alert.starts_at_us),
        "endsAt": "" if alert.ends_at_us is None else rfc3339(alert.ends_at_us),
        "fingerprint": alert.fingerprint,
        "receiver": notification.receiver,
        "key": notification.key,
        **{f"labels.{name}": value for name, value in alert.labels.items()},
        **{f"annotations.{name}": value for name, value in alert.annotations.items()},
    }

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            msg = f"the template names {{{{ {found[1]} }}}}, which this alert does not have"
            raise TemplateError(msg)
        return known[found[1]]

    filled = _NAME.sub(value, template)
    if "{{" in template and _NAME.search(template) is None:
        msg = "the template has {{ without a matching }}"
        raise TemplateError(msg)
    return filled


def plain_title(notification: Notification) -> str:
    """Return the standard first line: status, severity, summary."""
    alert = notification.alerts[0]
    summary = alert.annotations.get("summary") or alert.labels.get("alertname", "alert")
    state = _state(alert)
    more = f" (and {len(notification.alerts) - 1} more)" if len(notification.alerts) > 1 else ""
    return f"[{state}] {summary}{more}"


def plain_text(notification: Notification) -> str:
    """Return the standard text: for every alert its description, times and labels."""
    return "\n\n".join(_paragraph(alert) for alert in notification.alerts)


def _state(alert: AlertChange) -> str:
    severity = alert.labels.get("severity", "")
    if alert.status == "resolved":
        return "RETRACTED" if alert.step.startswith("retracted") else "RESOLVED"
    return severity.upper() or "FIRING"


def _paragraph(alert: AlertChange) -> str:
    lines = [alert.annotations.get("description") or alert.annotations.get("summary", "")]
    if alert.annotations.get("reason"):
        lines.append(f"Reason: {alert.annotations['reason']}")
    lines.append(f"Since {for_people(alert.starts_at_us)}")
    if alert.ends_at_us is not None:
        lines.append(f"Until {for_people(alert.ends_at_us)}")
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name not in _HIDDEN_LABELS)
    lines.append(f"{alert.labels.get('alertname', '')} {labels}".strip())
    return "\n".join(line for line in lines if line)


def for_people(time_us: int) -> str:
    """Return a time as a person reads it, in UTC, to the second.

    >>> for_people(1_424_520_000_900_000)
    '2015-02-21 12:00:00 UTC'
    """
    return rfc3339(time_us)[:19].replace("T", " ") + " UTC"
