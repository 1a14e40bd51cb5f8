"""Messages for tests of channels."""

from sinks.contract import ChannelSettings, Message, Notification
from sinks.render import render
from tests.support.alerts import START_US, change


def message(*, notes: tuple[str, ...] = (), summary: str = "Checkout is slow", step: str = "firing") -> Message:
    """Return a message with the standard words."""
    alert = change(summary=summary, step=step, severity="critical", service="pay", at_us=START_US + 1)
    notification = Notification(
        key="mg-0123456789abcdef0123456789abcdef",
        receiver="ops",
        alerts=(alert,),
        group_labels=dict(alert.labels),
        accepted_us=START_US,
    )
    return render(notification, ChannelSettings(type="test"), notes)
