"""One sweep over a table: every row from a bound on up to the highest mark that was there when the sweep began.

Sweeps are what makes late commits harmless. A row that was not visible when a sweep began was written by a transaction
that was open then, or that began later; so its mark is above the sweep's highest mark less the overlap, and the next
sweep, which begins there, finds it. What was found before is left out by its digest.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from pipeline.feeds.sql_marks import MarkError, Marks
from pipeline.feeds.sql_rows import EncodedRow
from pipeline.feeds.sql_settings import SqlSettings
from pipeline.feeds.sql_tables.pages import KeyHasNullsError, Pager, Read
from pipeline.reasons import Reason

MAX_SEEN = 500_000
"""Of more rows within the overlap some are read again by every sweep, and dropped later as repeats of events."""
_log = structlog.get_logger(__name__)


class Row(NamedTuple):
    """A row and its mark (None where it cannot be read)."""

    encoded: EncodedRow
    mark: int | None


class Page(NamedTuple):
    """Rows in the order of their marks.

    Attributes:
        limit: behind the row with mark ``m`` a later run must read from ``min(m, limit)``, less the overlap.
        begin: figures that a later run needs: ``from`` (rows before it are passed over), ``stop`` (of a recording),
            ``looked`` (at a table without rows).
        reset: the table was made anew: what was known of marks before holds no more.
        end: the sweep is over; nothing up to ``limit`` is left.
    """

    rows: list[Row]
    limit: int | None = None
    begin: Mapping[str, int] = MappingProxyType({})
    reset: bool = False
    end: bool = False


class Sweeper:
    """Sweeps over one table again and again.

    Args:
        name: of the feed.
        settings: of the feed.
        figures: of an earlier run: ``mark`` and those of ``Page.begin``, as far as there are.
        recording: one sweep, up to a highest mark that is kept over restarts.
        hand_over: takes a page; it may wait, and raises what ends the sweep.
        asking: is entered while the database is waited for.
    """

    def __init__(
        self,
        name: str,
        settings: SqlSettings,
        figures: dict[str, int],
        *,
        recording: bool,
        hand_over: Callable[[Page], None],
        asking: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._settings = settings
        self._recording = recording
        self._hand_over = hand_over
        self._pager = Pager(settings, asking)
        self._zone = None if settings.zone is None else ZoneInfo(settings.zone)
        self._base = figures.get("mark")
        self._from = figures.get("from") if figures else settings.start_mark()
        self._stop = figures.get("stop")
        self._latest = settings.start == "latest" and not recording and not figures
        self._seen: dict[bytes, int] = {}
        self._counted = self._crowded = self._behind = False
        self._log = _log.bind(feed=name)

    def sweep(self, connection: sa.Connection, now_us: int | None) -> None:
        """Read what is new and hand it over, page by page, and then the end.

        Args:
            connection: new; its transactions are ended between pages.
            now_us: the clock; None in a recording. A mark that is a time ahead of it does not carry reading along.

        Raises:
            MarkError: when the column named as mark cannot be one.
            sqlalchemy.exc.SQLAlchemyError: when the database does not answer, or not as it should.
        """
        highest = self._pager.highest(connection)
        if not self._counted:
            self._count_nulls(connection)
        if highest is None:
            # What comes into an empty table later is new.
            self._latest = False
            self._hand_over(Page([], begin={"looked": 1}, end=True))
            return
        marks = Marks(highest, self._zone, text_times=connection.dialect.name == "sqlite")
        top = marks.number(highest)
        begin: dict[str, int] = {}
        if self._recording:
            self._stop = begin["stop"] = top = top if self._stop is None else self._stop
        elif self._latest:
            # With the newest row that is there: others may get the same mark.
            self._from = top
            self._latest = False
        if self._from is not None:
            begin["from"] = self._from
        if self._notice_going_back(marks, top):
            begin.pop("from", None)
        while True:
            try:
                self._read(connection, marks, top, now_us, begin)
            except KeyHasNullsError:
                self._log.warning("sql.key_has_nulls", key=self._pager.key, action="reading without the key")
                self._pager.key = []
            else:
                return

    def _overlap(self, marks: Marks) -> int:
        if self._recording:
            return 0
        return self._settings.overlap if marks.are_times else self._settings.overlap_numbers

    def _low(self, marks: Marks) -> int | None:
        bounds = [] if self._from is None else [self._from]
        if self._base is not None:
            bounds.append(self._base - self._overlap(marks))
        return max(bounds, default=None)

    def _notice_going_back(self, marks: Marks, top: int) -> bool:
        """Tell when the highest mark has fallen; return whether the table is read anew for it."""
        low = None if self._base is None else self._base - self._overlap(marks)
        behind = low is not None and top < low
        anew = behind and not marks.are_times
        if anew:
            # Numbers begin anew with the table. Reading it whole repeats what is still there, and loses nothing.
            self._log.error("sql.mark_went_back", highest=top, was=self._base, action="reading the table anew")
            self._base = self._from = None
            self._seen.clear()
            self._hand_over(Page([], reset=True))
        elif behind and not self._behind:
            self._log.warning("sql.mark_went_back", highest=top, was=self._base, action="waiting for newer rows")
        self._behind = behind
        return anew

    def _read(
        self, connection: sa.Connection, marks: Marks, top: int, now_us: int | None, begin: dict[str, int]
    ) -> None:
        limit = top if now_us is None or not marks.are_times else min(top, now_us)
        keep_from = limit - self._overlap(marks)
        rows: list[Row] = []
        size = self._settings.batch
        low = self._low(marks)
        for read in self._pager.rows(connection, None if low is None else marks.bound(low)):
            row = _judged(read, marks)
            mark = limit if row.mark is None else row.mark
            if mark > top:
                break
            if read.digest in self._seen or (self._from is not None and mark < self._from):
                continue
            self._remember(read.digest, mark, keep_from)
            rows.append(row)
            if len(rows) >= size:
                self._give(Page(rows, limit, begin))
                rows = []
        self._base = limit if self._base is None else max(self._base, limit)
        self._seen = {digest: mark for digest, mark in self._seen.items() if mark >= keep_from}
        self._hand_over(Page(rows, limit, begin, end=True))

    def _give(self, page: Page) -> None:
        self._hand_over(page)
        # After an outage within the sweep reading goes on from here.
        marks = [row.mark for row in page.rows if row.mark is not None]
        if marks and page.limit is not None:
            reached = min(marks[-1], page.limit)
            self._base = reached if self._base is None else max(self._base, reached)

    def _remember(self, digest: bytes, mark: int, keep_from: int) -> None:
        if self._recording or mark < keep_from:
            return
        if len(self._seen) < MAX_SEEN:
            self._seen[digest] = mark
        elif not self._crowded:
            self._crowded = True
            self._log.warning("sql.overlap_crowded", rows=MAX_SEEN, action="some are read again and dropped as repeats")

    def _count_nulls(self, connection: sa.Connection) -> None:
        self._counted = True
        nulls = self._pager.nulls(connection)
        if nulls:
            self._log.warning("sql.null_marks", rows=nulls, mark=self._settings.mark, action="such rows are not read")


def _judged(read: Read, marks: Marks) -> Row:
    try:
        return Row(read.encoded, marks.number(read.mark))
    except MarkError as error:
        return Row(EncodedRow(read.encoded.raw, Reason.INVALID_TIME, str(error)), None)
