"""The one signature of the stages within a tier, and what they answer."""

from collections.abc import Callable
from typing import Literal

import msgspec

from config.delivery import TierSettings
from sinks.contract import Channel, ChannelSettings, Failure, Notification, Receipt
from sinks.outbox import Claim

Clock = Callable[[], int]
"""Answers microseconds since 1970 UTC."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try, as it passes through the stages.

    Attributes:
        tier_number: from 1.
        tier_started_us: when the tier's first try began. tries: made in this tier before this one.
        recipients: whom the channel has not reached yet.
        notes: what the text says about the way so far.
        timeout_us: how long the try may take.
    """

    claim: Claim
    notification: Notification
    channel: Channel
    settings: ChannelSettings
    tier: TierSettings
    tier_number: int
    tier_started_us: int
    tries: int
    recipients: tuple[str, ...]
    notes: tuple[str, ...]
    timeout_us: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a try.

    Attributes:
        kind: ``done``: everybody was reached. ``later``: the tier goes on after ``delay_us``. ``failed``: down a tier.
        failure: of ``failed``, and of a ``later`` that follows a failure.
        receipts: of the recipients that were tried; empty when nothing was sent.
        plain: the template did not render, and the standard words were sent.
    """

    kind: Literal["done", "later", "failed"]
    failure: Failure | None = None
    receipts: tuple[Receipt, ...] = ()
    delay_us: int = 0
    plain: bool = False


Stage = Callable[[Attempt], Outcome]
"""Stages wrap each other; each answers itself, or asks the next."""


def target_of(tier_number: int, channel: str) -> str:
    """Return what people and records call a tier: ``tier 1 (sms)``."""
    return f"tier {tier_number} ({channel})"


def failed(failure: Failure) -> Outcome:
    """Return the outcome of a try that ended before anything was sent."""
    return Outcome(kind="failed", failure=failure)
