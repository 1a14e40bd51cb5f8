"""What channels have proved lately, out of the store: read in a thread, kept for a few seconds for all who ask."""

from typing import Any

import anyio
import anyio.to_thread

from alerts.connection import StoreError, StoreUnavailableError, store_errors
from alerts.statuses import Statuses
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from dashboards.freshness_model import Proof
from sinks.canary import load_canaries

KEPT_US = 5 * US_PER_SECOND


class Proofs:
    """Keeps what was read last. Used on the event loop's thread.

    Args:
        store: of the alerts.
        channels: whose proofs are read, by name.
    """

    def __init__(self, store: AlertStore, channels: tuple[str, ...]) -> None:
        self._store = store
        self._channels = channels
        self._found: dict[str, Proof] | None = None
        self._at_us: int | None = None
        self._lock = anyio.Lock()

    async def now(self, now_us: int) -> dict[str, Proof] | None:
        """Return what is known by channel; None: it cannot be read."""
        if self._at_us is not None and 0 <= now_us - self._at_us < KEPT_US:
            return self._found
        async with self._lock:
            if self._at_us is None or not 0 <= now_us - self._at_us < KEPT_US:
                try:
                    self._found = await anyio.to_thread.run_sync(load_proofs, self._store, self._channels)
                except (StoreUnavailableError, StoreError):
                    self._found = None  # "could not be read" is what screens then say
                self._at_us = now_us
        return self._found


def load_proofs(store: AlertStore, channels: tuple[str, ...]) -> dict[str, Proof]:
    """Read what is known of channels.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    canaries = load_canaries(store)
    notifiers = [one.report.get("worked_us", {}) for one in Statuses(store).all(0) if one.kind == "notifier"]
    with store_errors():
        failing = client.hgetall(store.keys.named("failing"))
        pipeline = client.pipeline(transaction=False)
        for name in channels:
            pipeline.hgetall(store.keys.named(f"breaker:{name}"))
        breakers = dict(zip(channels, pipeline.execute() if channels else (), strict=True))
    found = {}
    for name in channels:
        last = canaries.get(name)
        found[name] = Proof(
            failing_since_us=None if name not in failing else int(failing[name]),
            tried_us=None if last is None else last.at_us,
            works=last is not None and last.works,
            says="" if last is None else last.detail or last.reason,
            breaker_open="opened" in breakers[name],
            worked_us=max((worked[name] for worked in notifiers if name in worked), default=None),
        )
    return found
