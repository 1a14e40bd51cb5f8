"""Lines of a file that grows, one by one, for those who must look at each."""

from typing import BinaryIO

from pipeline.records.lines import MAX_KEPT_BYTES
from pipeline.records.opening import DAMAGED

_BLOCK_BYTES = 1 << 16
_BOM = b"\xef\xbb\xbf"


class GrowingLines:
    """Gives one line after another, each once its end is there.

    Args:
        file: opened for reading bytes.
        offset: where to begin.

    Attributes:
        read_to: the byte offset up to which the file has been read.
        whole: the file is complete: its last line counts without an end.
        damage: why a gzip file cannot be read on, or None.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        self._rest = b""
        self._at = self._scanned = 0
        self.read_to = offset
        self.whole = False
        self.damage: str | None = None
        file.seek(offset)

    def readline(self) -> bytes:
        """Return the next line with its end; nothing where there is none now."""
        while (end := self._rest.find(b"\n", max(self._at, self._scanned))) < 0:
            # Of a line without an end no more is held than of any other record.
            monstrous = len(self._rest) - self._at > MAX_KEPT_BYTES
            if monstrous or not self.grow():
                end = len(self._rest) - 1 if self.whole or monstrous else self._at - 1
                break
        line = self._rest[self._at : end + 1]
        self._at = end + 1
        return line

    @property
    def pending(self) -> bool:
        """Whether there is a line that has been read from the file already."""
        return self._rest.find(b"\n", self._at) >= 0

    def grow(self) -> bool:
        """Read on; return whether there was something."""
        try:
            block = self._file.read(_BLOCK_BYTES)
        except DAMAGED as error:
            self.damage = str(error)
            return False
        self.read_to += len(block)
        self._rest = self._rest[self._at :]
        self._at, self._scanned = 0, len(self._rest)
        self._rest += block
        return bool(block)

    def skip_mark(self) -> int:
        """At the beginning of a file: pass over a byte order mark; return its length."""
        if not self.grow() or not self._rest.startswith(_BOM):
            return 0
        self._at = len(_BOM)
        return len(_BOM)
