"""Dedup: what need not be told (any more), read from the record before anything is sent."""

from config.delivery import ReceiverSettings
from sinks.outbox import Claim


def already_told(claim: Claim) -> str | None:
    """Return how the notification was delivered, when the record says that it was; None otherwise.

    It was when a notifier died after it had recorded the try, and before it had ended the notification.
    """
    for one in claim.tries:
        if one.outcome in {"delivered", "accepted"} and not one.plain:
            return f"by tier {one.tier} ({one.channel})"
    return None


def unwanted(claim: Claim, receiver: ReceiverSettings) -> str | None:
    """Return why the receiver does not want the notification; None when it does."""
    if claim.change.status == "resolved" and not receiver.send_resolved:
        return "the receiver wants no resolved alerts"
    return None
