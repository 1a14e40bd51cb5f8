"""One sweep over a table: every row from a bound on up to the highest mark that was there when the sweep began.

Sweeps are what makes late commits harmless. A row that was not visible when a sweep began was written by a transaction
that was open then, or that began later; so its mark is above the sweep's highest mark less the overlap, and the next
sweep, which begins there, finds it. What was found before is left out by its digest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from pipeline.feeds.sql_marks import MarkError, Marks
from pipeline.feeds.sql_rows import EncodedRow, RowEncoder
from pipeline.feeds.sql_settings import SqlSettings
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


class _Read(NamedTuple):
    place: tuple[object, ...]
    mark: object
    encoded: EncodedRow
    digest: bytes


class _KeyHasNullsError(Exception):
    """The columns named as key cannot tell rows apart."""


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
        self._asking = asking
        self._zone = None if settings.zone is None else ZoneInfo(settings.zone)
        self._key = list(settings.key)
        self._base = figures.get("mark")
        self._from = figures.get("from", settings.start_mark())
        self._stop = figures.get("stop")
        self._latest = settings.start == "latest" and not recording and not figures
        self._seen: dict[bytes, int] = {}
        self._counted = self._crowded = self._behind = False
        self._beyond: tuple[object, ...] | None = None
        self._log = _log.bind(feed=name)
        table = settings.table
        if settings.query is not None:
            query = settings.query.strip().rstrip(";").replace(":", "\\:")
            self._source: Any = sa.text(f"({query}) AS q")
        else:
            schema, _, only = (table or "").rpartition(".")
            self._source = sa.table(only, schema=schema or None)

    def sweep(self, connection: sa.Connection, now_us: int | None) -> None:
        """Read what is new and hand it over, page by page, and then the end.

        Args:
            connection: new; its transactions are ended between pages.
            now_us: the clock; None in a recording. A mark that is a time ahead of it does not carry reading along.

        Raises:
            MarkError: when the column named as mark cannot be one.
            sqlalchemy.exc.SQLAlchemyError: when the database does not answer, or not as it should.
        """
        highest = self._ask(connection, sa.select(sa.func.max(sa.column(self._settings.mark))))
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
            self._from = begin["from"] = top + 1
            self._latest = False
        self._notice_going_back(marks, top)
        while True:
            try:
                self._read(connection, marks, top, now_us, begin)
            except _KeyHasNullsError:
                self._log.warning("sql.key_has_nulls", key=self._key, action="reading without the key")
                self._key = []
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

    def _notice_going_back(self, marks: Marks, top: int) -> None:
        low = None if self._base is None else self._base - self._overlap(marks)
        behind = low is not None and top < low
        if behind and not marks.are_times:
            # Numbers begin anew with the table. Reading it whole repeats what is still there, and loses nothing.
            self._log.error("sql.mark_went_back", highest=top, was=self._base, action="reading the table anew")
            self._base = self._from = None
            self._seen.clear()
            self._hand_over(Page([], reset=True))
        elif behind and not self._behind:
            self._log.warning("sql.mark_went_back", highest=top, was=self._base, action="waiting for newer rows")
        self._behind = behind

    def _read(
        self, connection: sa.Connection, marks: Marks, top: int, now_us: int | None, begin: dict[str, int]
    ) -> None:
        limit = top if now_us is None or not marks.are_times else min(top, now_us)
        keep_from = limit - self._overlap(marks)
        rows: list[Row] = []
        size = self._settings.batch
        for read in self._rows(connection, marks, self._low(marks)):
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

    def _ask(self, connection: sa.Connection, query: Any) -> Any:
        with self._asking():
            value = connection.execute(query.select_from(self._source)).scalar()
            connection.rollback()
        return value

    def _count_nulls(self, connection: sa.Connection) -> None:
        self._counted = True
        missing = sa.select(sa.func.count()).where(sa.column(self._settings.mark).is_(None))
        nulls = self._ask(connection, missing)
        if nulls:
            self._log.warning("sql.null_marks", rows=nulls, mark=self._settings.mark, action="such rows are not read")

    def _rows(self, connection: sa.Connection, marks: Marks, low: int | None) -> Iterator[_Read]:
        """Yield rows in order, each once, whatever the borders of pages."""
        bound: tuple[object, ...] | None = None if low is None else (marks.bound(low),)
        border: set[bytes] = set()
        size = self._settings.batch
        while True:
            with self._asking():
                result = connection.execute(self._query(bound).limit(size))
                decode = self._decoder(list(result.keys()))
                found = [decode(row) for row in result.fetchall()]
                # Nobody waits for us inside a transaction of the database.
                connection.rollback()
            if bound is not None and border and len(found) == size and found[-1].place == bound:
                # A whole page cannot tell its rows apart: read on through them in one go.
                yield from self._crowd(connection, bound, border)
                if self._beyond is None:
                    return
                bound = self._beyond
                border = set()
                continue
            for read in found:
                if read.place != bound or read.digest not in border:
                    yield read
            if len(found) < size:
                return
            last = found[-1].place
            border = (border if last == bound else set()) | {read.digest for read in found if read.place == last}
            bound = last

    def _crowd(self, connection: sa.Connection, bound: tuple[object, ...], border: set[bytes]) -> Iterator[_Read]:
        """Yield the rest of the rows at ``bound``; sets ``_beyond`` to the place of the first row behind them."""
        self._beyond = None
        options = {"stream_results": True, "yield_per": self._settings.batch}
        with self._asking():
            result = connection.execute(self._query(bound).execution_options(**options))
            decode = self._decoder(list(result.keys()))
            rows = iter(result)
        try:
            while True:
                with self._asking():
                    row = next(rows, None)
                if row is None:
                    return
                read = decode(row)
                if read.place != bound:
                    self._beyond = read.place
                    return
                if read.digest not in border:
                    yield read
        finally:
            result.close()
            connection.rollback()

    def _query(self, bound: tuple[object, ...] | None) -> Any:
        mark: Any = sa.column(self._settings.mark)
        columns = [mark, *(sa.column(name) for name in self._key)]
        query = sa.select(sa.text("*")).select_from(self._source).order_by(*columns)
        if bound is None:
            return query.where(mark.is_not(None))
        # Written out, as not every database compares rows of values; the first term is for its index.
        return query.where(mark >= bound[0], _from_place(columns, bound))

    def _decoder(self, names: Sequence[str]) -> Callable[[Any], _Read]:
        encode = RowEncoder(names, self._zone, self._settings.max_record_bytes)
        at = [_index(names, name) for name in (self._settings.mark, *self._key)]

        def decode(row: Sequence[object]) -> _Read:
            place = tuple(row[index] for index in at)
            if None in place[1:]:
                raise _KeyHasNullsError
            encoded = encode(row)
            return _Read(place, place[0], encoded, blake2b(encoded.raw, digest_size=16).digest())

        return decode


def _judged(read: _Read, marks: Marks) -> Row:
    try:
        return Row(read.encoded, marks.number(read.mark))
    except MarkError as error:
        return Row(EncodedRow(read.encoded.raw, Reason.INVALID_TIME, str(error)), None)


def _from_place(columns: Sequence[Any], bound: Sequence[object]) -> Any:
    """Return the condition that columns, compared one after another, are at ``bound`` or behind it."""
    first, *rest = columns
    if len(bound) == 1:
        return first >= bound[0]
    return sa.or_(first > bound[0], sa.and_(first == bound[0], _from_place(rest, bound[1:]) | rest[0].is_(None)))


def _index(names: Sequence[str], wanted: str) -> int:
    """Return where a column is in a result: databases have their own mind about upper and lower case."""
    if wanted in names:
        return names.index(wanted)
    folded = [name.casefold() for name in names]
    if wanted.casefold() in folded:
        return folded.index(wanted.casefold())
    msg = f"the rows have no column {wanted!r}; there are: {', '.join(names)}"
    raise MarkError(msg)
