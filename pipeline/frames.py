"""Files of framed pieces, of which a snapshot says how much counts: each piece after its length and checksum."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zlib import crc32

_HEADER_BYTES = 8


class StateLogDamagedError(Exception):
    """A file is shorter than the snapshot says, or holds other bytes: it was changed from outside."""


def header(piece: bytes) -> bytes:
    """Return what stands before a piece."""
    return len(piece).to_bytes(4, "big") + crc32(piece).to_bytes(4, "big")


def pieces(path: Path, length: int) -> Iterator[bytes]:
    """Yield the pieces in the first ``length`` bytes of a file.

    Raises:
        StateLogDamagedError: when they are not all there and whole.
    """
    at = 0
    with path.open("rb") if path.exists() else BytesIO() as file:
        while at < length:
            head = file.read(_HEADER_BYTES)
            size = int.from_bytes(head[:4], "big")
            piece = file.read(size)
            at += _HEADER_BYTES + size
            whole = len(head) == _HEADER_BYTES and len(piece) == size and at <= length
            if not whole or crc32(piece) != int.from_bytes(head[4:], "big"):
                msg = (
                    f"{path} is damaged before byte {at}, the snapshot says {length}: the recovery folder was "
                    "changed from outside; restore it whole or start afresh"
                )
                raise StateLogDamagedError(msg)
            yield piece


def files(folder: Path, name: str, ending: str) -> dict[int, Path]:
    """Return the files ``name.NUMBER.ending`` of a folder, by number. Names may have dots: ``a.1`` is not ``a``."""
    form = re.compile(re.escape(f"{name}.") + r"(\d{8,})" + re.escape(f".{ending}"))
    found = ((form.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in found if match is not None}
