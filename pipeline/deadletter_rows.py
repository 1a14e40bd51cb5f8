"""Dead letters as rows of their SQLite file: compression, filters, columns."""

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.letters import LetterFilter, StoredLetter

SCHEMA_VERSION = 1
SCHEMA = """
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
COUNTS = """
CREATE TABLE IF NOT EXISTS pruned (
    origin TEXT NOT NULL, reason TEXT NOT NULL, letters INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (origin, reason)
) STRICT;
"""
"""Not part of a version: a program that does not know of it leaves it alone."""
PLACE = "ALTER TABLE requeue ADD COLUMN part_of TEXT"
"""The partition of the feed: not part of a version either."""
COLUMNS = "id, feed, part_of, at, part, reason, detail, size, mapped, seen_at_us, status"


def packed(raw: bytes) -> tuple[bytes, int, bool]:
    """Return a record as it is kept, its size, and whether it is compressed."""
    small = zlib.compress(raw, 6)
    return (small, len(raw), True) if len(small) < len(raw) else (raw, len(raw), False)


def unpacked(raw: bytes, packed: int) -> bytes:
    """Return what :func:`packed` was given."""
    return zlib.decompress(raw) if packed else raw


def where_of(chosen: LetterFilter) -> tuple[list[str], list[object]]:
    """Return the conditions of a filter, and their values."""
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


def where_clause(where: Sequence[str]) -> str:
    """Return the WHERE clause of conditions."""
    return f"WHERE {' AND '.join(where)}" if where else ""


def stored(row: Sequence[Any], raw: bytes | None = None) -> StoredLetter:
    """Return the letter in a row of :data:`COLUMNS`."""
    names = ("id", "feed", "partition", "offset", "part", "reason", "detail", "size", "mapped", "seen_at_us", "status")
    values = dict(zip(names, row, strict=True))
    return StoredLetter(**{**values, "mapped": bool(values["mapped"])}, raw=raw)
