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
        self._taken = ""

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
        scores = [score for name in _WAKES for _, score in self._first(self.named(name))]
        return int(min(scores)) * 1000 if scores else None

    def said(self) -> list[Said]:
        """Return what was put into the outbox since this was asked last, in its order."""
        found = []
        for key in self._client.zrange(self.named("pending"), 0, -1):
            if key.startswith(("change-", "news-")):
                continue
            note = self._client.hgetall(self.store.keys.note(key))
            if note["order"] > self._taken:
                draft = _to_draft.decode(note["body"])
                found.append(Said(note["order"], key, note["receiver"], note["line"], draft))
        found.sort()
        self._taken = found[-1].order if found else self._taken
        return found

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

    def _first(self, name: str) -> list[tuple[str, float]]:
        found: list[tuple[str, float]] = self._client.zrange(name, 0, 0, withscores=True)
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
