"""The log that screens follow: of which alert, answer or silence something has changed, in the order of the store.

The scripts that change these write it in the same step. It says *that* something changed; what holds now is read from
the alert itself, so entries may be read late, together or twice.
"""

import re
from typing import Any, Literal, NamedTuple, cast

from alerts.connection import store_errors
from alerts.store import AlertStore

Kind = Literal["alert", "answer", "silence"]
_SEQ = re.compile(r"(\d{1,16})-(\d{1,10})")


class Seq(NamedTuple):
    """A place in the log: Redis' clock in milliseconds, and a number within it. Later places are larger."""

    ms: int
    number: int = 0

    def __str__(self) -> str:
        """Return it as Redis writes it."""
        return f"{self.ms}-{self.number}"


START = Seq(0)


def seq_of(text: str) -> Seq:
    """Return the place that a text like ``1790000000000-3`` names.

    Raises:
        ValueError: when it names none.
    """
    found = _SEQ.fullmatch(text)
    if found is None:
        msg = f"{text!r} is no place in the log: it is written like 1790000000000-3"
        raise ValueError(msg)
    return Seq(int(found[1]), int(found[2]))


class Entry(NamedTuple):
    """Something has changed.

    Attributes:
        about: fingerprint of the alert, or id of the silence.
    """

    seq: Seq
    kind: Kind
    about: str


class ChangeLog:
    """Reads the log of a store. Raises :class:`alerts.connection.StoreUnavailableError` while Redis is away."""

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._name = store.keys.named("log")

    def last(self) -> Seq:
        """Return the place of the newest entry; :data:`START`: there is none."""
        with store_errors():
            found = self._client.xrevrange(self._name, count=1)
        return seq_of(found[0][0]) if found else START

    def first(self) -> Seq:
        """Return the place of the oldest entry that is still there. Who has read less far must read everything anew."""
        with store_errors():
            found = self._client.xrange(self._name, count=1)
        return seq_of(found[0][0]) if found else START

    def read(self, after: Seq, *, at_most: int = 1000, block_ms: int | None = None) -> list[Entry]:
        """Return the entries after a place, oldest first.

        Args:
            after: the place.
            at_most: how many.
            block_ms: wait so long for the first; None: do not wait. Less than the timeout of the connection.
        """
        with store_errors():
            answer = self._client.xread({self._name: str(after)}, count=at_most, block=block_ms)
        entries = answer[0][1] if answer else ()
        return [
            Entry(seq_of(place), cast("Kind", kind), about)
            for place, fields in entries
            for kind, about in fields.items()
        ]
