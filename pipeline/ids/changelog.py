"""The file behind a generation of ids: appended to, and read again block by block.

What is appended together is a frame: its length, a checksum, and rows of msgpack. A block is a run of frames that has
about a fixed number of ids, however few of them each frame has; its number says where in the file an id stands.
"""

import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import msgspec

from pipeline import durable
from pipeline.ids.rows import array_of

Entry = tuple[str, list[str], bool]
"""Source, ids, and whether they were added (or taken out again)."""
Rows = tuple[list[bytes], int]
"""Entries as :func:`pipeline.ids.rows.row` makes them, and how many ids they have."""
_DECODER = msgspec.msgpack.Decoder(list[Entry])
_LENGTH_BYTES = 4
_SUM_BYTES = 4
_SUMMED = 1 << 31
"""In a length: a checksum of the payload stands behind it."""


class ChangelogDamagedError(Exception):
    """A changelog file does not hold what was written to it: it was deleted, cut or changed from outside."""


class Changelog:
    """One file of ids.

    Args:
        path: of the file; made with the first ids.
        block_ids: a block is complete once it has so many.
        cached_ids: blocks that were read to prove ids are kept up to so many of them.

    Attributes:
        length: bytes of the file that are ours; what stands behind them is from a run that was not committed.
    """

    def __init__(self, path: Path, block_ids: int, cached_ids: int) -> None:
        self.path = path
        self.length = 0
        self._block_ids = block_ids
        self._starts = array("Q")
        self._room = 0
        """Ids that the last block still takes; none: the next frame begins another one."""
        self._cached_ids = cached_ids
        self._cache: OrderedDict[int, tuple[dict[str, set[str]], int]] = OrderedDict()
        self._in_cache = 0
        self._unsynced = False
        self._unnamed = False

    @property
    def blocks(self) -> int:
        """How many blocks there are: the number of the next one."""
        return len(self._starts)

    def append(self, frames: Sequence[Rows]) -> list[int]:
        """Write frames behind the others; they outlive the process, but not the machine, before :meth:`sync`.

        Returns:
            The block that each of them came into.

        Raises:
            OSError: when there is no room, or the disk fails. Nothing was appended.
            ChangelogDamagedError: when the file is gone.
        """
        contents = [_frame(rows) for rows, _ in frames]
        new = not self.path.exists()
        if new and self.length > 0:
            raise self._damaged(0)
        self._unnamed |= new
        with self.path.open("w+b" if new else "r+b") as file:
            file.truncate(self.length)
            file.seek(self.length)
            file.write(b"".join(contents))
        self._unsynced = True
        blocks = []
        for content, (_, count) in zip(contents, frames, strict=True):
            self._count(self.length, count)
            self.length += len(content)
            blocks.append(self.blocks - 1)
        return blocks

    def sync(self) -> None:
        """Wait until the disk has all that was appended."""
        if not self._unsynced:
            return
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())
        if self._unnamed:
            durable.sync_folder(self.path.parent)
        self._unsynced = self._unnamed = False

    def close_block(self) -> None:
        """Let the next ids begin another block."""
        self._room = 0

    def load(self, length: int) -> Iterator[tuple[int, list[Entry]]]:
        """Read the file up to ``length`` bytes; yield the number of each block and its entries.

        Raises:
            ChangelogDamagedError: when the file is shorter, or was changed.
        """
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < length:
            msg = (
                f"{self.path} has {size} bytes, the snapshot says {length}: "
                "the recovery folder was changed from outside; restore it whole or start afresh"
            )
            raise ChangelogDamagedError(msg)
        if length == 0:
            return
        waiting: list[Entry] = []
        with self.path.open("rb") as file:
            while self.length < length:
                entries, read = self._read(file, self.length, length)
                if self._room == 0 and waiting:
                    yield self.blocks - 1, waiting
                    waiting = []
                self._count(self.length, sum(len(ids) for _, ids, _ in entries))
                self.length += read
                waiting += entries
        yield self.blocks - 1, waiting

    def block(self, number: int) -> list[Entry]:
        """Return the entries of a block.

        Raises:
            ChangelogDamagedError: when the file was changed meanwhile.
        """
        at = self._starts[number]
        end = self._starts[number + 1] if number + 1 < self.blocks else self.length
        found: list[Entry] = []
        try:
            with self.path.open("rb") as file:
                file.seek(at)
                while at < end:
                    entries, read = self._read(file, at, end)
                    found += entries
                    at += read
        except FileNotFoundError as error:
            raise self._damaged(at) from error
        return found

    def ids(self, number: int) -> Mapping[str, set[str]]:
        """Return the ids by source that a block which is complete has added and not taken out again."""
        cached = self._cache.get(number)
        if cached is not None:
            self._cache.move_to_end(number)
            return cached[0]
        added, _ = net(self.block(number))
        ids = {source: set(those) for source, those in added.items()}
        count = sum(map(len, ids.values()))
        self._cache[number] = ids, count
        self._in_cache += count
        while self._in_cache > self._cached_ids and len(self._cache) > 1:
            self._in_cache -= self._cache.popitem(last=False)[1][1]
        return ids

    def _count(self, at: int, ids: int) -> None:
        """Put a frame that begins at byte ``at`` into a block."""
        if self._room == 0:
            self._starts.append(at)
            self._room = self._block_ids
        self._room = max(0, self._room - ids)

    def _read(self, file: BinaryIO, at: int, end: int) -> tuple[list[Entry], int]:
        """Return the entries of the frame at byte ``at``, where ``file`` stands, and how many bytes it has."""
        size = int.from_bytes(file.read(_LENGTH_BYTES), "big")
        header = _LENGTH_BYTES
        checksum = None
        if size & _SUMMED:  # before 0.2 there were no sums
            size ^= _SUMMED
            header += _SUM_BYTES
            checksum = int.from_bytes(file.read(_SUM_BYTES), "big")
        if at + header + size > end:
            raise self._damaged(at)
        payload = file.read(size)
        if checksum is not None and crc32(payload) != checksum:
            raise self._damaged(at)
        try:
            return _DECODER.decode(payload), header + size
        except msgspec.DecodeError as error:
            raise self._damaged(at) from error

    def _damaged(self, at: int) -> ChangelogDamagedError:
        return ChangelogDamagedError(
            f"{self.path} is damaged at byte {at}: the recovery folder was changed from outside; restore it whole or "
            "start afresh"
        )


