"""Ids as msgpack has them: so they stand in memory and in the changelog, and what is written is a copy."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

_LONGER = np.array((1 << 5, 1 << 8, 1 << 16))
"""Lengths of texts from which on there are more bytes before them, and (``_HEADERS``) how many there are."""
_HEADERS = np.array((1, 2, 3, 5))
_ENCODER = msgspec.msgpack.Encoder()
_FEW, _SHORT = 16, 1 << 16
_ROW = b"\x93"
"""Of three: source, ids, and whether they were added."""
_ADDED, _REMOVED = b"\xc3", b"\xc2"


def element(key: str) -> bytes:
    """Return an id as an element of an array."""
    return _ENCODER.encode(key)


def elements(keys: Sequence[str]) -> bytes:
    """Return ids as elements of an array, one after another.

    >>> elements(["a", "bc"]).hex()
    'a161a26263'
    """
    return _ENCODER.encode(keys)[len(array_of(len(keys))) :]


def sizes(keys: Sequence[str], *, ascii_only: bool) -> npt.NDArray[np.int64]:
    """Return how many bytes each of the ids takes in :func:`elements`.

    >>> sizes(["a", "b" * 32], ascii_only=True).tolist()
    [2, 34]
    """
    if not ascii_only:
        return np.fromiter(map(len, map(element, keys)), dtype=np.int64, count=len(keys))
    lengths = np.fromiter(map(len, keys), dtype=np.int64, count=len(keys))
    found: npt.NDArray[np.int64] = lengths + _HEADERS[np.searchsorted(_LONGER, lengths, side="right")]
    return found


def array_of(count: int) -> bytes:
    """Return what stands before the elements of an array."""
    if count < _FEW:
        return bytes((0x90 | count,))
    return b"\xdc" + count.to_bytes(2, "big") if count < _SHORT else b"\xdd" + count.to_bytes(4, "big")


def row(source: str, count: int, content: bytes, *, was_added: bool) -> bytes:
    """Return what the changelog has of some ids of a source; ``content`` is what :func:`elements` makes of them."""
    return b"".join((_ROW, element(source), array_of(count), content, _ADDED if was_added else _REMOVED))
