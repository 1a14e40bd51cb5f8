"""The folder of a spool: segments, and three small files by which writer and reader know of each other.

``<base>.seg``: frames; the base is the offset of its first byte in the whole spool, which only ever grows. ``id``:
names the spool, so that a reader notices when it was made anew. ``durable``: the writer's word up to where everything
has reached the disk; a live reader goes no further, so a record that a power cut takes away was never acted on.
``reader``: the reader's word about how far it has read, and how far its own state has been saved.
"""

import fcntl
import os
import secrets
import struct
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from config.settings import Settings

SUFFIX = ".seg"
PARTITION = "spool"
_LOCK = struct.Struct("hhqqi")  # struct flock of Linux on 64 bits, as fcntl takes it


class SpoolInUseError(Exception):
    """Another process writes to this spool: says which folder, and what to do."""


class Segment(NamedTuple):
    """One file of a spool: the offset of its first byte, and where it is."""

    base: int
    path: Path


class ReadMark(NamedTuple):
    """How far the reader has come.

    Attributes:
        read: offset after the last record that it took.
        saved: offset after the last record that it will not ask for again, even after a crash.
    """

    read: int = 0
    saved: int = 0


def spool_root(settings: Settings) -> Path:
    """Return the folder that holds the spools of all feeds, one folder each."""
    return settings.store.dir / "spool"


def segments(folder: Path) -> list[Segment]:
    """Return the segments of a spool in order; none where there is no folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - several times faster, and called while reading live
    except FileNotFoundError:
        return []
    bases = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(Segment(int(base), folder / f"{base}{SUFFIX}") for base in bases if base.isdigit())


def segment_path(folder: Path, base: int) -> Path:
    """Return where the segment that begins at ``base`` is kept."""
    return folder / f"{base:020d}{SUFFIX}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_id(folder: Path) -> int | None:
    """Return the number that names the spool; None: it has not been made yet."""
    try:
        text = (folder / "id").read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return int(text, 16) if text.strip() else None


def make_id(folder: Path) -> None:
    """Name the spool, unless it has a name."""
    if read_id(folder) is not None:
        return
    new = folder / "id.new"
    with new.open("w", encoding="ascii") as file:
        file.write(f"{secrets.randbits(48) | 1:012x}")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / "id")
    sync_folder(folder)


class Mark:
    """A few numbers in a small file that one process writes and others read. Torn reads are noticed by a checksum.

    Args:
        path: of the file.
        count: of numbers.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._numbers = struct.Struct(f"<{count}Q")
        self._descriptor = -1
        self._writable = False

    def write(self, *numbers: int) -> None:
        """Say them. They outlive this process, not a power cut: after one, an older word may stand there.

        Raises:
            OSError: when the file cannot be written.
        """
        if not self._writable:
            self.close()
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._writable = True
        packed = self._numbers.pack(*numbers)
        os.pwrite(self._descriptor, packed + crc32(packed).to_bytes(4, "little"), 0)

    def read(self) -> tuple[int, ...] | None:
        """Return what was said last; None: nothing that can be read."""
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        for _ in range(3):  # a reader may come in the middle of a write
            packed = os.pread(self._descriptor, self._numbers.size + 4, 0)
            body = packed[: self._numbers.size]
            if len(packed) == self._numbers.size + 4 and crc32(body).to_bytes(4, "little") == packed[-4:]:
                return self._numbers.unpack(body)
        return None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._writable = -1, False


def durable_mark(folder: Path) -> Mark:
    """Return the mark up to where the spool is durable: one offset."""
    return Mark(folder / "durable", 1)


def reader_mark(folder: Path) -> Mark:
    """Return the mark of the reader, the numbers of :class:`ReadMark`."""
    return Mark(folder / "reader", len(ReadMark._fields))


class Lock:
    """Held by the one process that writes to a spool; others can ask whether it is held.

    Args:
        folder: of the spool; it must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def take(self) -> None:
        """Take the lock until :meth:`close`, or the end of the process.

        Raises:
            SpoolInUseError: when somebody else has it.
        """
        self._open(os.O_RDWR | os.O_CREAT)
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except (BlockingIOError, PermissionError) as error:
            self.close()
            msg = f"another process writes to the spool {self._folder}: does makegood ingest run already? Stop that one"
            raise SpoolInUseError(msg) from error

    def is_held(self) -> bool:
        """Say whether a process holds it now."""
        if self._descriptor < 0:
            try:
                self._open(os.O_RDONLY)
            except FileNotFoundError:
                return False
        asked = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(_LOCK.unpack(asked)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """Give it back, or stop asking."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self, flags: int) -> None:
        self.close()
        self._descriptor = os.open(self._folder / "lock", flags | os.O_CLOEXEC, 0o644)
