"""Readers of files that are complete."""

from pathlib import Path

from config.tables import CsvSettings, TableFormat
from pipeline.records.contract import RecordReader
from pipeline.records.csvfile import CsvReader
from pipeline.records.lines import LineReader
from pipeline.records.opening import open_bytes, open_text_bytes


def open_reader(
    path: Path, position: int, format_: TableFormat, csv: CsvSettings, max_record_bytes: int
) -> RecordReader:
    """Return the reader of a file that is complete.

    Args:
        path: the file; gzip where its name says so.
        position: that an earlier reader gave; 0: the beginning.
        format_: of the file.
        csv: how CSV is written.
        max_record_bytes: longer records are bad.

    Raises:
        OSError: when it cannot be opened.
    """
    if format_ == "parquet":
        from pipeline.records.parquet import ParquetReader  # noqa: PLC0415 - slow to load

        return ParquetReader(path, position, max_record_bytes=max_record_bytes)
    if format_ == "csv":
        return CsvReader(open_text_bytes(path), position, settings=csv, max_record_bytes=max_record_bytes)
    return LineReader(open_bytes(path), position, max_record_bytes=max_record_bytes, whole=True)
