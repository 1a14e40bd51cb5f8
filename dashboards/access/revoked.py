"""Tokens that were taken back before they ran out: noticed by every process within seconds."""

from typing import Any

from anyio import to_thread

from alerts.connection import StoreUnavailableError, store_errors
from alerts.store import AlertStore

_LOOK_EVERY_US = 5_000_000


class Revoked:
    """The hashes of tokens that are taken no more, in Redis.

    Args:
        store: of the alerts.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._name = store.keys.named("access:revoked")
        self._known: frozenset[str] = frozenset()
        self._seen_us: int | None = None

    async def has(self, digest: bytes, now_us: int) -> bool:
        """Return whether a token was revoked. Redis is asked once in five seconds.

        While Redis is away, nobody can revoke one: what was known last holds.

        Raises:
            StoreUnavailableError: it was never known.
        """
        if self._seen_us is None or not 0 <= now_us - self._seen_us < _LOOK_EVERY_US:
            try:
                self._known = await to_thread.run_sync(self.all)
            except StoreUnavailableError:
                if self._seen_us is None:
                    raise
            else:
                self._seen_us = now_us
        return digest.hex() in self._known

    def all(self) -> frozenset[str]:
        """Return the hashes of all of them, in hexadecimal digits."""
        with store_errors():
            return frozenset(self._client.smembers(self._name))

    def add(self, digest: bytes) -> bool:
        """Revoke a token; return whether it was not revoked before."""
        self._seen_us = None
        with store_errors():
            return bool(self._client.sadd(self._name, digest.hex()))
