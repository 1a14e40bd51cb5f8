"""Reads the files of NAB and of the KPI data, row by row, whatever is wrong with a row."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple


class Row(NamedTuple):
    """One point as it stands in the file, and what it means.

    Attributes:
        texts: the fields as they are.
        time_s: seconds since the epoch; None where that cannot be read.
        value: NaN where it cannot be read.
    """

    texts: list[str]
    time_s: float | None
    value: float


def opened(path: Path) -> IO[str]:
    """Open a text file, compressed (``.gz``) or not. Bytes that are no UTF-8 are replaced."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def nab_rows(lines: IO[str]) -> Iterator[Row]:
    """Yield the points of a file with the columns ``timestamp`` and ``value``, in any order, or these two first."""
    time_column, value_column = 0, 1
    for number, fields in enumerate(csv.reader(lines)):
        if not fields:
            continue
        names = [field.strip().lower() for field in fields]
        if number == 0 and "timestamp" in names and "value" in names:
            time_column, value_column = names.index("timestamp"), names.index("value")
            continue
        time_text, value_text = _field(fields, time_column), _field(fields, value_column)
        yield Row([time_text, value_text], _seconds(time_text), _number(value_text))


def kpi_rows(lines: IO[str]) -> Iterator[Row]:
    """Yield the points of a file of epoch seconds, value, label. A heading is passed over."""
    for number, fields in enumerate(csv.reader(lines)):
        if not fields or (number == 0 and fields[0].strip().lower() in ("timestamp", "time")):
            continue
        texts = [_field(fields, 0), _field(fields, 1), _field(fields, 2) or "0"]
        time_s = _number(texts[0])
        yield Row(texts, time_s if time_s - time_s == 0.0 else None, _number(texts[1]))


def _field(fields: list[str], column: int) -> str:
    return fields[column].strip() if column < len(fields) else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        seconds = _number(text)
        return seconds if seconds - seconds == 0.0 else None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
