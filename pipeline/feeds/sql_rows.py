"""Rows of a database as JSON objects.

Times are RFC 3339 text in UTC (those without a zone take the feed's; where it has none they stay without an offset),
dates ``YYYY-MM-DD``, decimals text with all their digits, bytes base64, NULL and NaN null, values of JSON columns what
they are.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from pipeline.reasons import Reason
from pipeline.records.csvfile import distinct

_AS_TEXT = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_FAILURES = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)


def _other(value: object) -> object:
    if isinstance(value, _AS_TEXT):
        return str(value)
    raise NotImplementedError


_encode = msgspec.json.Encoder(decimal_format="string", enc_hook=_other).encode


class EncodedRow(NamedTuple):
    """A row as a record.

    Attributes:
        raw: JSON object. Of a row that is none: its values as text, as far as they have one.
        reason, detail: why the row is no record; None for one that is.
    """

    raw: bytes
    reason: Reason | None = None
    detail: str = ""


class RowEncoder:
    """Encodes the rows of one result.

    Args:
        names: of its columns; equal ones are numbered (``a``, ``a_2``).
        zone: of times without one.
        max_bytes: longer rows are bad records.
    """

    def __init__(self, names: Sequence[str], zone: ZoneInfo | None, max_bytes: int) -> None:
        self._names = distinct(names)
        self._zone = zone
        self._limit = max_bytes

    def __call__(self, row: Sequence[object]) -> EncodedRow:
        """Return the row as JSON; never raises."""
        try:
            values = [self._time(value) if isinstance(value, datetime) else value for value in row]
            raw = _encode(dict(zip(self._names, values, strict=True)))
        except (*_FAILURES, NotImplementedError):
            return self._bad(row)
        if len(raw) > self._limit:
            detail = f"the row has {len(raw)} bytes as JSON, at most {self._limit} are allowed"
            return EncodedRow(raw, Reason.TOO_LARGE, detail)
        return EncodedRow(raw)

    def _time(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            if self._zone is None:
                return value
            value = value.replace(tzinfo=self._zone)
        return value.astimezone(UTC)

    def _bad(self, row: Sequence[object]) -> EncodedRow:
        texts: dict[str, str | None] = {}
        troubles = []
        for name, value in zip(self._names, row, strict=True):
            texts[name] = None if value is None else str(value).encode("utf-8", "backslashreplace").decode()
            try:
                _encode(self._time(value) if isinstance(value, datetime) else value)
            except (*_FAILURES, NotImplementedError):
                troubles.append(f"{name} ({type(value).__name__})")
        columns = ", ".join(troubles)
        detail = f"not to be written as JSON: column {columns}; leave it out or CAST it in a query"
        return EncodedRow(_encode(texts)[: self._limit], Reason.WRONG_TYPE, detail)
