"""What reads the files that are followed: lines, or CSV with a header that is kept from file to file."""

from pathlib import Path
from typing import BinaryIO

from config.tables import CsvSettings
from pipeline.records import rotation
from pipeline.records.contract import GrowingFactory, GrowingReader
from pipeline.records.growing_csv import Columns, GrowingCsv, checksum, first_row
from pipeline.records.lines import LineReader
from pipeline.records.opening import DAMAGED, open_bytes


def lines(max_record_bytes: int) -> GrowingFactory:
    """Return what reads the lines of a file that grows."""

    def build(file: BinaryIO, offset: int, header: int) -> GrowingReader:
        del header
        return LineReader(file, offset, max_record_bytes=max_record_bytes, whole=False)

    return build


class CsvFollower:
    """Reads the rows of one CSV file after another (a ``GrowingFactory``).

    Args:
        path: that is followed.
        settings: how the files are written.
        max_record_bytes: longer rows are bad records.
    """

    def __init__(self, path: Path, settings: CsvSettings, max_record_bytes: int) -> None:
        self._path = path
        self._settings = settings
        self._limit = max_record_bytes
        self._reader: GrowingCsv | None = None

    def __call__(self, file: BinaryIO, offset: int, header: int) -> GrowingReader:
        """Return the reader of one file."""
        reader = GrowingCsv(
            file, offset, settings=self._settings, max_record_bytes=self._limit, header=header, find=self._columns
        )
        self._reader = reader
        return reader

    def _columns(self, header: int) -> Columns | None:
        before = None if self._reader is None else self._reader.columns
        if before is not None and checksum(before) == header:
            return before
        for path in [*rotation.beside(self._path), self._path]:
            try:
                with open_bytes(path) as file:
                    columns = first_row(file, self._settings, self._limit)
            except (OSError, *DAMAGED):
                continue
            if columns and checksum(columns) == header:
                return columns
        return None
