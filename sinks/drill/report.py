"""What a drill showed, as it is printed and kept."""

from typing import Any, Literal

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore

TierOutcome = Literal["delivered", "accepted", "partly", "failed", "not_tried", "would_deliver"]


class TierResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one tier did.

    Attributes:
        number: from 1.
        broken: whether it was broken on purpose: it is what the drill breaks, or it shares a point of failure with it.
        shares: the points of failure that it shares with what the drill breaks.
        outcome: ``accepted``: by a provider that reports no delivery. ``would_deliver``: its check found nothing wrong.
        reason, detail: of a failure.
        at_us: when that was known, since the notification began.
    """

    number: int
    channel: str
    broken: bool
    shares: tuple[str, ...] = ()
    outcome: TierOutcome = "not_tried"
    reason: str = ""
    detail: str = ""
    tries: int = 0
    at_us: int = 0


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one notification.

    Attributes:
        fault: how the channels in ``broken`` failed.
        tier: which delivered; 0: none. after_us: how long after the notification began.
        left_open: the incident that the test opened could not be closed again; close it by hand.
    """

    fault: str
    broken: tuple[str, ...]
    tiers: tuple[TierResult, ...]
    tier: int
    after_us: int
    left_open: bool = False


class ReceiverResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill showed about one receiver.

    Attributes:
        at_us: when it began.
        dry: nothing was sent: the tiers were only asked whether they would work.
        reached: somebody was told in every case.
        remarks: what should be known, in words: a failover that shares the primary's point of failure.
    """

    receiver: str
    at_us: int
    dry: bool
    reached: bool
    cases: tuple[CaseResult, ...]
    remarks: tuple[str, ...] = ()


def load_drills(store: AlertStore) -> dict[str, ReceiverResult]:
    """Return the last result of each receiver that was drilled, by name.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        found = client.hgetall(store.keys.named("drill:last"))
    return {name: msgspec.json.decode(text, type=ReceiverResult) for name, text in found.items()}


def save_drill(store: AlertStore, result: ReceiverResult) -> None:
    """Keep a result, in place of the receiver's one before.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        client.hset(store.keys.named("drill:last"), result.receiver, msgspec.json.encode(result))
