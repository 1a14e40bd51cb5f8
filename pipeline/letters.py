"""A dead letter: a record that is no event, with its bytes and the reason."""

from typing import Literal

import msgspec

from pipeline.reasons import Reason

LetterStatus = Literal["new", "requeued", "replayed"]
REQUEUE_SUFFIX = "/requeue"
"""A record that comes out of the requeue of a feed has the feed's name with this behind it as its feed."""


def origin(feed: str) -> str:
    """Return the feed that the settings know.

    >>> origin("crm/requeue")
    'crm'
    """
    return feed.removesuffix(REQUEUE_SUFFIX)


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that is no event.

    Attributes:
        feed, partition, offset: where it was.
        part: number of the event within the record, where one event of several was turned away; else 0.
        raw: its bytes, whole.
        reason, detail: why it is none.
        mapped: ``raw`` is a CloudEvents event, whatever mapping the feed has.
    """

    feed: str
    partition: str
    offset: int
    part: int
    raw: bytes
    reason: Reason
    detail: str
    mapped: bool = False


class StoredLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter in the store. ``raw`` is None in lists, which carry only ``size`` in bytes."""

    id: int
    feed: str
    partition: str
    offset: int
    part: int
    reason: str
    detail: str
    size: int
    mapped: bool
    seen_at_us: int
    status: LetterStatus
    raw: bytes | None = None


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters; None: any. ``feed`` finds those of its requeue too."""

    feed: str | None = None
    reason: str | None = None
    status: LetterStatus | None = None
    since_us: int | None = None
    until_us: int | None = None
    ids: tuple[int, ...] | None = None


class Requeued(msgspec.Struct, frozen=True):
    """A record that waits to be read again. ``seq`` rises strictly; ``partition`` is where it was read first."""

    seq: int
    letter: int
    raw: bytes
    mapped: bool
    partition: str = ""


class Pruned(msgspec.Struct, frozen=True):
    """What was deleted from the store: letters, the bytes that their records took, and whether more should go."""

    letters: int
    bytes: int
    more: bool
