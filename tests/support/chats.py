"""Messages that chat channels have trouble with."""

import msgspec

from sinks.contract import Message
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.messages import message
from tests.support.worded import worded

HOSTILE = (
    "<!channel> & <@U1>: <https://evil.example|pay.example> [pay](https://evil.example/?a=1&b=2) *bold* _it_ `code` "
    "@here &lt;b&gt; \x1b[31m \ud83d \u202e ${{1+1}} \"'\\ 🚨\r\nBcc: x@y.z"
)
NOTE = "It may have reached you already by tier 1 (web)."


def several() -> Message:
    """Return a message about three alerts: one that has ended, one grave, one not."""
    first = message().notification
    alerts = (
        change(step="resolved", severity="critical", service="pay", at_us=START_US + MINUTE_US),
        change("SentimentDrop", severity="info", summary="People are unhappy", service="pay"),
        change("SocialSpike", severity="warning", summary="Many posts", service="pay"),
    )
    notification = msgspec.structs.replace(first, alerts=alerts, group_labels={"service": "pay"})
    return worded(notification)


def samples() -> dict[str, Message]:
    """Return a message for each golden file."""
    return {
        "firing": message(),
        "resolved": message(step="resolved"),
        "notes": message(notes=(NOTE, "Sent by tier 2.")),
        "hostile": message(summary=HOSTILE, notes=(NOTE,)),
        "several": several(),
        "long": message(summary="Ünïcode & <b> 🚨 https://example.com/a?b=1&c=2 " * 400, notes=(NOTE,)),
    }
