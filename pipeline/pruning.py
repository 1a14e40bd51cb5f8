"""Which dead letters go when they are too old, or too many."""

import sqlite3
from itertools import accumulate

AT_ONCE = 500
"""Letters deleted in one transaction: others wait that long at most."""
Gone = tuple[str, str, int]
"""Feed, reason and size of a letter that was deleted."""


def delete_oldest(db: sqlite3.Connection, before_us: int | None, max_bytes: int | None) -> list[Gone]:
    """Delete a handful of the oldest letters, those too old or else those too many, and count them.

    Args:
        db: within a transaction.
        before_us: letters seen before this, and requeued copies as old; None: none for their age.
        max_bytes: as many letters as the store holds more than this; None: none for their size.
    """
    gone: list[Gone] = []
    if before_us is not None:
        copies = "seq IN (SELECT seq FROM requeue ORDER BY seq LIMIT ?)"
        db.execute(f"DELETE FROM requeue WHERE {copies} AND requeued_at_us < ?", [AT_ONCE, before_us])  # noqa: S608
        oldest = "id IN (SELECT id FROM letters ORDER BY id LIMIT ?) AND seen_at_us < ?"
        gone = _deleted(db, oldest, AT_ONCE, before_us)
    if not gone and max_bytes is not None:
        excess = used_bytes(db) - max_bytes
        if excess > 0:
            gone = _deleted(db, "id <= ?", _last_of(db, excess))
    db.executemany(
        "INSERT INTO pruned VALUES (?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET letters = letters + 1, bytes = bytes + excluded.bytes",
        gone,
    )
    return gone


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how much is in the file, without the pages that are free."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _last_of(db: sqlite3.Connection, size: int) -> int:
    """Return the id up to which the oldest letters take that many bytes, or as many as one transaction may delete."""
    oldest = db.execute("SELECT id, length(raw) FROM letters ORDER BY id LIMIT ?", [AT_ONCE]).fetchall()
    totals = accumulate(length for _, length in oldest)
    enough = (number for (number, _), total in zip(oldest, totals, strict=True) if total >= size)
    return next(enough, oldest[-1][0] if oldest else 0)


def _deleted(db: sqlite3.Connection, condition: str, *values: int) -> list[Gone]:
    sql = f"DELETE FROM letters WHERE {condition} RETURNING origin, reason, length(raw)"  # noqa: S608 - our own text
    return db.execute(sql, values).fetchall()