def net(entries: Sequence[Entry]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the ids by source that are there after ``entries``, and those that were there before and are not.

    >>> net([("s", ["a", "b"], True), ("s", ["b"], False), ("s", ["c"], False)])
    ({'s': ['a']}, {'s': ['c']})
    """
    if all(was_added for _, _, was_added in entries):
        plain: dict[str, list[str]] = {}
        for source, ids, _ in entries:
            plain.setdefault(source, []).extend(ids)
        return plain, {}
    added: dict[str, dict[str, None]] = {}
    removed: dict[str, dict[str, None]] = {}
    for source, ids, was_added in entries:
        there = added.setdefault(source, {})
        if was_added:
            there.update(dict.fromkeys(ids))
            continue
        for key in ids:
            if key in there:
                del there[key]
            else:
                removed.setdefault(source, {})[key] = None
    return _lists(added), _lists(removed)


def _lists(by_source: Mapping[str, dict[str, None]]) -> dict[str, list[str]]:
    return {source: list(ids) for source, ids in by_source.items() if ids}


def _frame(rows: Sequence[bytes]) -> bytes:
    payload = b"".join((array_of(len(rows)), *rows))
    header = (len(payload) | _SUMMED).to_bytes(_LENGTH_BYTES, "big") + crc32(payload).to_bytes(_SUM_BYTES, "big")
    return header + payload
