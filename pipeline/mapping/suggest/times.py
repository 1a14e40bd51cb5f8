"""Which fields hold times, how they are written, and what they are the times of."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from pipeline.localtime import NoOffsetError
from pipeline.mapping.suggest.columns import Column
from pipeline.timeparse import TimeParser, compile_times

_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%b %d %Y",
    "%d %B %Y",
    "%Y%m%d",
)
_CLOCKS = (" %H:%M:%S", " %H:%M", "T%H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "")
_PATTERNS = tuple(
    f"{date}{clock}{offset}"
    for date in _DATES
    for clock in _CLOCKS
    for offset in ("", " %z", "%z")
    if clock or not offset
)
_EPOCHS = ("epoch_s", "epoch_ms", "epoch_us")
_FROM_US, _TO_US = 946_684_800_000_000, 4_102_444_800_000_000  # 2000 to 2100
_MEANINGS: tuple[tuple[str, frozenset[str]], ...] = (
    ("other", frozenset({"birth", "birthday", "dob", "expires", "expiry", "expiration", "valid", "joined", "signup"})),
    (
        "deadline",
        frozenset({"due", "deadline", "promised", "promise", "estimated", "expected", "eta", "limit", "target"}),
    ),
    ("shipped", frozenset({"shipped", "ship", "shipping", "dispatched", "dispatch", "carrier", "fulfilled"})),
    ("delivered", frozenset({"delivered", "delivery", "arrived", "arrival"})),
    ("cancelled", frozenset({"cancelled", "canceled", "cancellation"})),
    ("refunded", frozenset({"refunded", "refund"})),
    ("returned", frozenset({"returned", "return"})),
    ("approved", frozenset({"approved", "approval", "authorized", "authorised"})),
    ("payment", frozenset({"paid", "settled"})),
    ("reopened", frozenset({"reopened"})),
    ("resolved", frozenset({"resolved", "solved", "resolution", "completed", "finished"})),
    ("closed", frozenset({"closed", "close"})),
    ("agent_reply", frozenset({"response", "reply", "replied", "responded"})),
    ("updated", frozenset({"updated", "update", "modified", "changed", "edited", "last"})),
)
_CREATED = frozenset({
    "created", "create", "creation", "opened", "open", "submitted", "submission", "received", "reported", "timestamp",
    "time", "date", "datetime", "at", "on", "occurred", "event", "posted", "ordered", "order", "purchased", "purchase",
    "bought", "placed", "start", "started", "recorded", "logged", "raised", "published", "utc",
})  # fmt: skip


class TimeColumn(NamedTuple):
    """A field that holds times.

    Attributes:
        column: the field.
        format: that all its values are read with.
        local: they have no offset.
        ambiguous: another format of day and month reads them as well.
        meaning: what happened then: ``created``, ``updated``, ``resolved``, ``deadline``, …; ``other``: nothing to map.
        likely: how much the name speaks for a time (0: nothing does).
        times_us: the times, in microseconds; None where there is none.
    """

    column: Column
    format: str
    local: bool
    ambiguous: str | None
    meaning: str
    likely: int
    times_us: tuple[int | None, ...]


def time_columns(columns: Sequence[Column]) -> list[TimeColumn]:
    """Return the fields that hold times in every record that has them."""
    found = []
    for column in columns:
        values = column.present
        if any(isinstance(value, bool) or not isinstance(value, str | int | float) for value in values):
            continue
        likely = sum(word in _CREATED or any(word in words for _, words in _MEANINGS) for word in column.words)
        readable = _readable(values, named=likely > 0)
        if readable is not None:
            format_, local, ambiguous = readable
            parse = _parser(format_, "UTC")
            times = tuple(None if value is None else parse(value) for value in column.values)
            found.append(TimeColumn(column, format_, local, ambiguous, meaning_of(column.words), likely, times))
    return found


def meaning_of(words: Sequence[str]) -> str:
    """Return what a time of that name is the time of.

    >>> meaning_of(("order", "delivered", "carrier", "date")), meaning_of(("opened", "at"))
    ('shipped', 'created')
    """
    return next((meaning for meaning, known in _MEANINGS if known.intersection(words)), "created")


def _readable(values: Sequence[Any], *, named: bool) -> tuple[str, bool, str | None] | None:
    """Return the format that reads all values, whether they lack an offset, and a rival format."""
    if all(isinstance(value, str) for value in values):
        if _reads("rfc3339", values):
            return "rfc3339", False, None
        if all("-" in value[:8] for value in values) and _reads("iso8601", values):
            return "iso8601", not _reads("iso8601", values, zone=None), None
        fitting = [pattern for pattern in _PATTERNS if _reads(pattern, values)]
        if fitting:
            rival = _rival(fitting)
            return fitting[0], "%z" not in fitting[0], rival
    if not named and not all(isinstance(value, int) and value > 10**9 for value in values):
        return None  # many numbers could be times; few are
    return next(((unit, False, None) for unit in _EPOCHS if _reads(unit, values)), None)


def _rival(fitting: Sequence[str]) -> str | None:
    """Return the format that exchanges day and month, where it reads the values too."""
    swapped = fitting[0].replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")
    return swapped if swapped != fitting[0] and swapped in fitting else None


@cache
def _parser(format_: str, zone: str | None) -> TimeParser:
    return compile_times([format_], zone)


def _reads(format_: str, values: Sequence[Any], *, zone: str | None = "UTC") -> bool:
    parse = _parser(format_, zone)
    try:
        return all(_FROM_US <= parse(value) < _TO_US for value in values)
    except (ValueError, OverflowError, NoOffsetError):
        return False
