"""What candidates in the shadow decided, and which controls detectors go by, in Redis: bounded, and each only once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.keys import Keys
from alerts.store import AlertStore
from detectors.contract import ControlTaken, ShadowDecision

MOST_DECISIONS = 10_000
"""Of one version; the oldest go first."""
_encoder = msgspec.json.Encoder(order="deterministic")
_to_decision = msgspec.json.Decoder(ShadowDecision)
_to_taken = msgspec.json.Decoder(ControlTaken)


class ShadowLog:
    """Reads and writes. The same written again, by a flow that was killed, has no effect.

    Args:
        store: of the alerts.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys: Keys = store.keys

    def write(self, notes: Sequence[ShadowDecision | ControlTaken]) -> None:
        """Write decisions and controls taken.

        Raises:
            StoreUnavailableError: some may have been written; give all of them again.
        """
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for note in notes:
                plain = _encoder.encode(note).decode()
                if isinstance(note, ControlTaken):
                    pipeline.hset(self._keys.named("control:taken"), _name(note.log, note.number), plain)
                else:
                    key = self._keys.shadow(note.detector, note.version)
                    pipeline.zadd(key, {plain: note.end_us})
                    pipeline.zremrangebyrank(key, 0, -MOST_DECISIONS - 1)
            pipeline.execute()

    def decisions(self, detector: str, version: int) -> list[ShadowDecision]:
        """Return what a version decided, by the end of the window and the group."""
        with store_errors():
            lines = self._client.zrange(self._keys.shadow(detector, version), 0, -1)
        found = map(_to_decision.decode, lines)
        return sorted(found, key=lambda one: (one.end_us, sorted(one.group.items())))

    def taken(self) -> dict[tuple[str, int], ControlTaken]:
        """Return, by log and number, since when detectors go by a control."""
        with store_errors():
            lines = self._client.hvals(self._keys.named("control:taken"))
        return {(one.log, one.number): one for one in map(_to_taken.decode, lines)}


def _name(log: str, number: int) -> str:
    return f"{log}:{number}"
