"""Why a record is not an event: the closed set of reasons, and the error that carries one."""

from enum import StrEnum

MAX_DETAIL_CHARS = 300


class Reason(StrEnum):
    """Why a record became a dead letter. The names are public: they are in the store, in metrics and in documents."""

    INVALID_UTF8 = "invalid_utf8"
    """The bytes are not UTF-8."""
    INVALID_JSON = "invalid_json"
    """Not JSON: malformed, cut short, empty, or nested too deeply."""
    TOO_LARGE = "too_large"
    """Larger than the feed's ``max_record_bytes``."""
    NOT_AN_OBJECT = "not_an_object"
    """JSON, but not an object."""
    UNKNOWN_TYPE = "unknown_type"
    """The event type is none that Makegood knows."""
    MISSING_FIELD = "missing_field"
    """A field that the event needs has no value."""
    WRONG_TYPE = "wrong_type"
    """A field holds a value of another type (a number where text is expected)."""
    INVALID_VALUE = "invalid_value"
    """A field's value is of the right type and not allowed (a sentiment of 7, an empty id, not a number)."""
    INVALID_TIME = "invalid_time"
    """A time that cannot be read, or without an offset where no zone is given."""
    TIME_OUT_OF_RANGE = "time_out_of_range"
    """A time before 1990 or from 2100 on."""
    FROM_FUTURE = "from_future"
    """Live: the event's time lies further ahead of the clock than the allowance."""
    TOO_LATE = "too_late"
    """Older than the horizon within which repeats are recognised."""
    INVALID_CSV = "invalid_csv"
    """A CSV row with another number of columns than the header, or with broken quotes."""
    UNREADABLE = "unreadable"
    """A compressed or Parquet file, or a stretch of a spool, is damaged and cannot be read."""
    UNDECODABLE = "undecodable"
    """Not in the format that the feed's settings name: no schema id before it, a schema that the registry does not know
    or that is of another kind, or bytes that do not fit their schema."""
    UNMAPPED_VALUE = "unmapped_value"
    """A value that the mapping's value map does not list, and no default."""


class RecordError(Exception):
    """A record is not an event.

    Attributes:
        reason: out of the closed set.
        detail: the field's path, what was expected and, in short, what was found; never the whole record.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {shortened(detail)}")
        self.reason = reason
        self.detail = shortened(detail)


def shortened(text: str, limit: int = MAX_DETAIL_CHARS) -> str:
    """Return ``text``, printable and cut to ``limit`` characters.

    >>> shortened("a" * 10, limit=4)
    'aaa…'
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return (
        cut
        if cut.isprintable()
        else "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cut)
    )


def shown(value: object, limit: int = 40) -> str:
    """Return a value as an error may show it: its repr, short.

    >>> shown("much too long to be shown whole", limit=12)
    "'much too l…"
    """
    if isinstance(value, str | bytes):
        value = value[:limit]
    elif isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    elif isinstance(value, int) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    return shortened(repr(value), limit)
