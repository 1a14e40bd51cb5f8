"""Answers to writes that were asked for with a key, so that the same request sent again changes nothing."""

from hashlib import sha256
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore

KEPT_MS = 86_400_000
_RUNNING_MS = 60_000
_json = msgspec.json.Encoder(order="deterministic")


class Answered(msgspec.Struct, frozen=True):
    """What was answered.

    Attributes:
        request: digest of what was asked.
        status: 0 while it is being done. body: as it was sent.
    """

    request: str
    status: int = 0
    body: str = ""


_to_answered = msgspec.json.Decoder(Answered)


class Once:
    """Keeps answers for a day. Raises :class:`alerts.connection.StoreUnavailableError` while Redis is away."""

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys = store.keys

    def begin(self, who: str, key: str, request: bytes) -> Answered | None:
        """Note that a request is being done; return what is known of one with the same key, if there was any.

        Args:
            who: a key is one caller's own.
            key: of the request.
            request: what is asked, for telling two that were given the same key by mistake.
        """
        asked = Answered(sha256(request).hexdigest())
        name = self._name(who, key)
        with store_errors():
            if self._client.set(name, _json.encode(asked).decode(), nx=True, px=_RUNNING_MS):
                return None
            found = self._client.get(name)
        return None if found is None else _to_answered.decode(found)

    def finish(self, who: str, key: str, request: bytes, status: int, body: str) -> None:
        """Keep what was answered."""
        answered = Answered(sha256(request).hexdigest(), status, body)
        with store_errors():
            self._client.set(self._name(who, key), _json.encode(answered).decode(), px=KEPT_MS)

    def drop(self, who: str, key: str) -> None:
        """Forget a request that changed nothing: it may be sent again."""
        with store_errors():
            self._client.delete(self._name(who, key))

    def _name(self, who: str, key: str) -> str:
        return self._keys.named(f"once:{sha256(f'{who}|{key}'.encode()).hexdigest()[:32]}")
