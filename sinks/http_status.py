"""What an HTTP answer means for a delivery, and ``Retry-After``."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from sinks.contract import Failure, Reason
from sinks.http_answer import HttpAnswer

LONGEST_RETRY_AFTER_US = 3_600 * 1_000_000

# RFC 9110 section 15 (https://www.rfc-editor.org/rfc/rfc9110#section-15), 429 from RFC 6585. True: permanent.
_MEANINGS: dict[int, tuple[Reason, bool]] = {
    401: (Reason.AUTH, True),
    402: (Reason.AUTH, True),
    403: (Reason.AUTH, True),
    404: (Reason.BAD_RECIPIENT, True),
    407: (Reason.AUTH, True),
    408: (Reason.TIMEOUT, False),
    410: (Reason.BAD_RECIPIENT, True),
    421: (Reason.SERVER_ERROR, False),
    423: (Reason.SERVER_ERROR, False),
    425: (Reason.SERVER_ERROR, False),
    429: (Reason.RATE_LIMITED, False),
    501: (Reason.REJECTED, True),
    505: (Reason.REJECTED, True),
    511: (Reason.AUTH, True),
}


def http_failure(
    status: int, detail: str, *, retry_after: str | None = None, now_us: int | None = None
) -> Failure | None:
    """Return what ``status`` (100 to 599) means: None for 2xx, else the failure.

    3xx is refused, because redirects are not followed: the far side could send us, and what we carry, anywhere. Of the
    rest, 5xx may pass by itself, 4xx will not, with the exceptions of the table above. An answer is never ambiguous:
    the far side has said that it did not take the message. (504 is: a proxy in between gave up waiting.)

    Args:
        status: of the answer.
        detail: for people.
        retry_after: the header, in either form.
        now_us: the time of the answer (its ``Date``), for the form with a date; None when it does not say.
    """
    if 200 <= status < 300:
        return None
    if status in _MEANINGS:
        reason, is_permanent = _MEANINGS[status]
    elif 500 <= status < 600:
        reason, is_permanent = Reason.SERVER_ERROR, False
    else:
        reason, is_permanent = Reason.REJECTED, True
    return Failure(
        reason=reason,
        permanent=is_permanent,
        detail=detail,
        ambiguous=status == 504,
        retry_after_us=None if retry_after is None or is_permanent else parse_retry_after(retry_after, now_us),
        retry_at_us=None if retry_after is None or is_permanent or now_us is not None else http_date_us(retry_after),
    )


def answer_failure(
    answer: HttpAnswer, detail: str, *, status: int | None = None, retry_after: str | None = None
) -> Failure | None:
    """Return what an answer means by its status; None for 2xx.

    Args:
        answer: its headers ``Retry-After`` and ``Date`` are read.
        detail: for people.
        status: in place of the answer's own.
        retry_after: where the header of that name is missing.
    """
    meant = answer.status_code if status is None else status
    if 200 <= meant < 300:
        return None
    said = answer.headers.get("Retry-After", retry_after)
    return http_failure(meant, detail, retry_after=said, now_us=http_date_us(answer.headers.get("Date", "")))


def parse_retry_after(text: str, now_us: int | None) -> int | None:
    """Return how long to wait, in microseconds, at most an hour; None when ``text`` says nothing usable.

    Args:
        text: seconds, or an HTTP date (RFC 9110 section 10.2.3).
        now_us: the answer's own ``Date``, or the clock; None: a date cannot be used.

    >>> parse_retry_after("2", None)
    2000000
    >>> parse_retry_after("Sat, 21 Feb 2015 12:00:05 GMT", 1_424_520_000_000_000)
    5000000
    """
    if text.strip().isdecimal() and text.strip().isascii():
        seconds = text.strip()
        return LONGEST_RETRY_AFTER_US if len(seconds) > 6 else min(int(seconds) * 1_000_000, LONGEST_RETRY_AFTER_US)
    if now_us is None:
        return None
    until_us = http_date_us(text)
    return None if until_us is None else max(0, min(until_us - now_us, LONGEST_RETRY_AFTER_US))


def http_date_us(text: str) -> int | None:
    """Return an HTTP date as microseconds since 1970; None when it is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    try:
        return int(aware.timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        return None
