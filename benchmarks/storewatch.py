"""Watches the store from outside: when which change of an alert could first be seen in it."""

import threading
import time
from typing import Any

import msgspec

from alerts.store import AlertStore
from detectors.contract import AlertChange

LOOK_EVERY_S = 0.004
_OVERLAP_MS = 50
_CHANGE = "change-"


class SeenChange(msgspec.Struct, frozen=True):
    """A change, when it was first seen, and when the store took it by its own clock (whole milliseconds)."""

    change: AlertChange
    seen_us: int
    accepted_us: int


class StoreWatch:
    """Looks for new changes every few milliseconds, among those that are to be routed: no notifier must run."""

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._seen: dict[str, tuple[int, int]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> list[SeenChange]:
        """Return everything that was seen, in order."""
        self._done.set()
        self._thread.join()
        names = list(self._seen)
        found: list[SeenChange] = []
        decode = msgspec.json.Decoder(AlertChange).decode
        for start in range(0, len(names), 1_000):
            pipeline = self._client.pipeline(transaction=False)
            for name in names[start : start + 1_000]:
                pipeline.hget(self._keys.named("unrouted"), name.removeprefix(_CHANGE))
            for name, accepted in zip(names[start : start + 1_000], pipeline.execute(), strict=True):
                found.append(SeenChange(decode(accepted.partition("|")[2]), *self._seen[name]))
        return found

    def count(self) -> int:
        """Return how many changes were seen so far."""
        return len(self._seen)

    def _watch(self) -> None:
        pending, last_ms = self._keys.named("pending"), 0.0
        while not self._done.wait(LOOK_EVERY_S):
            rows = self._client.zrangebyscore(pending, last_ms - _OVERLAP_MS, "+inf", withscores=True)
            now_us = time.time_ns() // 1000
            for name, accepted_ms in rows:
                if name not in self._seen and name.startswith(_CHANGE):
                    self._seen[name] = (now_us, int(accepted_ms) * 1000)
            if rows:
                last_ms = rows[-1][1]
