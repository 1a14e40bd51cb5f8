"""How many requests are taken, and how many wrong passwords.

Requests are counted in this process, by token buckets: with several processes of the console, each takes as many. Wrong
passwords are counted in Redis, so that all processes count together, and a restart forgets none.
"""

import hashlib
import math
from collections import OrderedDict
from typing import Any

from alerts.connection import store_errors
from alerts.store import AlertStore
from config.console import LoginSettings, RateSettings

_MOST_KEPT = 20_000
_ADDRESS_FACTOR = 10


class Buckets:
    """Token buckets, by whoever sends.

    Args:
        settings: how many requests.
    """

    def __init__(self, settings: RateSettings) -> None:
        self._per_us = settings.per_second / 1_000_000
        self._burst = float(settings.burst)
        self._kept: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, now_us: int, count: float = 1.0) -> int:
        """Take a request; return 0, or for how many seconds to wait when it is one too many."""
        left, at_us = self._kept.pop(key, (self._burst, now_us))
        left = min(self._burst, left + max(0, now_us - at_us) * self._per_us)
        enough = left >= count
        self._kept[key] = (left - count if enough else left, now_us)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return 0 if enough else max(1, math.ceil((count - left) / self._per_us / 1_000_000))


class Guesses:
    """Wrong passwords, in Redis; its calls block.

    A try is counted before the password is checked, so that a thousand at once are a thousand; one that was right is
    taken back. Names that there are and names that there are not are counted alike.

    Args:
        store: of the alerts.
        settings: after how many to lock out, and how long.
    """

    def __init__(self, store: AlertStore, settings: LoginSettings) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._settings = settings

    def begin(self, name: str, address: str) -> int:
        """Count a try; return 0, or for how many seconds both are locked out.

        Raises:
            StoreUnavailableError: nobody can log in while Redis is away.
        """
        both, alone = self._names(name, address)
        lasts_ms = self._settings.locked_for // 1000
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            for key in (both, alone):
                pipeline.set(key, 0, px=lasts_ms, nx=True)
                pipeline.incr(key)
                pipeline.pttl(key)
            _, tries, left, _, of_address, left_alone = pipeline.execute()
        if tries > self._settings.tries:
            return max(1, math.ceil(int(left) / 1000))
        if of_address > self._settings.tries * _ADDRESS_FACTOR:
            return max(1, math.ceil(int(left_alone) / 1000))
        return 0

    def right(self, name: str, address: str) -> None:
        """Forget the tries of a name and an address: the password was right."""
        both, alone = self._names(name, address)
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.delete(both)
            pipeline.decr(alone)
            pipeline.pexpire(alone, self._settings.locked_for // 1000)
            pipeline.execute()

    def _names(self, name: str, address: str) -> tuple[str, str]:
        both = hashlib.sha256(f"{name}\0{address}".encode()).hexdigest()[:32]
        alone = hashlib.sha256(f"\0{address}".encode()).hexdigest()[:32]
        return self._keys.named(f"login:tries:{both}"), self._keys.named(f"login:tries:{alone}")
