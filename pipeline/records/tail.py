"""Following a file that grows, as ``tail -F`` does: through rotation (renamed, and made anew) and truncation.

Offsets go on rising over rotations: to the byte offset in the file at hand is added what earlier ones held. Beside the
offset a snapshot holds which file it was (:mod:`pipeline.records.rotation`), so that a restart goes on in the right
one, also when the file was rotated while nobody looked: renamed, copied and emptied, compressed, more than once. What a
writer adds to the old file after the new one was seen is not read (nor does ``tail -F``).
"""

import os
from pathlib import Path
from zlib import crc32

from pipeline.records import rotation
from pipeline.records.contract import Cut, GrowingFactory, GrowingReader
from pipeline.records.opening import is_gzip, open_bytes
from pipeline.records.rotation import HEAD_BYTES, Identity

MARKS = ("base", "inode", "head", "foot", "foot_at", "written", "header")
"""Of a followed file ``positions`` has, beside the offset under its name, these figures under ``<name>\\t<mark>``."""


class TailReader:
    """Follows a file (the protocol is ``RecordReader``); it never ends.

    Args:
        path: need not be there yet.
        position: offset that an earlier reader gave; 0: the beginning.
        marks: what :meth:`marks` of that reader gave.
        build: makes the reader of one file.
        alone: files beside this one are followed on their own: only the very same file is looked for among them.

    Attributes:
        reachable: the file is there and can be opened.
        caught_up: everything that was there has been read.
        trouble: why the file cannot be opened; empty where it is only not there. Begin anew with the marks.
        left: the marks of the file before, with ``""`` for the offset in it where reading stopped; None: there was
            none.

    Raises (every method):
        OSError: when an open file cannot be read. ``position`` and ``marks`` are those of the last record returned.
    """

    def __init__(
        self, path: Path, position: int, marks: dict[str, int], *, build: GrowingFactory, alone: bool = False
    ) -> None:
        self.position = position
        self.ended = False
        self.reachable = False
        self.caught_up = False
        self.trouble = ""
        self.left: dict[str, int] | None = None
        self._path = path
        self._build = build
        self._alone = alone
        self._reader: GrowingReader | None = None
        self._base = marks.get("base", 0)
        self._descriptor = -1
        self._identity = Identity(0, 0)
        self._header = marks.get("header", 0)
        self._head = b""
        self._foot = (0, 0)
        self._at = path
        self._written_ns = marks.get("written", 0)
        self._leaving = False
        self._parked = False
        self._awaited: Identity | None = None
        if position and marks.get("inode"):
            offset = position - self._base
            known = (marks.get(mark, 0) for mark in ("head", "foot", "foot_at"))
            self._resume(Identity(marks["inode"], offset, *known))

    @property
    def inode(self) -> int:
        """Of the file at hand; 0: there is none."""
        return self._identity.inode

    def marks(self) -> dict[str, int]:
        """Return which file ``position`` is in."""
        offset = self.position - self._base
        identity = self._identity if self._reader is None else self._identified(offset)
        header = self._header if self._reader is None else self._reader.header
        return {
            "base": self._base,
            "inode": identity.inode,
            "head": identity.head,
            "foot": identity.foot,
            "foot_at": identity.foot_at,
            "written": self._written_ns if self._reader is None else self._written(),
            "header": header,
        }

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` records; none when there is nothing new."""
        if self._parked:
            self._look_again()
        elif self._awaited is not None:
            self._resume(self._awaited)
        if self._parked or self._awaited is not None or self.trouble:
            return Cut([], [], [])
        if self._reader is not None and not self._reader.pending and not self._same_head():
            # Emptied and written anew, already as long as what was read of it.
            self._emptied()
        self.caught_up = False
        while True:
            reader = self._reader or self._open_next()
            if reader is None:
                return Cut([], [], [])
            cut = reader.take(max_records).shifted(self._base)
            self.position = self._base + reader.position
            if len(self._head) < min(HEAD_BYTES, reader.read_to) and not is_gzip(self._at):
                self._head = os.pread(self._descriptor, HEAD_BYTES, 0)
            if cut.records or cut.bad:
                self._remember_foot(reader)
                return cut
            if not self._moved_on(reader):
                self.caught_up = True
                return cut

    def park(self) -> None:
        """Close the file of a reader that has caught up, until there is more in it."""
        if self.caught_up and self._reader is not None and self._at == self._path and not self._leaving:
            self._identity = self._identified(self.position - self._base)
            self._written_ns = self._written()
            self.close()
            self._parked = True

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._header = self._reader.header
            self._reader.close()
            self._reader = None

    def _look_again(self) -> None:
        """Open a parked file again where it has changed."""
        try:
            stat = self._path.stat()
        except OSError:
            self.reachable = False
            return
        self.reachable = True
        if (stat.st_ino, stat.st_mtime_ns) != (self._identity.inode, self._written_ns):
            self._parked = False
            self._resume(self._identity)

    def _moved_on(self, reader: GrowingReader) -> bool:
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
        if stat.st_ino != self._identity.inode or self._at != self._path:
            # Read what was written before the change was seen, then the last line even without its line end.
            self._leaving = True
            if not reader.ended:
                reader.finish()
            return True
        if stat.st_size < reader.read_to:
            self._emptied()
            return True
        return stat.st_size > reader.read_to

    def _leave(self) -> None:
        """Go on with the file that was written next after this one."""
        self._written_ns = self._written()
        self.left = {**self.marks(), "base": 0, "": self.position - self._base}
        self._begin_anew()

    def _emptied(self) -> None:
        """The file was truncated: where it was copied before, go on in the copy, or else at its beginning.

        An unfinished line that was not copied is lost with the rest.
        """
        identity = self._identified(self.position - self._base)
        self._written_ns = self._written()
        self.close()
        if self._alone or identity.offset == 0 or not self._resume_copy(identity):
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.close()
        self._base = self.position
        self._head, self._foot = b"", (0, 0)
        self._identity = Identity(0, 0)
        self._leaving = False

    def _open_next(self) -> GrowingReader | None:
        path = self._path
        if self._written_ns and not self._alone:
            path = rotation.next_after(path, self._written_ns, besides=0 if self.left is None else self.left["inode"])
        return self._reader if self._open(path, 0) else None

    def _open(self, path: Path, offset: int) -> bool:
        try:
            file = open_bytes(path)
        except OSError as error:
            self.reachable = False
            self.trouble = "" if isinstance(error, FileNotFoundError) else str(error)
            return False
        self.reachable, self.trouble = True, ""
        self._descriptor = file.fileno()
        self._head = file.read(HEAD_BYTES) if is_gzip(path) else os.pread(self._descriptor, HEAD_BYTES, 0)
        file.seek(0)
        self._identity = Identity(os.fstat(self._descriptor).st_ino, 0)
        self._reader = self._build(file, offset, self._header)
        self._at = path
        self._leaving = False
        return True

    def _identified(self, offset: int) -> Identity:
        return Identity(self._identity.inode, offset, crc32(self._head[: max(0, offset)]), *self._foot)

    def _remember_foot(self, reader: GrowingReader) -> None:
        """Keep what stands before the place where reading is, unless the file has been emptied meanwhile."""
        at = reader.position
        if is_gzip(self._at) or os.fstat(self._descriptor).st_size < reader.read_to or not self._same_head():
            return
        self._foot = (crc32(os.pread(self._descriptor, min(HEAD_BYTES, at), max(0, at - HEAD_BYTES))), at)

    def _same_head(self) -> bool:
        return is_gzip(self._at) or os.pread(self._descriptor, len(self._head), 0) == self._head

    def _resume(self, identity: Identity) -> None:
        """Go on in the file that was being read: at its path, or beside it under another name."""
        found = rotation.find(self._path, identity, moved_only=self._alone)
        self._identity, self._foot = identity, (identity.foot, identity.foot_at)
        # While there is nothing that can be read, what there will be may be the file, or another one.
        opened = self._open(found or self._path, identity.offset if found else 0)
        self._awaited = None if opened else identity
        if opened and found is None:
            # The file is gone with what was not read of it. What was written after it is read from its beginning.
            self._begin_anew()

    def _resume_copy(self, identity: Identity) -> bool:
        found = rotation.find(self._path, identity._replace(inode=0), moved_only=False)
        return found is not None and self._open(found, identity.offset)

    def _written(self) -> int:
        try:
            return os.fstat(self._descriptor).st_mtime_ns
        except OSError:
            return self._written_ns
