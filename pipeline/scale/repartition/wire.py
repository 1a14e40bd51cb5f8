"""Messages of the topics of events: events of upstream partitions, and how far those have come."""

from typing import Literal

import msgspec

_VERSION = 1
PART_BITS = 20
"""Bits of a place that number the events of one record."""
StatusName = Literal["reading", "caught_up", "unreachable"]


class Run(msgspec.Struct, array_like=True, frozen=True):
    """Events of an upstream partition, in its order.

    Attributes:
        partition: upstream, ``topic/number``.
        topic_id: of its topic: one that was made anew has another, and its places mean other events.
        before_us: the largest event time in the partition before the first of these.
        places: of each event: the offset of its record, and its number in it (:func:`place`). They rise.
        events: one CloudEvents JSON object each.
    """

    partition: str
    topic_id: str
    before_us: int
    places: list[int]
    events: list[bytes]


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """How far an upstream partition has come, behind all runs of the message.

    Attributes:
        newest_us: the largest event time in it.
        heard_us: the clock when the intake looked, where what follows is told.
        status: what its silence means.
        silent: it is read to its end, and has been quiet for the feed's ``idle_after``.
    """

    partition: str
    topic_id: str
    newest_us: int
    heard_us: int | None = None
    status: StatusName = "reading"
    silent: bool = False


class Message(msgspec.Struct, array_like=True, frozen=True):
    """What an intake writes to one partition at a time.

    Attributes:
        counts: how many partitions each upstream topic has, where marks tell of silence.
    """

    version: int
    feed: str
    runs: list[Run]
    marks: list[Mark]
    counts: dict[str, int]


class BadMessageError(ValueError):
    """A message of a topic of events cannot be used: says why, and what to do."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Message)


def place(offset: int, part: int = 0) -> int:
    """Return the place of event ``part`` of the record at an offset.

    >>> place(1) > place(0, 5) > place(0)
    True
    """
    return (offset << PART_BITS) | part


def encode(feed: str, runs: list[Run], marks: list[Mark], counts: dict[str, int]) -> bytes:
    """Return a message."""
    return _ENCODER.encode(Message(_VERSION, feed, runs, marks, counts))


def decode(message: bytes, feed: str) -> Message:
    """Return what :func:`encode` encoded.

    Raises:
        BadMessageError: when it is of another version or feed, or no message at all.
    """
    try:
        found = _DECODER.decode(message)
    except msgspec.DecodeError as error:
        msg = f"not a message of an intake: {error}; let nothing else write to this topic"
        raise BadMessageError(msg) from error
    if found.version != _VERSION:
        msg = f"a message of version {found.version}, this program reads {_VERSION}: upgrade all processes together"
        raise BadMessageError(msg)
    if found.feed != feed:
        msg = f"a message of feed {found.feed!r} in the topic of feed {feed!r}: each feed has a topic of its own"
        raise BadMessageError(msg)
    return found
