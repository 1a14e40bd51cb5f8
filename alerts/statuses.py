"""What processes say of themselves, in the store, for screens: what was said lately is trusted, and nothing else."""

from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore

FORGET_AFTER_US = 7 * 86_400_000_000
_json = msgspec.json.Encoder(order="deterministic")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What a process said last.

    Attributes:
        kind: ``flow``, ``notifier``, ``ingest``, ``console``, ``wall``.
        name: which of them: a share like ``0/2``, a host and number.
        at_us: when, by its clock, microseconds UTC.
        every_us: how often it means to say so.
        well: whether it says that all is well.
        report: the evidence, as plain data.
    """

    kind: str
    name: str
    at_us: int
    every_us: int
    well: bool
    report: dict[str, Any]


_to_status = msgspec.json.Decoder(Status)


class Statuses:
    """Says and reads. Raises :class:`alerts.connection.StoreUnavailableError` while Redis is away."""

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._name = store.keys.named("statuses")

    def say(self, status: Status) -> None:
        """Keep what a process says, in place of what it said before."""
        with store_errors():
            self._client.hset(self._name, f"{status.kind}:{status.name}", _json.encode(status).decode())

    def forget(self, kind: str, name: str) -> None:
        """Keep nothing of what a process said."""
        with store_errors():
            self._client.hdel(self._name, f"{kind}:{name}")

    def all(self, now_us: int) -> list[Status]:
        """Return what was said last by each, sorted; of who has said nothing for a week nothing is kept."""
        with store_errors():
            found = {field: _to_status.decode(text) for field, text in self._client.hgetall(self._name).items()}
            old = [field for field, status in found.items() if status.at_us < now_us - FORGET_AFTER_US]
            if old:
                self._client.hdel(self._name, *old)
        return [status for field, status in sorted(found.items()) if field not in old]
