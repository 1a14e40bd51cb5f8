"""Dead letters: records that are no events, kept with their bytes and the reason, to be looked at and sent again.

They live in one SQLite file, which the flow and the command line use at the same time. Adding a letter again (after a
crash the flow repeats what it did last) changes nothing.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from pipeline import pruning
from pipeline.deadletter_errors import (
    DeadLettersError,
    DeadLettersUnwritableError,
    is_busy,
    not_opened,
    passes,
    unwritable,
)
from pipeline.deadletter_rows import (
    COLUMNS,
    COUNTS,
    PLACE,
    SCHEMA,
    SCHEMA_VERSION,
    packed,
    stored,
    unpacked,
    where_clause,
    where_of,
)
from pipeline.hints import with_hint
from pipeline.letters import DeadLetter, LetterFilter, Pruned, Requeued, StoredLetter, origin

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "DeadLettersError",
    "DeadLettersUnwritableError",
    "LetterFilter",
    "Requeued",
    "StoredLetter",
]

_ANY = LetterFilter()
_TRIES, _TRY_EVERY_S = 100, 0.05


class DeadLetters:
    """The store of dead letters, safe for several processes and threads.

    Args:
        path: of the SQLite file; it and its folder are made where they are missing.

    Raises:
        DeadLettersError: when the file cannot be opened or belongs to a later version.
        DeadLettersUnwritableError: when there is no room for it now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Threads share the connection under our lock; what writes begins its transaction itself.
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise not_opened(path, error) from error
        try:
            self._prepare_patiently()
        except sqlite3.Error as error:
            self._db.close()
            raise (unwritable(path, error) if passes(error) else not_opened(path, error)) from error

    def _prepare_patiently(self) -> None:
        """Make the file ready. SQLite waits for others by itself, but not where two make one file at the same time."""
        for _ in range(_TRIES):
            try:
                return self._prepare()
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
            time.sleep(_TRY_EVERY_S)
        return self._prepare()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            self._db.close()
            versions = f"it has format {version}, this program reads {SCHEMA_VERSION}"
            msg = f"{self.path} was written by a later version of Makegood: {versions}"
            raise DeadLettersError(msg)
        if version < SCHEMA_VERSION:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        self._db.execute(COUNTS)
        with self._transaction() as db:
            if "part_of" not in {row[1] for row in db.execute("PRAGMA table_info(requeue)")}:
                db.execute(PLACE)

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
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                # A full disk may have ended the transaction already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and passes(error):
                    raise unwritable(self.path, error) from error
                raise

    def _rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def add(self, letters: Sequence[DeadLetter], seen_at_us: int) -> int:
        """Keep letters, durably, and return how many were new.

        Args:
            letters: a letter of the same place and bytes as one that is kept already changes nothing.
            seen_at_us: the clock, microseconds since 1970 UTC.

        Raises:
            DeadLettersUnwritableError: when they cannot be written now; none of them is kept then.
        """
        if not letters:
            return 0
        rows = [
            (
                *(letter.feed, origin(letter.feed), letter.partition, letter.offset, letter.part),
                blake2b(letter.raw, digest_size=12).digest(),
                *(str(letter.reason), with_hint(letter), *packed(letter.raw), letter.mapped, seen_at_us),
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
        where, values = where_of(chosen)
        if before_id is not None:
            where.append("id < ?")
            values.append(before_id)
        sql = f"SELECT {COLUMNS} FROM letters {where_clause(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own columns
        return [stored(row) for row in self._rows(sql, [*values, limit])]

    def get(self, letter_id: int) -> StoredLetter | None:
        """Return one letter with its bytes."""
        sql = f"SELECT {COLUMNS}, raw, packed FROM letters WHERE id = ?"  # noqa: S608 - our own columns
        rows = self._rows(sql, [letter_id])
        return None if not rows else stored(rows[0][:-2], unpacked(rows[0][-2], rows[0][-1]))

    def counts(self, chosen: LetterFilter = _ANY) -> dict[str, dict[str, int]]:
        """Return how many letters there are, by feed and reason."""
        where, values = where_of(chosen)
        sql = f"SELECT origin, reason, count(*) FROM letters {where_clause(where)} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
        found: dict[str, dict[str, int]] = {}
        for feed, reason, count in self._rows(sql, values):
            found.setdefault(feed, {})[reason] = count
        return found

    def places(self, chosen: LetterFilter) -> list[tuple[str, str]]:
        """Return the feeds and partitions that :meth:`requeue` would take letters of."""
        where, values = where_of(msgspec.structs.replace(chosen, status=chosen.status or "new"))
        return self._rows(f"SELECT DISTINCT origin, part_of FROM letters {where_clause(where)} ORDER BY 1, 2", values)  # noqa: S608

    def requeue(self, chosen: LetterFilter, at_us: int) -> int:
        """Put letters into the requeue of their feed, durably, in their order, and return how many.

        Letters that were requeued before are left out, unless ``chosen.status`` names their status.
        """
        if chosen.status is None:
            chosen = msgspec.structs.replace(chosen, status="new")
        where, values = where_of(chosen)
        clause = where_clause(where)
        copy = (
            "INSERT INTO requeue (feed, letter, mapped, raw, packed, requeued_at_us, part_of) "  # noqa: S608 - our own
            f"SELECT origin, id, mapped, raw, packed, ?, part_of FROM letters {clause} ORDER BY id"
        )
        with self._transaction() as db:
            count = db.execute(copy, [at_us, *values]).rowcount
            db.execute(f"UPDATE letters SET status = 'requeued' {clause}", values)  # noqa: S608 - our own columns
        return count

    def requeued(self, feed: str, after_seq: int, limit: int) -> list[Requeued]:
        """Return what waits for a feed behind ``after_seq``, in order."""
        sql = (
            "SELECT seq, letter, raw, packed, mapped,"
            " coalesce(part_of, (SELECT part_of FROM letters WHERE id = letter), '') FROM requeue"
            " WHERE feed = ? AND seq > ? ORDER BY seq LIMIT ?"
        )
        return [
            Requeued(seq, letter, unpacked(raw, packed), bool(mapped), partition)
            for seq, letter, raw, packed, mapped, partition in self._rows(sql, [feed, after_seq, limit])
        ]

    def mark_replayed(self, letters: Sequence[int]) -> None:
        """Note that letters have been read again. Where they fail again, they are new letters."""
        with self._transaction() as db:
            db.executemany("UPDATE letters SET status = 'replayed' WHERE id = ?", [(letter,) for letter in letters])

    def prune(
        self, before_us: int | None = None, *, max_bytes: int | None = None, at_most: int | None = None
    ) -> Pruned:
        """Delete the oldest letters, and requeued copies that are as old, and return what was deleted.

        Every letter deleted is counted, by feed and reason, in :meth:`pruned`.

        Args:
            before_us: letters seen before this time, microseconds since 1970 UTC; None: whenever.
            max_bytes: letters until the store holds no more than this; None: however much it holds.
            at_most: about how many letters; None: all that it applies to. ``Pruned.more`` says whether some are left.

        Raises:
            DeadLettersUnwritableError: when they cannot be deleted now.
        """
        letters = size = 0
        while at_most is None or letters < at_most:
            with self._transaction() as db:
                gone = pruning.delete_oldest(db, before_us, max_bytes)
            if not gone:
                return Pruned(letters, size, more=False)
            letters += len(gone)
            size += sum(length for _, _, length in gone)
        return Pruned(letters, size, more=True)

    def used_bytes(self) -> int:
        """Return how much the letters take on disk, without room in the file that is free for new ones."""
        with self._lock:
            return pruning.used_bytes(self._db)

    def pruned(self) -> dict[str, dict[str, int]]:
        """Return how many letters have been deleted for their age or for want of room, by feed and reason."""
        found: dict[str, dict[str, int]] = {}
        for feed, reason, count in self._rows("SELECT origin, reason, letters FROM pruned ORDER BY 1, 2", []):
            found.setdefault(feed, {})[reason] = count
        return found
