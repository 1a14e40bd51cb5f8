"""The SQL feed: rows of a table or query, read again and again by a mark that rises, in a thread of its own."""

import queue
import time
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from config.durations import US_PER_SECOND, format_duration_us
from pipeline.feeds.contract import FEEDS, BadRecord, FeedContext, RawBatch, Status
from pipeline.feeds.sql_settings import SqlSettings

if TYPE_CHECKING:
    from pipeline.feeds.sql_tables.reader import SqlReader
    from pipeline.feeds.sql_tables.sweep import Row

FIGURES = ("mark", "from", "stop", "looked")
"""Beside the number of rows handed out, ``positions`` has these under ``<name>\\t<figure>``: from which mark a later
run reads (less the overlap), and what ``pipeline.feeds.sql_tables.sweep.Page.begin`` says."""
_SLACK_S = 10.0


def wall_clock_us() -> int:
    """Return the time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@FEEDS.register("sql", SqlSettings)
class SqlFeed:
    """Reads a table (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Its one partition has the table's name, or is ``query``. Offsets count rows, from 1 on. A run that is resumed reads
    the rows of the overlap again, under new offsets; they are dropped as repeats of their events. A recording reads the
    rows up to the highest mark that there was when it began.

    Args:
        name: of the feed.
        settings: of the feed.
        context: only the process with index 0 reads.
        clock_us: the wall clock, microseconds UTC.
    """

    def __init__(
        self, name: str, settings: SqlSettings, context: FeedContext, clock_us: Callable[[], int] = wall_clock_us
    ) -> None:
        self.name = name
        self._settings = settings
        self._recording = context.recording
        self._reads = context.share.index == 0
        self._clock_us = clock_us
        self._partition = settings.partition
        self._positions: dict[str, int] = {}
        self._count = 0
        self._figures: dict[str, int] = {}
        self._reader: SqlReader | None = None
        self._rows: list[Row] = []
        self._limit: int | None = None
        self._ends: tuple[int, float] | None = None
        self._complete: tuple[int, float] | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Start reading. Returns at once, whether or not the database can be reached.

        Raises:
            FeedError: when the address cannot be read, or its driver is not installed.
            SecretMissingError: when the address is not where the settings say.
        """
        self._positions = dict(positions)
        if not self._reads:
            return
        name = self._partition
        self._count = positions.get(name, 0)
        self._figures = {
            figure: positions[f"{name}\t{figure}"] for figure in FIGURES if f"{name}\t{figure}" in positions
        }
        from pipeline.feeds.sql_tables.reader import SqlReader  # noqa: PLC0415 - slow to load

        self._reader = SqlReader(
            self.name, self._settings, dict(self._figures), recording=self._recording, clock_us=self._clock_us
        )
        self._reader.start()

    def partitions(self) -> dict[str, Status]:
        """Return the one partition with its status; none in a process that does not read it."""
        return {self._partition: self._status()} if self._reads else {}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has been read, at most ``max_records`` rows. Never waits."""
        del partition
        if not self._reads:
            return []
        reader = self._reader
        if reader is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        if reader.died is not None:
            msg = f"feed {self.name!r}: the thread that reads the database has died"
            raise RuntimeError(msg) from reader.died
        offsets: list[int] = []
        records: list[bytes] = []
        batch = RawBatch(self.name, self._partition, offsets, records, [])
        room = max_records
        while room > 0 and (self._rows or self._next_page(reader)):
            taken, self._rows = self._rows[:room], self._rows[room:]
            room -= len(taken)
            for row in taken:
                self._take(row, offsets, records, batch)
            if not self._rows:
                self._end_page()
        return [batch] if batch.records or batch.bad else []

    def positions(self) -> dict[str, int]:
        """Return the number of rows that ``poll`` returned, and from which mark to read on."""
        if not self._reads:
            return dict(self._positions)
        name = self._partition
        return {name: self._count, **{f"{name}\t{figure}": value for figure, value in self._figures.items()}}

    def why_unreachable(self) -> dict[str, str]:
        """Return why the table cannot be read now; empty while it can."""
        reader = self._reader
        if reader is None:
            return {}
        why = reader.trouble
        if why is None and reader.hangs:
            why = f"the database has not answered for {format_duration_us(self._settings.timeout)}"
        return {} if why is None else {self._partition: why}

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _next_page(self, reader: "SqlReader") -> bool:
        """Take over the next page; return whether there was one."""
        try:
            outages, began_s, page = reader.pages.get_nowait()
        except queue.Empty:
            return False
        if page.reset:
            self._figures = {}
        self._figures |= page.begin
        self._rows = page.rows
        self._limit = page.limit
        self._ends = (outages, began_s) if page.end else None
        if not self._rows:
            self._end_page()
        return True

    def _end_page(self) -> None:
        if self._ends is not None:
            self._complete, self._ends = self._ends, None
            if self._limit is not None:
                self._reached(self._limit)

    def _take(self, row: "Row", offsets: list[int], records: list[bytes], batch: RawBatch) -> None:
        self._count += 1
        encoded = row.encoded
        if encoded.reason is None:
            offsets.append(self._count)
            records.append(encoded.raw)
        else:
            batch.bad.append(BadRecord(self._count, encoded.raw, encoded.reason, encoded.detail))
        if row.mark is not None and self._limit is not None:
            self._reached(min(row.mark, self._limit))

    def _reached(self, mark: int) -> None:
        self._figures["mark"] = max(self._figures.get("mark", mark), mark)

    def _status(self) -> Status:
        reader = self._reader
        if reader is None or self._rows or not reader.pages.empty():
            return Status.READING
        if self._complete is not None and self._recording:
            return Status.ENDED
        if self.why_unreachable():
            return Status.UNREACHABLE
        if self._complete is None or self._complete[0] != reader.outages:
            return Status.READING
        # The silence of the table is known as far as the last look goes, and not where nobody looked for long.
        since_s = monotonic() - self._complete[1]
        fresh = since_s <= 2 * self._settings.every / US_PER_SECOND + _SLACK_S
        return Status.CAUGHT_UP if fresh else Status.READING
