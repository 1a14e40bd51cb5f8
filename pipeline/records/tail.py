"""Following a file that grows, as ``tail -F`` does: through rotation (renamed, and made anew) and truncation.

Offsets go on rising over rotations: to the byte offset in the file at hand is added what earlier ones held. Beside the
offset a snapshot holds which file it was (inode and a checksum of its beginning), so that a restart goes on in the
right one, also when the file was rotated while nobody looked and still lies beside the new one. What a writer adds to
the old file after the new one was seen is not read (nor does ``tail -F``).
"""

import os
from pathlib import Path
from zlib import crc32

from pipeline.records.contract import Cut
from pipeline.records.lines import LineReader
from pipeline.records.opening import open_bytes

_HEAD_BYTES = 256
MARKS = ("base", "inode", "head")
"""Of a followed file ``positions`` has, beside the offset under its name, these figures under ``<name>\\t<mark>``."""


class TailReader:
    """Follows the lines of a file (the protocol is ``RecordReader``); it never ends.

    Args:
        path: need not be there yet.
        position: offset that an earlier reader gave; 0: the beginning.
        marks: what :meth:`marks` of that reader gave.
        max_record_bytes: longer lines are bad records.
    """

    def __init__(self, path: Path, position: int, marks: dict[str, int], *, max_record_bytes: int) -> None:
        self.position = position
        self.ended = False
        self.reachable = False
        self.caught_up = False
        self._path = path
        self._limit = max_record_bytes
        self._reader: LineReader | None = None
        self._base = marks.get("base", 0)
        self._descriptor = -1
        self._inode = 0
        self._head = b""
        self._at = path
        self._leaving = False
        if position and marks.get("inode"):
            self._resume(position - self._base, marks)

    def marks(self) -> dict[str, int]:
        """Return which file ``position`` is in."""
        head = self._head[: max(0, self.position - self._base)]
        return {"base": self._base, "inode": self._inode, "head": crc32(head)}

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` lines; none when there is nothing new."""
        if self.caught_up and self._reader is not None and not self._same_head():
            # Truncated and written anew, already longer than what was read of it.
            self._leave()
        self.caught_up = False
        while True:
            if self._reader is None and not self._open_new():
                return Cut([], [], [])
            reader = self._reader
            if reader is None:
                return Cut([], [], [])
            cut = self._shifted(reader.take(max_records))
            self.position = self._base + reader.position
            if len(self._head) < min(_HEAD_BYTES, reader.read_to):
                self._remember_head()
            if cut.records or cut.bad:
                return cut
            if not self._moved_on(reader):
                self.caught_up = True
                return cut

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _shifted(self, cut: Cut) -> Cut:
        base = self._base
        if base == 0:
            return cut
        bad = [type(record)(record.offset + base, record.raw, record.reason, record.detail) for record in cut.bad]
        return Cut([offset + base for offset in cut.offsets], cut.records, bad)

    def _moved_on(self, reader: LineReader) -> bool:
        """At the end of the file at hand: return whether there is another to go on with."""
        if self._leaving:
            if reader.ended:
                self._leave()
            return True
        try:
            stat = self._path.stat()
        except OSError:
            # Between the renaming and the new file, or gone: the old one may still be written to.
            self.reachable = False
            return False
        self.reachable = True
        if stat.st_ino != self._inode or self._at != self._path:
            # Read what was written before the change was seen, then the last line even without its line end.
            self._leaving = True
            reader.finish()
            return True
        if stat.st_size < reader.read_to:
            # Truncated: an unfinished line is lost with the rest.
            self._leave()
            return True
        return stat.st_size > reader.read_to

    def _leave(self) -> None:
        self.close()
        self._base = self.position
        self._head = b""
        self._leaving = False
        self._at = self._path

    def _open_new(self) -> bool:
        self._at = self._path
        return self._open(self._path, 0)

    def _open(self, path: Path, offset: int) -> bool:
        try:
            file = open_bytes(path)
        except OSError:
            self.reachable = False
            return False
        self.reachable = True
        self._descriptor = file.fileno()
        self._inode = os.fstat(self._descriptor).st_ino
        self._reader = LineReader(file, offset, max_record_bytes=self._limit, whole=False)
        self._at = path
        self._remember_head()
        return True

    def _remember_head(self) -> None:
        self._head = os.pread(self._descriptor, _HEAD_BYTES, 0)

    def _same_head(self) -> bool:
        return os.pread(self._descriptor, len(self._head), 0) == self._head

    def _resume(self, offset: int, marks: dict[str, int]) -> None:
        """Go on in the file that the marks name: at its path, or beside it under another name."""
        for candidate in [self._path, *sorted(self._path.parent.glob(f"{self._path.name}*"))]:
            if candidate.is_file() and candidate.stat().st_ino == marks["inode"] and candidate.stat().st_size >= offset:
                with open_bytes(candidate) as file:
                    head = file.read(_HEAD_BYTES)
                if crc32(head[:offset]) == marks["head"]:
                    self._open(candidate, offset)
                    return
        # The file is gone with what was not read of it: the one that is there now is read from its beginning.
        self._base = self.position
