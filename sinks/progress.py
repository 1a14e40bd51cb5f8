"""How far a notification has come. Kept in the store between tries, so that any notifier can go on with it."""

import msgspec


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State of one notification's delivery.

    Attributes:
        round: how often every tier has failed.
        tier: index of the tier that is next.
        tier_started_us: when its first try began; None before it.
        tries: made in this tier.
        causes: why higher tiers failed, in this round, in words.
        ambiguous: which tier may have delivered it without our knowing, in words; empty when none.
        plain: whether the standard words went out because a template did not render.
        awaiting: recipients for whom this tier's message was accepted, and no receipt has come, with what the far side
            calls it.
        awaiting_since_us: when the last of them was accepted. asked: how often the far side was asked since.
        not_before_us: when the next try may be made; what wakes the notification earlier is a receipt.
    """

    round: int = 0
    tier: int = 0
    tier_started_us: int | None = None
    tries: int = 0
    causes: list[str] = []
    ambiguous: str = ""
    plain: bool = False
    awaiting: dict[str, str] = {}
    awaiting_since_us: int | None = None
    asked: int = 0
    not_before_us: int | None = None

    def go_down(self, cause: str) -> None:
        """Leave this tier for the next."""
        self.causes = [*self.causes, cause]
        self.tier += 1
        self._begin()

    def start_over(self) -> None:
        """Begin with the first tier again, after all have failed."""
        self.round += 1
        self.tier = 0
        self.causes = []
        self._begin()

    def _begin(self) -> None:
        self.tier_started_us = None
        self.tries = 0
        self.awaiting = {}
        self.awaiting_since_us = None
        self.asked = 0
        self.not_before_us = None
