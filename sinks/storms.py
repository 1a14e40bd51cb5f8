"""Storms: when more waits for a receiver than anybody reads, it becomes a digest. Nothing is dropped: it is counted."""

import secrets
from collections.abc import Mapping

from alerts.model import Draft
from config.delivery import ReceiverSettings
from sinks.contract import ChannelSettings
from sinks.metrics import NotifierMetrics
from sinks.outbox import Outbox

DIGEST_ABOVE = 50
"""Notifications that wait, from which there is a digest where the settings say nothing."""
_AT_ONCE = 200


class Storms:
    """Makes digests for the receivers of a settings file.

    Args:
        outbox: what waits.
        receivers, channels: of the settings. A receiver with a channel that keeps incidents of its own
            (``keeps_state``) gets digests only where its settings say so: one that is never resolved stays open.
        metrics: counts what went into digests.
    """

    def __init__(
        self,
        outbox: Outbox,
        receivers: Mapping[str, ReceiverSettings],
        channels: Mapping[str, ChannelSettings],
        metrics: NotifierMetrics,
    ) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._above: dict[str, int] = {}
        for name, receiver in receivers.items():
            stateful = any(channels[tier.channel].keeps_state for tier in receiver.tiers)
            above = receiver.digest_above
            if above is None and not stateful:
                self._above[name] = DIGEST_ABOVE
            elif isinstance(above, int):
                self._above[name] = above

    def turn(self) -> int:
        """Make digests where too much waits; return how many notifications went into them.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        taken = 0
        waiting = self._outbox.waiting(list(self._above))
        for name, count in waiting.items():
            left = count
            while left > self._above[name]:
                went = self._outbox.digest(name, _draft(), _AT_ONCE)
                if went == 0:
                    break
                self._metrics.digested.labels(name).inc(went)
                taken += went
                left -= went
        return taken


def _draft() -> tuple[str, Draft]:
    key = f"mg-{secrets.token_hex(16)}"
    return key, Draft(kind="digest", alerts=(), group_labels={}, group="", thread=key)
