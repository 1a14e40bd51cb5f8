"""Words for tests of channels: always the same, whatever the renderer says today."""

from alerts.model import rfc3339
from detectors.contract import AlertChange
from sinks.contract import Message, Notification


def worded(notification: Notification, notes: tuple[str, ...] = ()) -> Message:
    """Return the message: severity and summary of the first alert; a paragraph for each; the notes."""
    first = notification.alerts[0]
    state = "RESOLVED" if first.status == "resolved" else first.labels.get("severity", "").upper()
    more = f" (and {len(notification.alerts) - 1} more)" if len(notification.alerts) > 1 else ""
    text = "\n\n".join(_paragraph(alert) for alert in notification.alerts)
    return Message(
        notification=notification,
        title=" ".join(f"[{state}] {first.annotations['summary']}{more}".split()),
        text="\n".join([text, "", *notes]) if notes else text,
        body=text,
        notes=notes,
    )


def _paragraph(alert: AlertChange) -> str:
    times = {"Since": alert.starts_at_us, "Until": alert.ends_at_us}
    told = [f"{name} {rfc3339(at)[:19].replace('T', ' ')} UTC" for name, at in times.items() if at is not None]
    hidden = {"alertname", "severity"}
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name not in hidden)
    return "\n".join([alert.annotations["description"], *told, f"{alert.labels['alertname']} {labels}"])
