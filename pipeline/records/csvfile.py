"""Rows of a CSV file as JSON objects of strings. Offsets are ordinals of the rows, from 0.

The :mod:`csv` module reads quotes, doubled quotes and line ends within fields. A row that it cannot read, or a quote
that is never closed, costs its first line only: reading goes on behind that.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

import msgspec

from config.tables import CsvSettings
from pipeline.feeds.contract import BadRecord
from pipeline.reasons import Reason
from pipeline.records.contract import Cut
from pipeline.records.lines import MAX_KEPT_BYTES
from pipeline.records.opening import DAMAGED

# The module's own limit on a field (131,072 characters) is one for the whole process; max_record_bytes is the one here.
csv.field_size_limit(MAX_KEPT_BYTES)
_BOM = b"\xef\xbb\xbf"
_encode = msgspec.json.Encoder().encode


class TooLongError(Exception):
    """A row goes on over more bytes than a record may have."""


class LineSource(Protocol):
    """As much of a file as is needed to read lines."""

    def readline(self) -> bytes:
        """Return the next line with its end; nothing where there is none now."""
        ...


class Lines:
    """Gives the csv module one line after another, and remembers the lines of the current row.

    Args:
        file: where lines come from.
        encoding: of the text.
        max_row_bytes: a row of several lines may have this many.

    Attributes:
        row: the lines of the row at hand.
        unclosed: the lines ended within a row, where a quote is open.
    """

    def __init__(self, file: LineSource, encoding: str, max_row_bytes: int) -> None:
        self._file = file
        self._encoding = encoding
        self._limit = max_row_bytes
        self._given_back: deque[bytes] = deque()
        self._first = True
        self._row_bytes = 0
        self.row: list[bytes] = []
        self.unclosed = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else self._file.readline()
        if not line:
            # The module asks for more only where a quote is open, or at the beginning of a row.
            self.unclosed = bool(self.row)
            raise StopIteration
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        self.row.append(line)
        self._row_bytes += len(line)
        if self._row_bytes > self._limit and len(self.row) > 1:
            raise TooLongError
        # Bytes that are no text stay visible as lone surrogates; the row is judged by its bytes.
        return line.decode(self._encoding, "surrogateescape")

    def begin(self) -> None:
        """Begin a row."""
        self.row = []
        self._row_bytes = 0
        self.unclosed = False

    def give_back(self) -> None:
        """Take the row as not read."""
        self._given_back.extendleft(reversed(self.row))
        self.begin()

    def keep_first_line(self) -> None:
        """Take all of the row but its first line as not read."""
        first, *rest = self.row
        self._given_back.extendleft(reversed(rest))
        self.row = [first]
        self.unclosed = False


class CsvReader:
    """Reads rows (the protocol is ``RecordReader``). Blank lines are no rows.

    Args:
        file: opened for reading bytes, buffered; closed with the reader.
        position: how many rows to skip.
        settings: how the file is written.
        max_record_bytes: longer rows are bad records.
    """

    def __init__(self, file: BinaryIO, position: int, *, settings: CsvSettings, max_record_bytes: int) -> None:
        self.position = 0
        self.ended = False
        self._file = file
        self._settings = settings
        self._limit = max_record_bytes
        self._skip_to = position
        self._encoding = encoding_of(settings)
        self._lines = Lines(file, self._encoding, max_record_bytes)
        self._rows = self._parser()
        self._columns: list[str] | None = None

    def _parser(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self._settings.delimiter, quotechar=self._settings.quote)

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` rows."""
        offsets: list[int] = []
        records: list[bytes] = []
        cut = Cut(offsets, records, [])
        columns = self._header() if self._columns is None else self._columns
        while self.position < self._skip_to and not self.ended:
            if self._next(cut) is not None:
                self.position += 1
            elif cut.bad:
                self.position += 1
                cut.bad.clear()
        add_offset, add = offsets.append, records.append
        count = len(columns)
        while len(cut.records) + len(cut.bad) < max_records:
            row = self._next(cut)
            if row is None:
                if self.ended:
                    break
                self.position += 1
                continue
            if len(row) == count:
                add_offset(self.position)
                add(_encode(dict(zip(columns, row, strict=True))))
            else:
                self._bad(cut, Reason.INVALID_CSV, f"expected {count} columns as in the header, got {len(row)}")
            self.position += 1
        return cut

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _header(self) -> list[str]:
        names = self._settings.columns
        if names is None:
            self._lines.begin()
            try:
                names = next(self._rows, [])
            except (csv.Error, TooLongError, *DAMAGED):
                # Every row will be bad for its number of columns: nothing is lost silently.
                names = []
        self._columns = distinct([name.encode("utf-8", "replace").decode() for name in names])
        return self._columns

    def _next(self, cut: Cut) -> list[str] | None:
        """Return the next row; None at the end, or with a bad record added to the cut."""
        lines = self._lines
        row: list[str] = []
        while not row:
            lines.begin()
            try:
                row = next(self._rows)
            except StopIteration:
                self.ended = True
                return None
            except csv.Error as error:
                self._give_up(cut, f"the row cannot be read: {error}")
                return None
            except TooLongError:
                self._give_up(cut, f"a quote is not closed within {self._limit} bytes")
                return None
            except DAMAGED as error:
                self._bad(cut, Reason.UNREADABLE, f"the gzip file is damaged behind this row: {error}")
                self._lines.row = []
                self._rows = iter(())
                return None
            if lines.unclosed:
                self._give_up(cut, "a quote is not closed")
                return None
        return row if self._is_text(cut) else None

    def _is_text(self, cut: Cut) -> bool:
        problem = problem_of(self._lines.row, self._encoding, self._limit)
        return True if problem is None else self._bad(cut, *problem)

    def _give_up(self, cut: Cut, detail: str) -> None:
        """Make the row's first line a bad record and read on behind it."""
        self._lines.keep_first_line()
        self._rows = self._parser()
        self._bad(cut, Reason.INVALID_CSV, detail)

    def _bad(self, cut: Cut, reason: Reason, detail: str) -> bool:
        cut.bad.append(BadRecord(self.position, b"".join(self._lines.row).rstrip(b"\r\n"), reason, detail))
        return False


def encoding_of(settings: CsvSettings) -> str:
    """Return the encoding to decode lines with: a mark at the beginning is taken off elsewhere."""
    return "utf-8" if settings.encoding.lower().replace("_", "-") == "utf-8-sig" else settings.encoding


def problem_of(row: Sequence[bytes], encoding: str, max_bytes: int) -> tuple[Reason, str] | None:
    """Return why the lines of a row are no text, or too long; None when they are well."""
    raw = row[0] if len(row) == 1 else b"".join(row)
    if len(raw) > max_bytes:
        return Reason.TOO_LARGE, f"the row has {len(raw)} bytes, at most {max_bytes} are allowed"
    if raw.isascii():
        return None
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        return Reason.INVALID_UTF8, f"byte {error.start} is not {encoding}: {error.reason}"
    return None


def distinct(names: Sequence[str]) -> list[str]:
    """Number columns that have one name: ``a, a`` becomes ``a, a_2``."""
    seen: dict[str, int] = {}
    columns = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        columns.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return columns
