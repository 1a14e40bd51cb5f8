"""Alerts that have resolved lately, out of the store. Blocks: ask in a thread."""

from typing import Any, NamedTuple

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore
from detectors.contract import AlertChange

_to_change = msgspec.json.Decoder(AlertChange)


class Resolved(NamedTuple):
    """One of them.

    Attributes:
        at_us: when the store heard of it, by its own clock.
    """

    change: AlertChange
    at_us: int


def resolved_since(store: AlertStore, since_us: int, most: int) -> tuple[int, list[Resolved]]:
    """Return how many have resolved since a time, and the newest of them.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    name = store.keys.named("alerts:resolved")
    with store_errors():
        count = client.zcount(name, since_us // 1000, "+inf")
        newest = client.zrevrangebyscore(name, "+inf", since_us // 1000, start=0, num=most, withscores=True)
        pipeline = client.pipeline(transaction=False)
        for fingerprint, _ in newest:
            pipeline.hget(store.keys.alert(fingerprint), "current")
        texts = pipeline.execute() if newest else []
    found = []
    for (_, score), text in zip(newest, texts, strict=True):
        if text is not None:
            found.append(Resolved(_to_change.decode(text), int(score) * 1000))
    return int(count), found
