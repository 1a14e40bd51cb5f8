"""Compiled time parsers: text, or a number, to integer microseconds since 1970 UTC.

``strptime`` costs about 5 microseconds a call; these parsers cost about one, and far less for what was seen lately.
Numbers need no leading zeros (``10/2/2017 9:05``). Local times follow the rule of RFC 5545 (:mod:`pipeline.localtime`).
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from config.durations import US_PER_SECOND
from pipeline.localtime import EPOCH, REMEMBERED, LocalTime, NoOffsetError, timedelta_us
from pipeline.timepatterns import compile_pattern

TimeParser = Callable[[object], int]
"""``parser(value) -> microseconds``; raises ValueError, saying what was expected. Range is not its business."""

_UNITS = {"epoch_s": US_PER_SECOND, "epoch_ms": 1_000, "epoch_us": 1}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def compile_times(formats: Sequence[str], zone: str | None) -> TimeParser:
    """Return a parser that tries ``formats`` in order.

    Args:
        formats: ``rfc3339``, ``iso8601``, ``epoch_s``, ``epoch_ms``, ``epoch_us`` or patterns of ``%`` directives
            (English names of months).
        zone: IANA name for times without an offset; None: such times are refused.

    Raises:
        ValueError: for no format, a pattern without year, month and day, or one with a directive twice.

    >>> parse = compile_times(["%d/%m/%Y %H:%M"], "Europe/London")
    >>> parse("1/7/2024 9:05") == parse("01/07/2024 09:05") == 1719821100000000
    True
    """
    local = LocalTime(None if zone is None else ZoneInfo(zone))
    parsers = [_compiled(text, local) for text in formats]
    expected = " or ".join(formats)
    if not parsers:
        msg = "at least one time format is needed"
        raise ValueError(msg)

    def parse(value: object) -> int:
        without_offset: NoOffsetError | None = None
        for parser in parsers:
            try:
                return parser(value)
            except NoOffsetError as error:
                without_offset = error
            except (ValueError, OverflowError):
                continue
        if without_offset is not None:
            raise without_offset
        msg = f"expected a time as {expected}"
        raise ValueError(msg)

    return parse


def _compiled(text: str, local: LocalTime) -> TimeParser:
    if text in _UNITS:
        return _epoch(_UNITS[text])
    if text == "rfc3339":
        return _of_text(_rfc3339)
    if text == "iso8601":
        return _of_text(_iso8601(local))
    return _of_text(compile_pattern(text, local), remember="%z" in text)


def _of_text(parse: Callable[[str], int], *, remember: bool = True) -> TimeParser:
    """Refuse what is not text; keep the answers for texts seen lately, as exports repeat their times."""
    seen: dict[str, int] = {}

    def of_text(value: object) -> int:
        if not isinstance(value, str):
            msg = "expected text"
            raise ValueError(msg)
        if not remember:
            return parse(value)
        found = seen.get(value)
        if found is None:
            found = parse(value)
            if len(seen) >= REMEMBERED:
                seen.clear()
            seen[value] = found
        return found

    return of_text


def _rfc3339(text: str) -> int:
    if _RFC3339.fullmatch(text) is None:
        try:
            without_offset = datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            without_offset = False
        if without_offset:
            msg = "no offset in the time: rfc3339 needs one; with a zone, iso8601 does not"
            raise NoOffsetError(msg)
        msg = "not RFC 3339"
        raise ValueError(msg)
    return timedelta_us(datetime.fromisoformat(text.upper()) - EPOCH)


def _iso8601(local: LocalTime) -> Callable[[str], int]:
    def parse(text: str) -> int:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return timedelta_us(time - EPOCH)
        in_day_us = ((time.hour * 60 + time.minute) * 60 + time.second) * US_PER_SECOND + time.microsecond
        return local.to_us(time.year, time.month, time.day, in_day_us)

    return parse


def _epoch(unit_us: int) -> TimeParser:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            msg = "expected a number"
            raise ValueError(msg)
        if isinstance(value, int):
            return value * unit_us
        try:
            # A float through its shortest decimal text: what the sender wrote.
            number = Decimal(str(value).strip())
        except InvalidOperation as error:
            msg = "expected a number"
            raise ValueError(msg) from error
        if not number.is_finite() or number.adjusted() > 24:
            msg = "expected a number of reasonable size"
            raise ValueError(msg)
        return int((number * unit_us).to_integral_value())

    return parse
