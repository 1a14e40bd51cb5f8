"""Blocks of strays as bytes (:mod:`detectors.promises.blocks`), and what they are called in a snapshot."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.contract import SnapshotVersionError
from detectors.packed import Packed

_BLOCK = b"\xc1"
"""Before the bytes of a block, twice before those of a piece. No image of a case begins so: it is none of msgpack's."""
_NAME = "\x00"
"""Before their names. The name of a case begins with its family."""
_ENCODER = msgspec.msgpack.Encoder()


class BlockImage(msgspec.Struct, array_like=True):
    """A block, as plain data.

    Attributes:
        plan: which promises it was found out for.
        earliest_us: by these, nothing is said earlier of a case.
        keep_us: by these, strays are kept for so long.
        left: which events were no strays of it when it was written.
        rows: the events, packed.
    """

    family: str
    number: int
    plan: int
    earliest_us: int
    keep_us: int
    left: bytes
    rows: bytes


class PieceImage(msgspec.Struct, array_like=True):
    """Which events of a block have left since the piece before, as plain data; ``piece`` counts from 1."""

    family: str
    number: int
    piece: int
    left: bytes


_BLOCK_DECODER = msgspec.msgpack.Decoder(BlockImage)
_PIECE_DECODER = msgspec.msgpack.Decoder(PieceImage)


class Terms(NamedTuple):
    """What all blocks of a family share: what stands in a :class:`BlockImage`."""

    family: str
    plan: int
    earliest_us: int
    keep_us: int


def block_name(family: str, number: int, piece: int) -> str:
    r"""Return the name of a piece of a block, or of the block itself, which is piece 0.

    >>> block_name("case", 12, 0), block_name("case", 12, 3)
    ('\x00case/12', '\x00case/12/3')
    """
    return f"{_NAME}{family}/{number}/{piece}" if piece else f"{_NAME}{family}/{number}"


def block_names(family: str, number: int, images: int) -> list[str]:
    """Return the names of a block and its pieces; of a block alone, when nothing is written yet."""
    return [block_name(family, number, piece) for piece in range(images or 1)]


def is_name_of_blocks(name: str) -> bool:
    """Say whether a name is of a block or a piece, and of no case."""
    return name[:1] == _NAME


def block_of(name: str) -> tuple[str, int, int]:
    r"""Return the family, the number and the piece that a name stands for.

    >>> block_of("\x00case/12"), block_of("\x00case/12/3")
    (('case', 12, 0), ('case', 12, 3))
    """
    family, number, piece = f"{name[1:]}/0".split("/")[:3]
    return family, int(number), int(piece)


def encode_block(terms: Terms, number: int, left: Sequence[int], rows: Packed) -> bytes:
    """Return the bytes of a :class:`BlockImage`."""
    return _BLOCK + _ENCODER.encode((terms.family, number, *terms[1:], _packed(left), rows.image))


def encode_piece(family: str, number: int, piece: int, left: Sequence[int]) -> bytes:
    """Return the bytes of a :class:`PieceImage`."""
    return _BLOCK * 2 + _ENCODER.encode((family, number, piece, _packed(left)))


def _packed(places: Sequence[int]) -> bytes:
    return np.array(places, dtype="<u4").tobytes()


def _places(packed: bytes) -> list[int]:
    found: list[int] = np.frombuffer(packed, dtype="<u4").tolist()
    return found


class Written:
    """A block with its pieces, as it was written.

    Attributes:
        number: of the block. ``terms``: by which it was written.
        rows: the events. ``left``, ``edges``: as in :class:`~detectors.promises.blocks.Block`.
    """

    def __init__(self, image: BlockImage, pieces: Iterable[PieceImage]) -> None:
        self.number = image.number
        self.terms = Terms(image.family, image.plan, image.earliest_us, image.keep_us)
        self.rows = Packed.read(image.rows)
        self.left = _places(image.left)
        self.edges = [len(self.left)]
        for piece in sorted(pieces, key=lambda one: one.piece):
            self.left += _places(piece.left)
            self.edges.append(len(self.left))

    @property
    def names(self) -> list[str]:
        """The names of its images."""
        return block_names(self.terms.family, self.number, len(self.edges))


def is_of_blocks(image: bytes) -> bool:
    """Say whether an image is of a block, and of no case."""
    return image[:1] == _BLOCK


def read_blocks(images: Iterable[bytes]) -> list[Written]:
    """Return blocks, in the order in which they came, from their images and those of their pieces.

    Raises:
        SnapshotVersionError: when this code cannot read them.
    """
    blocks: list[BlockImage] = []
    pieces: dict[tuple[str, int], list[PieceImage]] = {}
    try:
        for raw in images:
            if raw[1:2] == _BLOCK:
                piece = _PIECE_DECODER.decode(memoryview(raw)[2:])
                pieces.setdefault((piece.family, piece.number), []).append(piece)
            else:
                blocks.append(_BLOCK_DECODER.decode(memoryview(raw)[1:]))
    except msgspec.MsgspecError as error:
        msg = f"cases of sla_breach that came many at a time cannot be read: {error}"
        raise SnapshotVersionError(msg) from error
    blocks.sort(key=lambda block: block.number)
    return [Written(block, pieces.get((block.family, block.number), ())) for block in blocks]
