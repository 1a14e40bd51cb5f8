"""Rows of a table in the order of their marks, page by page, each once, whatever stands at the border of a page.

A page begins *at* the place (mark and key) of the last row of the page before, not behind it, and leaves out the rows
there that it had. So neither equal marks nor a key that tells rows apart badly can cost a row.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from pipeline.feeds.sql_marks import MarkError
from pipeline.feeds.sql_rows import EncodedRow, RowEncoder
from pipeline.feeds.sql_settings import SqlSettings

Place = tuple[object, ...]
_DIGEST_BYTES = 16


class Read(NamedTuple):
    """A row as it was read.

    Attributes:
        mark: as the database gave it.
        encoded: the row as a record.
        place: mark and key.
        digest: of the whole row.
    """

    mark: object
    encoded: EncodedRow
    place: Place
    digest: bytes


class KeyHasNullsError(Exception):
    """The columns named as key cannot tell rows apart."""


class Pager:
    """Reads rows from a table or query.

    Args:
        settings: of the feed.
        asking: is entered while the database is waited for.

    Attributes:
        key: columns that tell rows with the same mark apart.
    """

    def __init__(self, settings: SqlSettings, asking: Callable[[], AbstractContextManager[None]]) -> None:
        self.key = list(settings.key)
        self._settings = settings
        self._asking = asking
        self._zone = None if settings.zone is None else ZoneInfo(settings.zone)
        self._beyond: Place | None = None
        self._mark: Any = sa.column(settings.mark)
        if settings.query is not None:
            query = settings.query.strip().rstrip(";").replace(":", "\\:")
            self._source: Any = sa.text(f"({query}) AS q")
        else:
            schema, _, table = (settings.table or "").rpartition(".")
            self._source = sa.table(table, schema=schema or None)

    def highest(self, connection: sa.Connection) -> Any:
        """Return the highest mark that is there now; None without rows."""
        return self._scalar(connection, sa.select(sa.func.max(self._mark)))

    def nulls(self, connection: sa.Connection) -> int:
        """Return how many rows have no mark."""
        return int(self._scalar(connection, sa.select(sa.func.count()).where(self._mark.is_(None))))

    def rows(self, connection: sa.Connection, low: object | None) -> Iterator[Read]:
        """Yield the rows from a mark on.

        Args:
            connection: no transaction is left open on it between two rows, unless a whole page has one place.
            low: the mark; None: all rows that have one.

        Raises:
            KeyHasNullsError: when the key is NULL in a row.
            MarkError: when the rows do not have the columns.
        """
        bound: Place | None = None if low is None else (low,)
        border: set[bytes] = set()
        size = self._settings.batch
        while True:
            found = self._page(connection, bound)
            if bound is not None and border and len(found) == size and found[-1].place == bound:
                # A whole page cannot tell its rows apart: read on through them in one go.
                yield from self._crowd(connection, bound, border)
                if self._beyond is None:
                    return
                bound, border = self._beyond, set()
                continue
            for read in found:
                if read.place != bound or read.digest not in border:
                    yield read
            if len(found) < size:
                return
            last = found[-1].place
            border = (border if last == bound else set()) | {read.digest for read in found if read.place == last}
            bound = last

    def _page(self, connection: sa.Connection, bound: Place | None) -> list[Read]:
        with self._asking():
            result = connection.execute(self._query(bound).limit(self._settings.batch))
            decode = self._decoder(list(result.keys()))
            rows = result.fetchall()
            # Nobody waits for us inside a transaction of the database.
            connection.rollback()
        return [decode(row) for row in rows]

    def _crowd(self, connection: sa.Connection, bound: Place, border: set[bytes]) -> Iterator[Read]:
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

    def _scalar(self, connection: sa.Connection, query: Any) -> Any:
        with self._asking():
            value = connection.execute(query.select_from(self._source)).scalar()
            connection.rollback()
        return value

    def _query(self, bound: Place | None) -> Any:
        columns = [self._mark, *(sa.column(name) for name in self.key)]
        query = sa.select(sa.text("*")).select_from(self._source).order_by(*columns)
        if bound is None:
            return query.where(self._mark.is_not(None))
        # Written out, as not every database compares rows of values; the first term is for its index.
        return query.where(self._mark >= bound[0], _from_place(columns, bound))

    def _decoder(self, names: Sequence[str]) -> Callable[[Any], Read]:
        encode = RowEncoder(names, self._zone, self._settings.max_record_bytes)
        at = [_index(names, name) for name in (self._settings.mark, *self.key)]

        def decode(row: Sequence[object]) -> Read:
            place = tuple(row[index] for index in at)
            if None in place[1:]:
                raise KeyHasNullsError
            encoded = encode(row)
            return Read(place[0], encoded, place, blake2b(encoded.raw, digest_size=_DIGEST_BYTES).digest())

        return decode


def _from_place(columns: Sequence[Any], bound: Place) -> Any:
    """Return the condition that columns, compared one after another, are at ``bound`` or behind it."""
    first, *rest = columns
    if len(bound) == 1:
        return first >= bound[0]
    # A key that is NULL is let through, to be noticed.
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
