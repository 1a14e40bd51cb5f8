"""Dedup: what need not be told (any more), read from the record before anything is sent."""

from sinks.outbox import Claim


def already_told(claim: Claim) -> str | None:
    """Return how the notification was delivered, when the record says that it was; None otherwise.

    It was when a notifier died after it had recorded the try, and before it had ended the notification.
    """
    for one in claim.tries:
        if one.outcome in {"delivered", "accepted"} and not one.plain and set(one.reached) == set(one.recipients):
            return f"by tier {one.tier} ({one.channel})"
    return None
