"""An append-only file of msgpack-encoded items that can be cut back to a known length."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

ItemT = TypeVar("ItemT")
_LENGTH_BYTES = 4


class Journal(Generic[ItemT]):
    """Items of one type in a file.

    Args:
        path: the file.
        item_type: what ``read`` decodes to.
    """

    def __init__(self, path: Path, item_type: type[ItemT]) -> None:
        self.path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(item_type)
        self._file: BinaryIO | None = None

    def open(self, length: int) -> None:
        """Open for appending after the first ``length`` bytes; what stands behind them is cut off."""
        self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        self._file.truncate(length)
        self._file.seek(length)

    def append(self, items: Sequence[ItemT]) -> None:
        """Append items. They are durable after :meth:`flush`."""
        file = self._opened()
        for item in items:
            payload = self._encoder.encode(item)
            file.write(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)

    def flush(self) -> int:
        """Make everything durable and return the length of the file."""
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        return file.tell()

    def read(self) -> Iterator[ItemT]:
        """Yield the items from the start."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            while header := file.read(_LENGTH_BYTES):
                yield self._decoder.decode(file.read(int.from_bytes(header, "big")))

    def _opened(self) -> BinaryIO:
        if self._file is None:
            msg = f"{self.path} is not open for writing"
            raise ValueError(msg)
        return self._file
