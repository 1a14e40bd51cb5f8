"""The table of customers: CSV, Parquet or JSON Lines, into one profile a customer."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from config.enrichment import ProfileSettings
from config.values import scalar_text
from detectors.events import Profile
from pipeline.reasons import Reason, shown
from pipeline.records.contract import RecordReader
from pipeline.records.csvfile import CsvReader
from pipeline.records.lines import LineReader
from pipeline.records.opening import format_of, open_bytes, open_text_bytes

_MAX_ROW_BYTES = 1 << 20
_AT_ONCE = 10_000
_FIELDS = ("tier", "lifetime_value", "language", "contract")


class BadRow(msgspec.Struct, frozen=True):
    """A row of the table that is no profile. ``row`` counts from 1, the header not included."""

    row: int
    reason: Reason
    detail: str


class ProfilesError(Exception):
    """The table cannot be read: the message names the file or the column, and what was expected."""


class Profiles:
    """Profiles by customer.

    Attributes:
        by_customer: the profiles.
        bad: rows that are none. Of several rows of one customer the last holds; the others are among these.
    """

    def __init__(self, by_customer: dict[str, Profile], bad: list[BadRow]) -> None:
        self.by_customer = by_customer
        self.bad = bad


def fingerprint_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written anew (inode, size, time of change); None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def load_profiles(settings: ProfileSettings) -> Profiles:
    """Read the table.

    Raises:
        ProfilesError: when the file cannot be read or lacks a column that the settings name.
    """
    profiles: dict[str, Profile] = {}
    bad: list[BadRow] = []
    rows: dict[str, int] = {}
    reader = _Rows(settings)
    for number, record in _records(settings, bad):
        profile = reader.read(number, record, bad)
        if profile is None:
            continue
        earlier = rows.get(profile.customer)
        if earlier is not None:
            detail = f"customer {shown(profile.customer)} comes again in row {number}, which holds"
            bad.append(BadRow(earlier, Reason.INVALID_VALUE, detail))
        rows[profile.customer] = number
        profiles[profile.customer] = profile
    reader.check_columns()
    return Profiles(profiles, sorted(bad, key=lambda row: row.row))


def _records(settings: ProfileSettings, bad: list[BadRow]) -> Iterator[tuple[int, dict[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    try:
        reader = _reader(settings)
        number = 0
        while not reader.ended:
            cut = reader.take(_AT_ONCE)
            failed = {record.offset: record for record in cut.bad}
            whole = dict(zip(cut.offsets, cut.records, strict=True))
            for offset in sorted([*failed, *whole]):
                number += 1
                if offset in failed:
                    bad.append(BadRow(number, Reason(failed[offset].reason), failed[offset].detail))
                    continue
                record = whole[offset]
                try:
                    yield number, decode(record)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                    bad.append(BadRow(number, Reason.INVALID_JSON, f"expected a JSON object: {error}"))
        reader.close()
    except OSError as error:
        msg = f"profiles: path: cannot read {settings.path}: {error.strerror or error}"
        raise ProfilesError(msg) from error


def _reader(settings: ProfileSettings) -> RecordReader:
    path = settings.path
    try:
        format_ = format_of(path, settings.format)
    except ValueError as error:
        msg = f"profiles: {error}"
        raise ProfilesError(msg) from error
    if format_ == "parquet":
        from pipeline.records.parquet import ParquetReader  # noqa: PLC0415 - slow to load

        return ParquetReader(path, 0, max_record_bytes=_MAX_ROW_BYTES)
    if format_ == "csv":
        return CsvReader(open_text_bytes(path), 0, settings=settings.csv, max_record_bytes=_MAX_ROW_BYTES)
    return LineReader(open_bytes(path), 0, max_record_bytes=_MAX_ROW_BYTES, whole=True)


class _Rows:
    """Turns rows into profiles, and notes which columns there are."""

    def __init__(self, settings: ProfileSettings) -> None:
        self._settings = settings
        self._columns = {name: getattr(settings, name) or name for name in _FIELDS}
        self._missing = frozenset(settings.missing)
        self._seen: set[str] = set()
        self._count = 0

    def read(self, number: int, record: dict[str, Any], bad: list[BadRow]) -> Profile | None:
        self._seen.update(record)
        self._count += 1
        key = self._text(record, self._settings.key)
        if key is None:
            bad.append(BadRow(number, Reason.MISSING_FIELD, f"{self._settings.key}: expected a customer, got none"))
            return None
        column = self._columns["lifetime_value"]
        value = self._text(record, column)
        try:
            lifetime_value = None if value is None else float(value)
        except ValueError:
            lifetime_value = float("nan")
        if lifetime_value is not None and not abs(lifetime_value) < float("inf"):
            bad.append(BadRow(number, Reason.INVALID_VALUE, f"{column}: expected a number, got {shown(value)}"))
            return None
        texts: dict[str, str] = {
            name: self._text(record, self._columns[name]) or "" for name in ("tier", "language", "contract")
        }
        return Profile(customer=key, lifetime_value=lifetime_value, **texts)

    def _text(self, record: dict[str, Any], column: str) -> str | None:
        value = record.get(column)
        if value is None or isinstance(value, dict | list):
            return None
        text = scalar_text(value)
        return None if text in self._missing else text

    def check_columns(self) -> None:
        """Refuse a table without a column that the settings name."""
        named: Sequence[tuple[str, str | None]] = [
            ("key", self._settings.key),
            *((name, getattr(self._settings, name)) for name in _FIELDS),
        ]
        if self._count == 0:
            return
        for name, column in named:
            if column is not None and column not in self._seen:
                columns = ", ".join(sorted(self._seen)) or "none"
                msg = f"profiles: {name}: {self._settings.path} has no column {column!r}; there are: {columns}"
                raise ProfilesError(msg)
