"""Messages for tests of channels."""

from sinks.contract import Message, Notification
from tests.support.alerts import START_US, change
from tests.support.worded import worded


def message(*, notes: tuple[str, ...] = (), summary: str = "Checkout is slow", step: str = "firing") -> Message:
    """Return a message about one alert."""
    alert = change(summary=summary, step=step, severity="critical", service="pay", at_us=START_US + 1)
    notification = Notification(
        key="mg-0123456789abcdef0123456789abcdef",
        receiver="ops",
        alerts=(alert,),
        group_labels=dict(alert.labels),
        accepted_us=START_US,
    )
    return worded(notification, notes)
