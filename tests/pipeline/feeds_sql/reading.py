"""Reads a table through the SQL feed; waits for conditions, never for time."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.feeds.contract import BadRecord, FeedContext, Status
from pipeline.feeds.sql import SqlFeed
from pipeline.feeds.sql_settings import SqlSettings
from tests.support.patience import PATIENCE_S

DEADLINE_S = PATIENCE_S
NOW_US = 1_714_600_000_000_000
"""The clock of tests: 2024-05-01T21:46:40Z."""


class Reading:
    """A feed on a table, with everything that it gave."""

    def __init__(
        self,
        url: object,
        *,
        positions: dict[str, int] | None = None,
        recording: bool = False,
        now_us: int = NOW_US,
        **settings: Any,
    ) -> None:
        given = {"type": "sql", "url": url, "mark": "id", "every": "100ms", **settings}
        if "query" not in given:
            given.setdefault("table", "tickets")
        self.now_us = now_us
        self.feed = SqlFeed("crm", SqlSettings.model_validate(given), FeedContext(recording), lambda: self.now_us)
        self.rows: list[dict[str, Any]] = []
        self.offsets: list[int] = []
        self.bad: list[BadRecord] = []
        self.feed.open(positions or {})

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *details: object) -> None:
        self.feed.close()

    @property
    def status(self) -> Status:
        (status,) = self.feed.partitions().values()
        return status

    def poll(self, max_records: int = 1_000) -> int:
        """Poll once; return how many rows came."""
        batches = self.feed.poll(max_records)
        for batch in batches:
            assert len(batch.records) + len(batch.bad) <= max_records
            assert len(batch.offsets) == len(batch.records)
            self.offsets += batch.offsets
            self.rows += [json.loads(record) for record in batch.records]
            self.bad += batch.bad
        return sum(len(batch.records) + len(batch.bad) for batch in batches)

    def until(self, condition: Callable[[], bool]) -> None:
        """Poll until a condition holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, (self.status, len(self.rows), self.feed.positions())
            if not self.poll():
                time.sleep(0.002)

    def to_end(self) -> "Reading":
        """Poll a recording to its end."""
        self.until(lambda: self.status is Status.ENDED)
        return self

    def sweep(self) -> "Reading":
        """Poll until a look that began after this call has been read to its end."""
        before = time.monotonic()
        feed = self.feed
        self.until(
            lambda: feed._complete is not None and feed._complete[1] > before and self.status is Status.CAUGHT_UP
        )
        return self

    def ids(self) -> list[int]:
        return [row["id"] for row in self.rows]


def database(
    path: Path, *, columns: str = "id INTEGER, at DATETIME, what TEXT", wal: bool = True
) -> sqlite3.Connection:
    """Return a connection to a SQLite file with the table ``tickets``; what is executed is committed at once."""
    db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S)
    if wal:
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    db.execute(f"CREATE TABLE IF NOT EXISTS tickets ({columns})")
    return db


def fill(db: sqlite3.Connection, numbers: range, at: str = "2024-05-01 09:00:00") -> None:
    db.execute("BEGIN")
    db.executemany("INSERT INTO tickets VALUES (?, ?, ?)", [(number, at, f"t{number}") for number in numbers])
    db.execute("COMMIT")
