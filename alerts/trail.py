"""The audit log: who changed what, when and why, in a chain of hashes in Redis.

Each entry holds the hash of the one before it, so no entry can be changed, taken out or put in without every later hash
being wrong. Whoever can write to Redis could still make a whole new chain, or cut its end off: that is noticed by
whoever has noted an earlier end (:class:`alerts.trail_model.Head`), which is logged every day and printed by
``makegood audit head``.

An entry is added by one script, which does nothing when somebody else was faster: there are no gaps, and no forks.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, StoreError, store_errors
from alerts.store import AlertStore
from alerts.trail_model import Draft, Entry, Head, Kept, decode, linked

_TRIES = 200
_PAGE = 500
TRIMMED = "audit.trim"
"""The action of the entry that says that earlier ones were deleted for their age."""


class TrailBusyError(StoreError):
    """Others were writing all the time."""


class Trail:
    """The audit log of a store. May be used by several threads and processes.

    Args:
        store: of the alerts.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._scripts = Scripts(store.client, Path(__file__).parent)
        self._seen = ""

    def append(self, *drafts: Draft) -> list[Kept]:
        """Add entries, one after the other; return them with their hashes. All are added, or none.

        Raises:
            TrailBusyError: when it could not be done.
        """
        return self._append(drafts, None)

    def head(self) -> Head:
        """Return the end of the log."""
        with store_errors():
            text = self._client.get(self._keys.named("trail:head"))
        return _head(text)

    def floor(self) -> Head:
        """Return the last entry that was deleted for its age; number 0 where none was."""
        with store_errors():
            text = self._client.get(self._keys.named("trail:floor"))
        return _head(text)

    def get(self, seq: int) -> Kept | None:
        """Return an entry by its number; None where there is none."""
        with store_errors():
            rows = self._client.xrange(self._keys.named("trail"), f"{seq}-0", f"{seq}-0")
        return _kept(rows[0]) if rows else None

    def newest_first(self, before: int | None = None) -> Iterator[Kept]:
        """Yield entries from the newest on, or from the one before number ``before``; read as far as is asked for."""
        last = "+" if before is None else f"({max(before, 0)}-0"
        while before is None or before > 1:
            with store_errors():
                rows = self._client.xrevrange(self._keys.named("trail"), last, "-", count=_PAGE)
            for row in rows:
                yield _kept(row)
            if len(rows) < _PAGE:
                return
            last = f"({rows[-1][0]}"

    def texts(self, after: int = 0) -> Iterator[tuple[str, str, str]]:
        """Yield id in the stream, JSON text and hash as they are kept, oldest first, from number ``after`` + 1 on."""
        first = f"({after}-0" if after > 0 else "-"
        while True:
            with store_errors():
                rows = self._client.xrange(self._keys.named("trail"), first, "+", count=_PAGE)
            for number, fields in rows:
                yield number, fields.get("entry", ""), fields.get("hash", "")
            if len(rows) < _PAGE:
                return
            first = f"({rows[-1][0]}"

    def trim(self, *, older_than_us: int, now_us: int) -> int:
        """Delete the oldest entries, up to the first that is not older; return how many. An entry says so.

        The newest entry always stays.
        """
        last: tuple[str, Head] | None = None
        count = 0
        newest = self.head().seq
        for number, text, digest in self.texts():
            seq = int(number.partition("-")[0])
            if seq >= newest or decode(text).at_us >= older_than_us:
                break
            last, count = (text, Head(seq, digest)), count + 1
        if last is None:
            return 0
        floor = last[1]
        draft = Draft(
            at_us=now_us,
            who="makegood",
            via="system",
            action=TRIMMED,
            object=f"audit:1-{floor.seq}",
            after={"up_to": floor.seq, "hash": floor.hash},
            why="they are older than console.audit.keep",
            count=count,
        )
        self._append([draft], floor)
        return count

    def _append(self, drafts: Sequence[Draft], floor: Head | None) -> list[Kept]:
        if not drafts:
            return []
        for _ in range(_TRIES):
            made: list[tuple[str, Head]] = []
            head = _head(self._seen)
            for draft in drafts:
                text, head = linked(draft, head)
                made.append((text, head))
            arguments = [part for text, one in made for part in (one.seq, text, one.hash)]
            first = "" if floor is None else str(floor.seq + 1)
            told = "" if floor is None else str(floor)
            prefix = self._keys.prefix
            answer: Any = self._scripts.run("trail_append", prefix, self._seen, str(head), first, told, *arguments)
            done, self._seen = answer
            if done:
                return [Kept(decode(text), one.hash) for text, one in made]
        msg = "others were writing to the audit log all the time; try again"
        raise TrailBusyError(msg)


def _head(text: str | None) -> Head:
    if not text:
        return Head()
    try:
        return Head.read(text)
    except ValueError as error:
        msg = "the end of the audit log in the store cannot be read: somebody has written there"
        raise StoreError(msg) from error


def _kept(row: tuple[str, dict[str, str]]) -> Kept:
    number, fields = row
    try:
        return Kept(decode(fields.get("entry", "")), fields.get("hash", ""))
    except msgspec.DecodeError:
        unreadable = "(this entry cannot be read: run makegood audit verify)"
        entry = Entry(
            seq=int(number.partition("-")[0]), prev="", at_us=0, who="", via="system", action=unreadable, object=""
        )
        return Kept(entry, fields.get("hash", ""))
