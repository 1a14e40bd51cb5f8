"""Patterns of ``%`` directives, compiled to parsers of local or offset times."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from config.durations import US_PER_SECOND
from pipeline.localtime import REMEMBERED, LocalTime, utc_midnight_us

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PATTERNS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "j": r"(?P<j>\d{1,3})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "z": r"(?P<z>[Zz]|[+-]\d{2}:?\d{2}(?::?\d{2})?)",
    "b": r"(?P<b>[A-Za-z]{3})",
    "B": r"(?P<b>[A-Za-z]{3,9})",
    "%": "%",
}


_DATE_THEN_TIME = re.compile(r"(?:[^% ]|%[YymdjbBF])+ (?:[^% ]|%[HIMSfpT])+")


def compile_pattern(pattern: str, local: LocalTime) -> Callable[[str], int]:
    """Compile a pattern like ``%d/%m/%Y %H:%M`` to a parser: text to microseconds; it raises ValueError.

    Raises:
        ValueError: for a pattern without year, month and day, or with a directive twice.
    """
    matcher = _matcher(pattern)

    def parse(text: str) -> tuple[int, int | None]:
        """Return the time, and when its day began where the day is of the usual length."""
        matched = matcher.fullmatch(text.strip())
        if matched is None:
            msg = f"not as {pattern}"
            raise ValueError(msg)
        part = matched.groupdict()
        year, month, day = _date_of(part)
        in_day_us = _in_day_us(part)
        offset = part.get("z")
        if offset is None:
            return local.to_us(year, month, day, in_day_us), local.midnight_us(year, month, day)
        return utc_midnight_us(year, month, day) + in_day_us - _offset_us(offset), None

    if _DATE_THEN_TIME.fullmatch(pattern) is None:
        return lambda text: parse(text)[0]
    return _by_halves(parse)


def _by_halves(parse: Callable[[str], tuple[int, int | None]]) -> Callable[[str], int]:
    """Remember dates and times of day apart: there are few of each, and many pairs of them."""
    midnights: dict[str, int] = {}
    clocks: dict[str, int] = {}

    def quick(text: str) -> int:
        day, _, clock = text.partition(" ")
        midnight_us = midnights.get(day)
        in_day_us = clocks.get(clock)
        if midnight_us is not None and in_day_us is not None:
            return midnight_us + in_day_us
        time_us, midnight_us = parse(text)
        # Halves with blanks of their own (at the ends, or two between) would not mean the same beside another half.
        if (
            midnight_us is not None
            and day
            and len(text.split()) == 2
            and len(day) + 1 + len(clock.strip()) == len(text)
        ):
            if len(midnights) + len(clocks) >= REMEMBERED:
                midnights.clear()
                clocks.clear()
            midnights[day] = midnight_us
            clocks[clock] = time_us - midnight_us
        return time_us

    return quick


def _matcher(pattern: str) -> re.Pattern[str]:
    expanded = pattern.replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d")
    pieces = re.split(r"%(.)", expanded)
    directives = [letter for letter in pieces[1::2] if letter != "%"]
    names = [letter.replace("B", "b") for letter in directives]
    has_date = ("Y" in names or "y" in names) and ("j" in names or (("m" in names or "b" in names) and "d" in names))
    if not has_date or len(set(names)) != len(names) or ("I" in names) != ("p" in names):
        msg = f"{pattern!r}: a time pattern needs year, month and day, no directive twice, and %I together with %p"
        raise ValueError(msg)
    text = "".join(
        _PATTERNS[piece] if index % 2 else re.sub(r"(\\?\s)+", r"\\s+", re.escape(piece))
        for index, piece in enumerate(pieces)
    )
    return re.compile(text, re.ASCII)


def _date_of(part: dict[str, str]) -> tuple[int, int, int]:
    short = part.get("y")
    # Two digits as POSIX has them: 69 to 99 are of the last century.
    year = int(part["Y"]) if short is None else int(short) + (1900 if int(short) >= 69 else 2000)
    day_of_year = part.get("j")
    if day_of_year is not None:
        found = date(year, 1, 1) + timedelta(days=int(day_of_year) - 1)
        if int(day_of_year) < 1 or found.year != year:
            msg = f"day {day_of_year} of {year}"
            raise ValueError(msg)
        return found.year, found.month, found.day
    name = part.get("b")
    return year, int(part["m"]) if name is None else _month(name), int(part["d"])


def _month(name: str) -> int:
    try:
        return _MONTHS.index(name[:3].lower()) + 1
    except ValueError:
        msg = f"{name!r} is not the English name of a month"
        raise ValueError(msg) from None


def _in_day_us(part: dict[str, str]) -> int:
    hour = int(part.get("H") or 0)
    twelve = part.get("I")
    if twelve is not None:
        if not 1 <= int(twelve) <= 12:
            msg = f"hour {twelve} of 12"
            raise ValueError(msg)
        hour = int(twelve) % 12 + (12 if part["p"] in "pP" else 0)
    minute = int(part.get("M") or 0)
    second = int(part.get("S") or 0)
    if hour > 23 or minute > 59 or second > 59:
        msg = f"time {hour}:{minute}:{second}"
        raise ValueError(msg)
    fraction = part.get("f")
    return ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + (
        0 if fraction is None else int(fraction.ljust(6, "0")[:6])
    )


def _offset_us(text: str) -> int:
    if text in "zZ":
        return 0
    digits = text[1:].replace(":", "")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        msg = f"offset {text}"
        raise ValueError(msg)
    size_us = ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND
    return -size_us if text[0] == "-" else size_us
