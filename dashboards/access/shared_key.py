"""A key that all processes of the console have in common: a form that one has shown can be sent to another."""

import hashlib
import hmac
import secrets
from typing import Any

from anyio import to_thread

from alerts.connection import store_errors
from alerts.store import AlertStore


class SharedKey:
    """Made by the first process that needs it, and kept in Redis.

    It lets nobody in: it only tells forms of ours from others.

    Args:
        store: of the alerts.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._name = store.keys.named("access:key")
        self._key = b""

    async def ready(self) -> None:
        """Read the key, where that was not done yet.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        if not self._key:
            self._key = await to_thread.run_sync(self._read)

    def mark(self, text: str) -> str:
        """Return what nobody can make of a text without the key; nothing where it was not read yet."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest() if self._key else ""

    def _read(self) -> bytes:
        with store_errors():
            self._client.set(self._name, secrets.token_hex(32), nx=True)
            return str(self._client.get(self._name)).encode()
