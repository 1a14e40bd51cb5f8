"""How far a notification has come. Kept in the store between tries, so that any notifier can go on with it."""

import msgspec

from alerts.model import Try


class Progress(msgspec.Struct, kw_only=True):
    """State of one notification's delivery.

    Attributes:
        round: how often every tier has failed.
        tier: index of the tier that is next.
        tier_started_us: when its first try began; None before it.
        tries: made in this tier.
        causes: why higher tiers failed, in this round, in words.
        ambiguous: which tier may have delivered it without our knowing, in words; empty when none.
        plain: whether the standard words went out because a template did not render.
    """

    round: int = 0
    tier: int = 0
    tier_started_us: int | None = None
    tries: int = 0
    causes: list[str] = []
    ambiguous: str = ""
    plain: bool = False

    def go_down(self, cause: str) -> None:
        """Leave this tier for the next."""
        self.causes = [*self.causes, cause]
        self.tier += 1
        self.tier_started_us = None
        self.tries = 0

    def start_over(self) -> None:
        """Begin with the first tier again, after all have failed."""
        self.round += 1
        self.tier = 0
        self.tier_started_us = None
        self.tries = 0
        self.causes = []


def reached(tries: list[Try], channel: str) -> set[str]:
    """Return the recipients that a channel has reached already (with what it was to say: not by plain words)."""
    return {name for one in tries if one.channel == channel and not one.plain for name in one.reached}
