"""Rows of a CSV file that grows, as JSON objects of strings. Offsets are byte offsets of the rows.

A row counts when its line end is there, and its quotes are closed. The header is kept from file to file: one that
begins with the same header has it passed over, one that begins with another header is read by that, and one that begins
with a row (its writer goes on after the file was emptied) by the header before.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO
from zlib import crc32

import msgspec
import structlog

from config.tables import CsvSettings
from pipeline.feeds.contract import BadRecord
from pipeline.reasons import Reason
from pipeline.records.contract import Cut
from pipeline.records.csvfile import Lines, TooLongError, distinct, encoding_of, problem_of
from pipeline.records.growing_lines import GrowingLines

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)

Columns = list[str]


class GrowingCsv:
    """Reads rows of one file; what ``pipeline.records.tail`` needs of a reader.

    Args:
        file: opened for reading bytes; closed with the reader.
        position: where to begin; a byte offset that an earlier reader gave.
        settings: how the file is written.
        max_record_bytes: longer rows are bad records.
        header: checksum of the columns that the rows before ``position`` have; 0: there are none.
        find: finds columns by their checksum: in the file before, or in those that lie beside this one.

    Attributes:
        columns: of the rows; None: not known yet.
    """

    def __init__(
        self,
        file: BinaryIO,
        position: int,
        *,
        settings: CsvSettings,
        max_record_bytes: int,
        header: int,
        find: Callable[[int], Columns | None],
    ) -> None:
        self.ended = False
        self.columns: Columns | None = None if settings.columns is None else distinct(settings.columns)
        self._settings = settings
        self._encoding = encoding_of(settings)
        self._limit = max_record_bytes
        self._file = file
        self._known: Columns | None = None
        if self.columns is None and header:
            own = first_row(file, settings, max_record_bytes)
            self._known = own if own and checksum(own) == header else find(header)
        self._at_top = position == 0
        if position:
            self.columns = self.columns or self._known
        self.position = position
        self._stuck_at = -1
        self._source = GrowingLines(file, position)
        self._lines = Lines(self._source, self._encoding, max_record_bytes)
        self._rows = self._parser()

    @property
    def header(self) -> int:
        """Checksum of the columns; 0: they are not known, or named in the settings."""
        known = self.columns or self._known
        return 0 if known is None or self._settings.columns is not None else checksum(known)

    @property
    def pending(self) -> bool:
        """Whether there are lines that have been read from the file already."""
        return self._source.pending

    @property
    def read_to(self) -> int:
        """The byte offset up to which the file has been read."""
        return self._source.read_to

    def finish(self) -> None:
        """The file is complete now: take its last row without a line end."""
        self._source.whole = True
        self.ended = False

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` rows."""
        offsets: list[int] = []
        records: list[bytes] = []
        cut = Cut(offsets, records, [])
        source = self._source
        if source.read_to == 0:
            self.position = source.skip_mark()
        if source.read_to == self._stuck_at and not source.whole and not source.grow():
            return cut
        while len(cut.records) + len(cut.bad) < max_records and not self.ended:
            row = self._next(cut)
            if row is None:
                break
            if row and not self._is_header(row):
                self._add(row, offsets, records, cut)
            self.position += sum(map(len, self._lines.row))
        return cut

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _parser(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self._settings.delimiter, quotechar=self._settings.quote)

    def _next(self, cut: Cut) -> list[str] | None:
        """Return the next row, empty for a blank line or a bad one; None when there is none now."""
        lines = self._lines
        lines.begin()
        try:
            row = next(self._rows)
        except StopIteration:
            return self._at_end(cut)
        except csv.Error as error:
            return self._give_up(cut, f"the row cannot be read: {error}")
        except TooLongError:
            return self._give_up(cut, f"a quote is not closed within {self._limit} bytes")
        if lines.unclosed:
            if self._source.whole:
                return self._give_up(cut, "a quote is not closed")
            # The rest of the row is still to come. Looking at it again is worth while when there is more of it.
            lines.give_back()
            self._rows = self._parser()
            self._stuck_at = self._source.read_to
            return None
        problem = problem_of(lines.row, self._encoding, self._limit)
        return row if problem is None else self._bad(cut, *problem)

    def _at_end(self, cut: Cut) -> list[str] | None:
        damage = self._source.damage
        if damage is not None:
            self._bad(cut, Reason.UNREADABLE, f"the gzip file is damaged behind this row: {damage}")
            self.position += 1
        self.ended = self._source.whole or damage is not None
        return None

    def _is_header(self, row: list[str]) -> bool:
        """At the beginning of a file: return whether the row names columns, and take them."""
        top, self._at_top = self._at_top, False
        if self.columns is not None or not top:
            return False
        names = distinct([name.encode("utf-8", "replace").decode() for name in row])
        known = self._known
        if known is None or names == known:
            self.columns = names
            return True
        if 2 * len(set(names) & set(known)) < min(len(names), len(known)):
            self.columns = known
            return False
        new, gone = sorted(set(names) - set(known)), sorted(set(known) - set(names))
        _log.warning("csv.columns_changed", file=getattr(self._file, "name", ""), new=new, gone=gone)
        self.columns = names
        return True

    def _add(self, row: list[str], offsets: list[int], records: list[bytes], cut: Cut) -> None:
        columns = self.columns
        if columns is None:
            hint = "name the columns in csv.columns"
            self._bad(cut, Reason.INVALID_CSV, f"the header of this file is gone with the file before; {hint}")
            return
        if len(row) == len(columns):
            offsets.append(self.position)
            records.append(_encode(dict(zip(columns, row, strict=True))))
            return
        self._bad(cut, Reason.INVALID_CSV, f"expected {len(columns)} columns as in the header, got {len(row)}")

    def _give_up(self, cut: Cut, detail: str) -> list[str]:
        """Make the row's first line a bad record and read on behind it."""
        self._lines.keep_first_line()
        self._rows = self._parser()
        return self._bad(cut, Reason.INVALID_CSV, detail)

    def _bad(self, cut: Cut, reason: Reason, detail: str) -> list[str]:
        cut.bad.append(BadRecord(self.position, b"".join(self._lines.row).rstrip(b"\r\n"), reason, detail))
        return []


def first_row(file: BinaryIO, settings: CsvSettings, max_record_bytes: int) -> Columns:
    """Return the columns that the first row of a file names; none where it has no row that can be read."""
    source = GrowingLines(file, 0)
    source.skip_mark()
    lines = Lines(source, encoding_of(settings), max_record_bytes)
    rows = csv.reader(lines, delimiter=settings.delimiter, quotechar=settings.quote)
    try:
        row = next((row for row in rows if row), [])
    except (csv.Error, TooLongError):
        return []
    finally:
        file.seek(0)
    return [] if lines.unclosed else distinct([name.encode("utf-8", "replace").decode() for name in row])


def checksum(columns: Sequence[str]) -> int:
    """Return a number that tells headers apart; never 0."""
    return crc32(_encode(columns)) or 1
