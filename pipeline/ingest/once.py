"""Keeps a record once that is sent again byte for byte: a provider's retry, or a replay.

Such a record can only ever become the same events again (a mapping is a function of the record), which the flow would
drop as repeats: leaving it out loses nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b

REMEMBERED = 250_000
"""Records of a generation; there are two, about 75 bytes each record."""
Headers = Mapping[bytes, bytes]
Submit = Callable[[Sequence[bytes], int, Headers], "asyncio.Future[None]"]
"""``submit(records, received_us, headers)`` of a target."""
_NO_HEADERS: Headers = {}


class Once:
    """Stands before a target and leaves repeats out.

    Args:
        submit: of the target.
        within_us: for how long a record is remembered, at least; 0: not at all. Less where there are very many.

    Attributes:
        records: kept.
        repeats: left out.
    """

    def __init__(self, submit: Submit, within_us: int) -> None:
        self.records = 0
        self.repeats = 0
        self._submit = submit
        self._within_us = within_us
        self._pending: dict[bytes, asyncio.Future[None]] = {}
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turned_us = 0

    def remember(self, records: Iterable[bytes]) -> None:
        """Take note of records that were kept before."""
        self._young.update(map(_key, records))

    def submit(
        self, records: Sequence[bytes], now_us: int, headers: Headers = _NO_HEADERS
    ) -> "list[asyncio.Future[None]]":
        """Pass on what is new; return what must be waited for until all records are durable, old ones too.

        Raises:
            NotKeptError: when the target takes nothing now.
        """
        if not self._within_us:
            kept = self._submit(records, now_us, headers)
            kept.add_done_callback(lambda done: self._count(len(records), done))
            return [kept]
        if now_us - self._turned_us > self._within_us or len(self._young) >= REMEMBERED:
            self._old, self._young, self._turned_us = self._young, set(), now_us
        fresh: dict[bytes, bytes] = {}
        waits: list[asyncio.Future[None]] = []
        for record in records:
            key = _key(record)
            pending = self._pending.get(key)
            if pending is not None:
                waits.append(pending)
            elif key not in self._young and key not in self._old:
                fresh.setdefault(key, record)
        if fresh:
            kept = self._submit(list(fresh.values()), now_us, headers)
            self._pending.update(dict.fromkeys(fresh, kept))
            kept.add_done_callback(lambda done: self._settle(fresh, done))
            waits.append(kept)
        self.repeats += len(records) - len(fresh)
        return waits

    def _settle(self, fresh: dict[bytes, bytes], done: "asyncio.Future[None]") -> None:
        for key in fresh:
            del self._pending[key]
        if self._count(len(fresh), done):
            self._young.update(fresh)

    def _count(self, records: int, done: "asyncio.Future[None]") -> bool:
        kept = not done.cancelled() and done.exception() is None
        if kept:
            self.records += records
        return kept


def _key(record: bytes) -> bytes:
    return blake2b(record, digest_size=12).digest()
