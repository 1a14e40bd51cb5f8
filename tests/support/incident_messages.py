"""Messages that golden files show: what each channel over an incident service makes of them."""

from detectors.contract import AlertChange, alert_change
from sinks.contract import Message, Notification
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.worded import worded

THREAD = "mg-thread-0123456789abcdef"
HOSTILE = '"},{"x":[red]\u202eÜ🚨<b>&amp;</b>\r\nBcc: x@y.z\x00\x1b[31m{{ labels.x }} ${env} %s \\'
LONG = "What happened, at great length. " * 520


def told(*alerts: AlertChange, notes: tuple[str, ...] = (), thread: str = THREAD) -> Message:
    """Return the message about these changes."""
    notification = Notification(
        key="mg-0123456789abcdef0123456789abcdef",
        receiver="ops",
        alerts=alerts,
        group_labels={"service": "pay"},
        accepted_us=START_US + 30 * MINUTE_US,
        thread=thread,
    )
    return worded(notification, notes)


def firing() -> AlertChange:
    """Return a change that fires."""
    return change(
        summary="Checkout is slow", at_us=START_US + MINUTE_US, severity="critical", service="pay", region="north"
    )


def hostile() -> AlertChange:
    """Return a change with hostile text wherever text can be."""
    return alert_change(
        step="firing",
        at_us=START_US + MINUTE_US,
        status="firing",
        labels={"alertname": "SlaBreach", "detector": "test", "severity": HOSTILE, "service": HOSTILE, "a-b.c": "1"},
        annotations={
            "summary": HOSTILE,
            "description": HOSTILE + "\ud800",
            "runbook_url": "https://runbooks.example.com/pay",
            "evil_url": "javascript:alert(1)",
        },
        starts_at_us=START_US,
    )


def _resolved() -> AlertChange:
    at_us = START_US + 20 * MINUTE_US
    return change(
        summary="Checkout is slow", step="resolved", at_us=at_us, severity="critical", service="pay", region="north"
    )


def _long() -> AlertChange:
    return change(summary=LONG, at_us=START_US + MINUTE_US, severity="warning", service="pay" * 200)


GOLDEN_MESSAGES: dict[str, Message] = {
    "firing": told(firing()),
    "resolved": told(_resolved()),
    "long": told(_long(), notes=("It may have reached you already by tier 1 (web).",)),
    "hostile": told(hostile()),
    "several": told(
        _resolved(),
        change("Other", summary="Refunds are up", severity="warning", service="refund", at_us=START_US + 3 * MINUTE_US),
        change("Third", summary="Posts are up", severity="info", service="social", at_us=START_US + 2 * MINUTE_US),
        notes=("Sent by tier 2 (this) because tier 1 (web) failed: timeout: no answer within 10 s.",),
    ),
}
