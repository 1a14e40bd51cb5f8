"""Messages of the topic of panes: how much a partition of a feed has for a window detector so far.

A newer program may write what an older one cannot read, in a rolling upgrade: such a message has a higher version, and
waits for a program that can (``pipeline.scale.holding``). Who changes the format of panes (``detectors.panes``) raises
the version here.
"""

import msgspec

from detectors.panes import PaneLayout, Panes

READS = 2
"""The highest version that this program reads."""
_WHOLE, _IN_PARTS = 1, 2
MAX_BYTES = 400_000
"""A message with more panes than fit is told in parts: clusters and clients refuse a message of more than 1 MB."""


class Told(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a partition tells about the windows of a detector.

    Attributes:
        version: of the message; ``2``: it is one of several parts.
        detector: name of its entry in the settings.
        source: the partition, ``feed/partition``.
        count: events of the partition that had been given to the detector; the sums are of the first ``count`` of
            them. What is told with a count that is not higher is known already: its sender began again from a snapshot.
        watermark_us: nothing of the partition comes any more for windows that end up to here.
        panes: the *whole* sums so far, of those panes that changed since the last message.
        life: within which counts go on: a sender that has lost its state has a new one, and counts from 0.
        begin, end: offset of the first record that its sums are of, and one behind the last; 0: not known.
        more: another part follows; the count holds with the last one.
    """

    version: int
    detector: str
    source: str
    count: int
    watermark_us: int
    panes: bytes
    life: str = ""
    begin: int = 0
    end: int = 0
    more: bool = False


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int


class BadMessageError(ValueError):
    """A message of the topic of panes cannot be used: says why, and what to do."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Told)
_HEADS = msgspec.msgpack.Decoder(_Head)


def encode(told: Told, layout: PaneLayout, panes: Panes) -> list[bytes]:
    """Return the messages that tell of ``panes``: one, or several where they are many.

    Args:
        told: everything else.
        layout: of the panes.
        panes: of one detector.
    """
    pieces = _pieces(layout, panes)
    version = _WHOLE if len(pieces) == 1 else _IN_PARTS
    last = len(pieces) - 1
    return [
        _ENCODER.encode(msgspec.structs.replace(told, version=version, panes=piece, more=number < last))
        for number, piece in enumerate(pieces)
    ]


def _pieces(layout: PaneLayout, panes: Panes) -> list[bytes]:
    piece = layout.encode(panes)
    if len(piece) <= MAX_BYTES or len(panes) == 1:
        return [piece]
    middle = len(panes) // 2
    return _pieces(layout, panes[:middle]) + _pieces(layout, panes[middle:])


def too_new(message: bytes) -> int | None:
    """Return the version of a message that a later program has written; None: it is none of those."""
    try:
        version = _HEADS.decode(message).version
    except msgspec.DecodeError:
        return None
    return version if version > READS else None


def decode(message: bytes) -> Told:
    """Return what :func:`encode` encoded; its panes are still bytes, for their detector's layout.

    Raises:
        BadMessageError: when it is of another version, or no message at all.
    """
    try:
        told = _DECODER.decode(message)
    except msgspec.DecodeError as error:
        msg = f"not a message of Makegood: {error}; let nothing else write to this topic"
        raise BadMessageError(msg) from error
    if not 1 <= told.version <= READS:
        msg = f"a message of version {told.version}, this program reads {READS}: upgrade all processes"
        raise BadMessageError(msg)
    return told
