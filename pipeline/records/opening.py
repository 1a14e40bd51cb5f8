"""Opening files of records: their format by name, and plain gzip."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from config.tables import TableFormat

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a damaged gzip file raises."""
_SUFFIXES: dict[str, TableFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".log": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def is_gzip(path: Path) -> bool:
    """Return whether a file's name says that it is gzip."""
    return path.suffix.lower() == ".gz"


def format_of(path: Path, given: TableFormat | None) -> TableFormat:
    """Return the format of a file: the given one, or by its name.

    Raises:
        ValueError: when the name does not say.
    """
    if given is not None:
        return given
    named = path.with_suffix("") if is_gzip(path) else path
    found = _SUFFIXES.get(named.suffix.lower())
    if found is None:
        msg = f"{path}: the name does not say the format; set format to jsonl, csv or parquet"
        raise ValueError(msg)
    return found


def followed_format(path: Path, given: TableFormat | None) -> TableFormat:
    """Return the format of a file that is followed: the given one, or by any part of its name, or JSON Lines.

    >>> followed_format(Path("orders.csv.1"), None)
    'csv'
    """
    if given is not None:
        return given
    return next(
        (_SUFFIXES[suffix.lower()] for suffix in reversed(path.suffixes) if suffix.lower() in _SUFFIXES), "jsonl"
    )


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, through gzip where its name says so. Reads are large: there is no further buffer."""
    return cast("BinaryIO", gzip.open(path, "rb")) if is_gzip(path) else path.open("rb", buffering=0)


def open_text_bytes(path: Path) -> BinaryIO:
    """Open a file for reading line by line, through gzip where its name says so."""
    return cast("BinaryIO", gzip.open(path, "rb")) if is_gzip(path) else path.open("rb", buffering=1 << 20)
