"""Chunks: facts of one span of event time that came between two snapshots, written once and forgotten as a whole."""

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from detectors.contract import SnapshotVersionError
from detectors.lives.facts import Fact, PlainStep

SPAN_US = 600_000_000
"""Short enough that little is kept for longer than it must be; of a lateness of a day there are 145 to look through."""
_CHUNK = b"\xc1"
"""Before the bytes of a chunk. No image of a life begins so: the byte is none of msgpack's."""


class Chunk(msgspec.Struct, array_like=True):
    """Strays of one span that came between two snapshots: keys and facts."""

    span: int
    number: int
    kept: list[tuple[str, Fact]]


class Piece(msgspec.Struct, array_like=True):
    """Some of what came to be dormant of one span: plain steps, keys with the facts of others, or a packed block."""

    plain: list[PlainStep]
    others: list[tuple[str, Fact]]
    block: bytes = b""

    def facts(self) -> Iterator[tuple[str, Fact]]:
        """Yield keys and facts, but for those of the block."""
        for step in self.plain:
            yield step.key, step.fact()
        yield from self.others


class Pieces(msgspec.Struct, array_like=True):
    """What came to be dormant of one span between two snapshots, piece by piece.

    In place of a piece may stand a key, of which nothing is kept any more of what came before, in this span and in
    earlier ones.
    """

    span: int
    number: int
    pieces: list[Piece | str]


class Blocks(msgspec.Struct, array_like=True):
    """Strays of one span that came between two snapshots, in blocks that are packed."""

    span: int
    number: int
    blocks: list[bytes]


ShapeT = TypeVar("ShapeT", Chunk, Pieces, Blocks)


class Kind(Generic[ShapeT]):
    """A kind of chunks: how they are marked and named, and their shape.

    Args:
        mark: before the bytes of one.
        name: before the name of one; after a null byte a key's image has another.
        shape: what stands in them.
    """

    def __init__(self, mark: bytes, name: str, shape: type[ShapeT]) -> None:
        self._mark = mark
        self._name = name
        self._decoder: msgspec.msgpack.Decoder[ShapeT] = msgspec.msgpack.Decoder(shape)

    def name(self, number: int) -> str:
        """Return the name of a chunk."""
        return f"{self._name}{number}"

    def write(self, span: int, number: int, kept: object) -> bytes:
        """Return the bytes of a chunk."""
        return self._mark + _ENCODER.encode((span, number, kept))

    def read(self, image: bytes) -> ShapeT:
        """Return a chunk from its bytes.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        try:
            return self._decoder.decode(memoryview(image)[len(self._mark) :])
        except msgspec.MsgspecError as error:
            msg = f"what waits for a life to begin cannot be read: {error}"
            raise SnapshotVersionError(msg) from error


_ENCODER = msgspec.msgpack.Encoder()
_PIECE = msgspec.msgpack.Decoder(Piece)
write_piece = _ENCODER.encode
"""Returns the bytes of a piece, given as a tuple of the same."""
read_piece = _PIECE.decode
"""Returns the piece of which :func:`write_piece` made these bytes."""
STRAYS = Kind(_CHUNK, "\x00\x01", Chunk)
DORMANT = Kind(_CHUNK * 2, "\x00\x02", Pieces)
BLOCKS = Kind(_CHUNK * 3, "\x00\x03", Blocks)
_KINDS: tuple[Kind[Chunk] | Kind[Pieces] | Kind[Blocks], ...] = (STRAYS, DORMANT, BLOCKS)


def kind_of(image: bytes) -> Kind[Chunk] | Kind[Pieces] | Kind[Blocks] | None:
    """Return which kind of chunk an image is; None for a life."""
    marks = 0
    while image[marks : marks + 1] == _CHUNK:
        marks += 1
    return _KINDS[min(marks, len(_KINDS)) - 1] if marks else None


def image_name(key: str) -> str:
    r"""Return the name of a key's image, which is no chunk's.

    >>> image_name("cust-1"), image_name("\x00\x01odd")
    ('cust-1', '\x00\x00\x01odd')
    """
    return f"\x00{key}" if key[:1] == "\x00" else key


def image_key(name: str) -> str | None:
    r"""Return the key that the name of an image stands for; None for the name of a chunk.

    >>> image_key("cust-1"), image_key("\x00\x00\x01odd"), image_key("\x00\x027")
    ('cust-1', '\x00\x01odd', None)
    """
    if name[:1] != "\x00":
        return name
    return name[1:] if name[1:2] == "\x00" else None
