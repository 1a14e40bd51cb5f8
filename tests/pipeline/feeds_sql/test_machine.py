"""Writers commit out of order within the overlap, the feed is killed and resumed anywhere: nothing is lost.

The sweeps are called here, and not by the thread, so that they fall anywhere between the other steps.
"""

import json
import queue
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.sql import SqlFeed
from pipeline.feeds.sql_settings import SqlSettings
from pipeline.feeds.sql_tables.reader import SqlReader
from tests.pipeline.feeds_sql.reading import database

OVERLAP_S = 10
OVERLAP_NUMBERS = 5
START = datetime(2024, 5, 1, tzinfo=UTC)
Version = tuple[int, str]


class Writers(RuleBasedStateMachine):
    @initialize(
        by_time=st.booleans(),
        batch=st.integers(1, 4),
        key=st.booleans(),
        latest=st.booleans(),
        early=st.integers(0, 8),
    )
    def begin(self, by_time: bool, batch: int, key: bool, latest: bool, early: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "crm.db"
        self.db = database(self.path, columns="id INTEGER PRIMARY KEY, at DATETIME, version TEXT")
        self.by_time = by_time
        self.now_s = 100
        self.next_id = 1
        self.open_rows: list[tuple[int, int]] = []
        self.expected: set[Version] = set()
        self.settings = SqlSettings.model_validate(
            {
                "type": "sql",
                "url": f"sqlite:///{self.path}",
                "table": "tickets",
                "mark": "at" if by_time else "id",
                "key": ["id"] if key and by_time else [],
                "zone": "UTC",
                "overlap": f"{OVERLAP_S}s",
                "overlap_numbers": OVERLAP_NUMBERS,
                "batch": batch,
                "start": "latest" if latest else "earliest",
            }
        )
        for _ in range(early):
            self.begin_row()
            self.commit_row(0)
        self.delivered: set[Version] = set()
        self.start({})
        self.floor: int | None = None
        if latest:
            self.drain()
            self.floor = self.feed.positions().get("tickets\tfrom")
        self.snapshot()

    def start(self, positions: dict[str, int]) -> None:
        self.feed = SqlFeed("crm", self.settings, FeedContext(recording=False), self.clock_us)
        figures = {name.rpartition("\t")[2]: value for name, value in positions.items() if "\t" in name}
        with_positions: Any = self.feed
        with_positions._count = positions.get("tickets", 0)
        with_positions._figures = dict(figures)
        self.reader = SqlReader("crm", self.settings, figures, recording=False, clock_us=self.clock_us)
        self.reader.pages = queue.Queue()
        with_positions._reader = self.reader
        self.this_life: set[Version] = set()

    def clock_us(self) -> int:
        return int(START.timestamp() + self.now_s) * 1_000_000

    def text(self, at_s: int) -> str:
        return (START + timedelta(seconds=at_s)).strftime("%Y-%m-%d %H:%M:%S")

    def write(self, number: int, at_s: int, version: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO tickets VALUES (?, ?, ?)", (number, self.text(at_s), version))
        self.expected = {known for known in self.expected if known[0] != number} | {(number, version)}

    @rule()
    def begin_row(self) -> None:
        if self.by_time or all(self.next_id - number < OVERLAP_NUMBERS for number, _ in self.open_rows):
            self.open_rows.append((self.next_id, self.now_s))
            self.next_id += 1

    @rule(which=st.integers(0, 5))
    def commit_row(self, which: int) -> None:
        if self.open_rows:
            number, at_s = self.open_rows.pop(which % len(self.open_rows))
            self.write(number, at_s, f"{number}@{at_s}")

    @precondition(lambda self: self.by_time)
    @rule(which=st.integers(0, 100))
    def change_row(self, which: int) -> None:
        known = sorted(self.expected)
        if known:
            self.write(known[which % len(known)][0], self.now_s, f"changed@{self.now_s}")

    @rule(by_s=st.integers(1, 7))
    def tick(self, by_s: int) -> None:
        while self.open_rows and self.by_time and self.now_s + by_s - min(at for _, at in self.open_rows) > OVERLAP_S:
            self.commit_row(0)
        self.now_s += by_s

    @rule()
    def sweep(self) -> None:
        self.reader._sweep()

    @rule(count=st.integers(1, 9))
    def poll(self, count: int) -> None:
        for batch in self.feed.poll(count):
            assert not batch.bad
            for record in batch.records:
                row = json.loads(record)
                version = (row["id"], row["version"])
                assert version not in self.this_life, "within one life every version comes once"
                self.this_life.add(version)
                self.delivered.add(version)

    @rule()
    def snapshot(self) -> None:
        self.saved = (dict(self.feed.positions()), set(self.delivered))

    @rule()
    def kill(self) -> None:
        self.feed.close()
        positions, delivered = self.saved
        self.delivered = set(delivered)
        self.start(positions)

    def is_wanted(self, version: Version) -> bool:
        number, text = version
        at_us = int(START.timestamp() + int(text.partition("@")[2])) * 1_000_000
        return self.floor is None or (at_us if self.by_time else number) >= self.floor

    def drain(self) -> None:
        self.sweep()
        while self.feed.partitions() != {"tickets": Status.CAUGHT_UP}:
            self.poll(3)

    def teardown(self) -> None:
        if not hasattr(self, "delivered"):
            return
        while self.open_rows:
            self.commit_row(0)
        self.drain()
        self.kill()
        self.drain()
        assert {version for version in self.expected if self.is_wanted(version)} <= self.delivered
        self.feed.close()
        self.db.close()
        self.folder.cleanup()


TestWriters = Writers.TestCase
TestWriters.settings = settings(stateful_step_count=40)
