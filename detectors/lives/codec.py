"""Snapshots of lives as versioned plain data: the state up to a horizon, the facts since, and what was told."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from detectors.contract import SnapshotVersionError
from detectors.fingerprint import settings_checksum
from detectors.lives.facts import Fact
from detectors.lives.life import Open
from detectors.lives.telling import Told

VERSION = 4
READ_VERSIONS = (1, 2, 3, 4)
"""Version 1 had no lives that sleep, and nothing that waits for a life to begin; version 2 nothing that is dormant;
version 3 nothing that is packed."""


class Mark(NamedTuple):
    """By what a shard lived.

    Attributes:
        kind: of the detector; empty: states of before did not say.
        settings: checksum of what its lives follow from.
    """

    kind: str = ""
    settings: int = 0


def mark(settings: Any, calendars: Mapping[str, Any]) -> Mark:
    """Return by what a detector with these settings lives."""
    return Mark(settings.type, settings_checksum(settings, calendars))


class LifeImage(msgspec.Struct, array_like=True):
    """A life, as plain data.

    Attributes:
        wake_us: when it must be looked at again.
        horizon_us: everything before is in ``base``; no bytes there: nothing is.
        begun: episodes that were open at the horizon, with how many updates they had had.
        facts: since the horizon, in their order.
        told: episodes since the horizon, and those of ``begun``.
        asleep: nothing comes of it before ``wake_us`` but by another fact.
    """

    key: str
    wake_us: int
    horizon_us: int
    base: bytes
    begun: list[tuple[Open, int]]
    facts: list[Fact]
    told: list[Told]
    asleep: bool = False


class Head(msgspec.Struct, array_like=True):
    """What is not about any one life."""

    version: int
    watermark_us: int
    counts: dict[str, int]
    mark: Mark = Mark()


class Image(msgspec.Struct, array_like=True):
    """A shard."""

    version: int
    watermark_us: int
    counts: dict[str, int]
    lives: list[msgspec.Raw]
    strays: list[tuple[str, Fact]] = []
    mark: Mark = Mark()


ShapeT = TypeVar("ShapeT")
_ENCODER = msgspec.msgpack.Encoder()
_LIFE = msgspec.msgpack.Decoder(LifeImage)
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_HEAD = msgspec.msgpack.Decoder(Head)
_IMAGE = msgspec.msgpack.Decoder(Image)


def encode(value: Any) -> bytes:
    """Return the bytes of any of these shapes."""
    return _ENCODER.encode(value)


def decode_life(raw: bytes | msgspec.Raw) -> LifeImage:
    """Return a life from its bytes.

    Raises:
        SnapshotVersionError: for bytes that are no life.
    """
    try:
        return _LIFE.decode(raw)
    except msgspec.MsgspecError as error:
        msg = f"a life cannot be read: {error}"
        raise SnapshotVersionError(msg) from error


def decode_head(state: bytes) -> Head:
    """Return what is not about any one life.

    Raises:
        SnapshotVersionError: for bytes that another version wrote, or that are no snapshot at all.
    """
    return _checked(_HEAD, state)


def decode_image(state: bytes) -> Image:
    """Return a shard.

    Raises:
        SnapshotVersionError: for bytes that another version wrote, or that are no snapshot at all.
    """
    return _checked(_IMAGE, state)


def _checked(decoder: "msgspec.msgpack.Decoder[ShapeT]", state: bytes) -> ShapeT:
    version: Any = None
    try:
        version = msgspec.msgpack.decode(_PARTS.decode(state)[0])
        if version in READ_VERSIONS:
            return decoder.decode(state)
    except (msgspec.MsgspecError, IndexError) as error:
        msg = f"this is no snapshot of lives: {error}"
        raise SnapshotVersionError(msg) from error
    known = " and ".join(map(str, READ_VERSIONS))
    msg = f"a snapshot of version {version!r}; this program reads {known}"
    raise SnapshotVersionError(msg)
