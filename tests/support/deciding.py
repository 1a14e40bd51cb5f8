"""A store and what decides over it, on a clock that tests move: what comes in, what is said, what became of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from alerts.dispatch import Dispatcher
from alerts.model import Account, Draft
from alerts.store import AlertStore
from detectors.contract import AlertChange
from tests.support.dispatch import LEASE_US

_to_draft = msgspec.json.Decoder(Draft)
_WAKES = ("groups:due", "groups:leased", "silences:edges", "acked:until")


class Said(NamedTuple):
    """A notification, as it was put into the outbox."""

    order: str
    key: str
    receiver: str
    line: str
    draft: Draft

    @property
    def content(self) -> dict[str, str]:
        """What each alert is said to be, by fingerprint."""
        return {change.fingerprint: change.status for change in self.draft.alerts}


class World:
    """What a test needs of the store.

    Args:
        store: of the test.
        clock: that all dispatchers go by.
    """

    def __init__(self, store: AlertStore, clock: Callable[[], int]) -> None:
        self.store = store
        self.clock = clock
        self._client: Any = store.client

    def named(self, name: str) -> str:
        return self.store.keys.named(name)

    def apply(self, changes: Sequence[AlertChange]) -> None:
        """Apply changes, as if Redis went by the clock of the test."""
        self.store.apply(changes)
        now_ms = self.clock() // 1000
        for change in changes:
            text = self._client.hget(self.named("unrouted"), change.change_id)
            if text is not None:
                rest = text.partition("|")[2]
                self._client.hset(self.named("unrouted"), change.change_id, f"{now_ms}|{rest}")
                self._client.zadd(self.named("pending"), {f"change-{change.change_id}": now_ms})

    def next_us(self) -> int | None:
        """Return when somebody has something to do next; None: never, until something comes."""
        pipeline = self._client.pipeline(transaction=False)
        for name in _WAKES:
            pipeline.zrange(self.named(name), 0, 0, withscores=True)
        scores = [score for first in pipeline.execute() for _, score in first]
        return int(min(scores)) * 1000 if scores else None

    def said(self) -> list[Said]:
        """Return what was put into the outbox since this was asked last, in its order; nothing is pending then."""
        pending = self._client.zrange(self.named("pending"), 0, -1)
        keys = [key for key in pending if not key.startswith(("change-", "news-"))]
        if not keys:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(self.store.keys.note(key), "order", "receiver", "line", "body")
        pipeline.zrem(self.named("pending"), *keys)
        found = [
            Said(order, key, receiver, line, _to_draft.decode(body))
            for key, (order, receiver, line, body) in zip(keys, pipeline.execute()[:-1], strict=True)
        ]
        return sorted(found)

    def accounts(self, fingerprint: str) -> list[Account]:
        """Return what became of the changes of an alert, in order."""
        detail = self.store.get(fingerprint)
        assert detail is not None
        return detail.accounts

    def unsettled(self) -> list[str]:
        """Return changes that are in no group yet, or of which a group has not decided."""
        keys: Iterable[str] = self._client.zrange(self.named("pending"), 0, -1)
        return [key for key in keys if key.startswith(("change-", "news-"))]

    def groups(self) -> set[str]:
        found: set[str] = self._client.smembers(self.named("groups"))
        return found


def work(dispatcher: Dispatcher, turns: int = 200) -> int:
    """Let a dispatcher work until nothing is due; return how much there was."""
    done = 0
    for _ in range(turns):
        here = dispatcher.turn(100, LEASE_US)
        if not here:
            return done
        done += here
    msg = f"still busy after {turns} turns"
    raise AssertionError(msg)
