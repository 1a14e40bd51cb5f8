"""Dead letters: records that are no events, kept with their bytes and the reason, to be looked at and sent again.

They live in one SQLite file, which the flow and the command line use at the same time. Adding a letter again (after a
crash the flow repeats what it did last) changes nothing.
"""

import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from pipeline.letters import DeadLetter, LetterFilter, Requeued, StoredLetter, origin

__all__ = ["DeadLetter", "DeadLetters", "DeadLettersError", "LetterFilter", "Requeued", "StoredLetter"]

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL, origin TEXT NOT NULL, part_of TEXT NOT NULL, at INTEGER NOT NULL, part INTEGER NOT NULL,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, raw BLOB NOT NULL, size INTEGER NOT NULL, packed INTEGER NOT NULL,
    mapped INTEGER NOT NULL, seen_at_us INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'new',
    UNIQUE (feed, part_of, at, part, digest)
) STRICT;
CREATE INDEX IF NOT EXISTS letters_by_reason ON letters (origin, reason, status);
CREATE TABLE IF NOT EXISTS requeue (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL, letter INTEGER NOT NULL, mapped INTEGER NOT NULL, raw BLOB NOT NULL, packed INTEGER NOT NULL,
    requeued_at_us INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS requeue_by_feed ON requeue (feed, seq);
"""
_ANY = LetterFilter()
_COLUMNS = "id, feed, part_of, at, part, reason, detail, size, mapped, seen_at_us, status"


class DeadLettersError(Exception):
    """The store cannot be opened: the message names the file and what to do."""


class DeadLetters:
    """The store of dead letters, safe for several processes and threads.

    Args:
        path: of the SQLite file; it and its folder are made where they are missing.

    Raises:
        DeadLettersError: when the file cannot be opened or belongs to a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Threads share the connection under our lock; what writes begins its transaction itself.
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise _not_opened(path, error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise _not_opened(path, error) from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            self._db.close()
            versions = f"it has format {version}, this program reads {_SCHEMA_VERSION}"
            msg = f"{self.path} was written by a later version of Makegood: {versions}"
            raise DeadLettersError(msg)
        if version < _SCHEMA_VERSION:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def add(self, letters: Sequence[DeadLetter], seen_at_us: int) -> int:
        """Keep letters, durably, and return how many were new.

        Args:
            letters: a letter of the same place and bytes as one that is kept already changes nothing.
            seen_at_us: the clock, microseconds since 1970 UTC.
        """
        if not letters:
            return 0
        rows = [
            (
                *(letter.feed, origin(letter.feed), letter.partition, letter.offset, letter.part),
                blake2b(letter.raw, digest_size=12).digest(),
                *(str(letter.reason), letter.detail, *_packed(letter.raw), letter.mapped, seen_at_us),
            )
            for letter in letters
        ]
        sql = (
            "INSERT OR IGNORE INTO letters (feed, origin, part_of, at, part, digest, reason, detail, raw, size, packed,"
            " mapped, seen_at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(sql, rows)
            return db.total_changes - before

    def page(self, chosen: LetterFilter = _ANY, *, before_id: int | None = None, limit: int = 50) -> list[StoredLetter]:
        """Return letters, the newest first, without their bytes.

        Args:
            chosen: which.
            before_id: the last ``id`` of the page before; None: the first page.
            limit: of the page.
        """
        where, values = _where(chosen)
        if before_id is not None:
            where.append("id < ?")
            values.append(before_id)
        sql = f"SELECT {_COLUMNS} FROM letters {_clause(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own columns
        return [_stored(row) for row in self._rows(sql, [*values, limit])]

    def get(self, letter_id: int) -> StoredLetter | None:
        """Return one letter with its bytes."""
        sql = f"SELECT {_COLUMNS}, raw, packed FROM letters WHERE id = ?"  # noqa: S608 - our own columns
        rows = self._rows(sql, [letter_id])
        return None if not rows else _stored(rows[0][:-2], _unpacked(rows[0][-2], rows[0][-1]))

    def counts(self, chosen: LetterFilter = _ANY) -> dict[str, dict[str, int]]:
        """Return how many letters there are, by feed and reason."""
        where, values = _where(chosen)
        sql = f"SELECT origin, reason, count(*) FROM letters {_clause(where)} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
        found: dict[str, dict[str, int]] = {}
        for feed, reason, count in self._rows(sql, values):
            found.setdefault(feed, {})[reason] = count
        return found

    def requeue(self, chosen: LetterFilter, at_us: int) -> int:
        """Put letters into the requeue of their feed, durably, in their order, and return how many.

        Letters that were requeued before are left out, unless ``chosen.status`` names their status.
        """
        if chosen.status is None:
            chosen = msgspec.structs.replace(chosen, status="new")
        where, values = _where(chosen)
        clause = _clause(where)
        copy = (
            "INSERT INTO requeue (feed, letter, mapped, raw, packed, requeued_at_us) "  # noqa: S608 - our own columns
            f"SELECT origin, id, mapped, raw, packed, ? FROM letters {clause} ORDER BY id"
        )
        with self._transaction() as db:
            count = db.execute(copy, [at_us, *values]).rowcount
            db.execute(f"UPDATE letters SET status = 'requeued' {clause}", values)  # noqa: S608 - our own columns
        return count

    def requeued(self, feed: str, after_seq: int, limit: int) -> list[Requeued]:
        """Return what waits for a feed behind ``after_seq``, in order."""
        sql = "SELECT seq, letter, raw, packed, mapped FROM requeue WHERE feed = ? AND seq > ? ORDER BY seq LIMIT ?"
        rows = self._rows(sql, [feed, after_seq, limit])
        return [
            Requeued(seq, letter, _unpacked(raw, packed), bool(mapped)) for seq, letter, raw, packed, mapped in rows
        ]

    def mark_replayed(self, letters: Sequence[int]) -> None:
        """Note that letters have been read again. Where they fail again, they are new letters."""
        with self._transaction() as db:
            db.executemany("UPDATE letters SET status = 'replayed' WHERE id = ?", [(letter,) for letter in letters])

    def prune(self, before_us: int) -> int:
        """Delete letters seen before a time, with their requeued copies, and return how many."""
        with self._transaction() as db:
            db.execute("DELETE FROM requeue WHERE requeued_at_us < ?", [before_us])
            return db.execute("DELETE FROM letters WHERE seen_at_us < ?", [before_us]).rowcount


def _not_opened(path: Path, error: Exception) -> DeadLettersError:
    hint = "check that it is a file of Makegood and writable"
    return DeadLettersError(f"cannot open the dead letters in {path}: {error}; {hint}")


def _packed(raw: bytes) -> tuple[bytes, int, bool]:
    small = zlib.compress(raw, 6)
    return (small, len(raw), True) if len(small) < len(raw) else (raw, len(raw), False)


def _unpacked(raw: bytes, packed: int) -> bytes:
    return zlib.decompress(raw) if packed else raw


def _where(chosen: LetterFilter) -> tuple[list[str], list[object]]:
    terms = {
        "origin = ?": chosen.feed,
        "reason = ?": chosen.reason,
        "status = ?": chosen.status,
        "seen_at_us >= ?": chosen.since_us,
        "seen_at_us < ?": chosen.until_us,
    }
    where = [term for term, value in terms.items() if value is not None]
    values: list[object] = [value for value in terms.values() if value is not None]
    if chosen.ids is not None:
        # One parameter for any number of ids: SQLite limits how many parameters a statement has.
        where.append("id IN (SELECT value FROM json_each(?))")
        values.append(msgspec.json.encode(chosen.ids).decode())
    return where, values


def _clause(where: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(where)}" if where else ""


def _stored(row: Sequence[Any], raw: bytes | None = None) -> StoredLetter:
    names = ("id", "feed", "partition", "offset", "part", "reason", "detail", "size", "mapped", "seen_at_us", "status")
    values = dict(zip(names, row, strict=True))
    return StoredLetter(**{**values, "mapped": bool(values["mapped"])}, raw=raw)
