"""Messages of the topic of panes: how much a partition of a feed has for a window detector so far."""

import msgspec

from detectors.panes import PaneLayout, Panes

_VERSION = 1


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What a partition tells about the windows of a detector.

    Attributes:
        detector: name of its entry in the settings.
        source: the partition, ``feed/partition``.
        count: events of the partition that had been given to the detector; the sums are of the first ``count`` of
            them. What is told with a count that is not higher is known already: its sender began again from a snapshot.
        watermark_us: nothing of the partition comes any more for windows that end up to here.
        panes: the *whole* sums so far, of those panes that changed since the last message.
    """

    version: int
    detector: str
    source: str
    count: int
    watermark_us: int
    panes: bytes


class BadMessageError(ValueError):
    """A message of the topic of panes cannot be used: says why, and what to do."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Told)


def encode(detector: str, source: str, count: int, watermark_us: int, layout: PaneLayout, panes: Panes) -> bytes:
    """Return a message."""
    return _ENCODER.encode(Told(_VERSION, detector, source, count, watermark_us, layout.encode(panes)))


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
    if told.version != _VERSION:
        msg = f"a message of version {told.version}, this program reads {_VERSION}: upgrade all processes together"
        raise BadMessageError(msg)
    return told
