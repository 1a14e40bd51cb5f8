"""The writing end of a spool: appends, makes durable, goes on in new segments, deletes what has been read."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import structlog

from pipeline.ingest import folder as place
from pipeline.ingest.folder import ReadMark, Segment
from pipeline.ingest.frames import cut, end_of_frames, find_frame

SHORT_OF_ROOM = 0.9
"""Share of the largest size above which read segments are deleted before their time."""
_MAX_SCAN_BYTES = 256 << 20

_LOST = "the disk has lost what it had confirmed"

_log = structlog.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """How large a spool may be, and how long what was read is kept: the settings of the feed."""

    segment_bytes: int
    keep_us: int
    max_bytes: int


class SpoolFile:
    """Appends to a spool. One thread uses it; one process has it open (a lock sees to that).

    Opening repairs what a crash has left: a torn frame at the end was never confirmed to anybody and is cut off.

    Args:
        folder: of the spool; it is made where it is missing.
        limits: of size and age.
        clock_us: the wall clock, for ages of files.

    Attributes:
        end: offset up to which everything is durable.
        total_bytes: size of all segments.

    Raises:
        SpoolInUseError: when another process has it open.
        OSError: when the folder cannot be written.
    """

    def __init__(self, folder: Path, limits: Limits, clock_us: Callable[[], int]) -> None:
        self._folder = folder
        self._limits = limits
        self._clock_us = clock_us
        self._descriptor = -1
        self._log = _log.bind(spool=str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = place.Lock(folder)
        self._lock.take()
        self._mark = place.durable_mark(folder)
        self._reader = place.reader_mark(folder)
        try:
            place.make_id(folder)
            self._base, self.end = self._recover()
            self._mark.write(self.end)
        except BaseException:
            self.close()
            raise
        self.total_bytes = sum(segment.path.stat().st_size for segment in place.segments(folder))

    def append(self, frames: Sequence[bytes]) -> None:
        """Append frames: all of them are durable when it returns, none of them counts when it raises.

        Raises:
            OSError: when the disk is full or fails. A later call tries anew.
        """
        if self._descriptor < 0 or self.end - self._base >= self._limits.segment_bytes:
            self._begin_segment()
        data = memoryview(b"".join(frames))
        size = len(data)
        whole = False
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            whole = True
            os.fdatasync(self._descriptor)
        except OSError:
            self._undo(keep_file=not whole)
            raise
        self.end += size
        self.total_bytes += size
        self._mark.write(self.end)

    def read_mark(self) -> ReadMark:
        """Return how far the reader says that it has come."""
        told = self._reader.read()
        return ReadMark() if told is None else ReadMark(*told)

    def tidy(self) -> None:
        """Delete segments that have been read and are past their time, or whose room is needed."""
        saved = self.read_mark().saved
        oldest_us = self._clock_us() - self._limits.keep_us
        found = place.segments(self._folder)
        for segment, following in pairwise(found):
            if following.base > saved:
                break
            stat = segment.path.stat()
            short = self.total_bytes > SHORT_OF_ROOM * self._limits.max_bytes
            if short or stat.st_mtime_ns // 1000 < oldest_us:
                segment.path.unlink()
                self.total_bytes -= stat.st_size

    def recent(self, since_us: int, most: int) -> Iterator[bytes]:
        """Yield the last records that are younger than ``since_us``, in order, at most ``most``; damage is left out."""
        chosen: list[Segment] = []
        size = 0
        for segment in reversed(place.segments(self._folder)):
            stat = segment.path.stat()
            if stat.st_mtime_ns // 1000 < since_us or (chosen and size + stat.st_size > _MAX_SCAN_BYTES):
                break
            chosen.append(segment)
            size += stat.st_size
        last: list[bytes] = []
        for segment in reversed(chosen):
            for record, received_us in _whole_records(segment.path.read_bytes()):
                if received_us >= since_us:
                    last.append(record)
            del last[:-most]
        yield from last

    def close(self) -> None:
        """Close everything. What was appended is durable already."""
        self._close_segment()
        self._mark.close()
        self._reader.close()
        self._lock.close()

    def _recover(self) -> tuple[int, int]:
        """Open the last segment behind its last good frame; return its base, and the end of the spool."""
        found = place.segments(self._folder)
        told = self._mark.read()
        durable = 0 if told is None else told[0]
        if not found:
            return durable, durable
        base, path = found[-1]
        content = path.read_bytes()
        # What was durable is kept even where it is damaged: the reader makes dead letters of it.
        size = max(end_of_frames(content), min(durable - base, len(content)))
        if base + size < durable:
            self._log.error("spool.lost", expected_to=durable, found_to=base + size, reason=_LOST)
            return durable, durable
        if size < len(content):
            self._log.warning("spool.torn_tail_cut", at=base + size, bytes=len(content) - size)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        return base, base + size

    def _begin_segment(self) -> None:
        self._close_segment()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        # A file of this name can hold only what was never confirmed.
        descriptor = os.open(place.segment_path(self._folder, self.end), flags, 0o644)
        try:
            place.sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._base = descriptor, self.end

    def _undo(self, *, keep_file: bool) -> None:
        """Take back an append that failed half-way."""
        try:
            os.ftruncate(self._descriptor, self.end - self._base)
        except OSError:
            keep_file = False
        if not keep_file:
            # After a failed fsync nobody knows what of the file is on the disk, so nothing is added to it any more. The
            # next segment begins at the durable end, and a reader reads each segment up to where the next begins.
            self._close_segment()

    def _close_segment(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _whole_records(content: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at < len(content):
        found = cut(content, len(content), at)
        yield from zip(found.records, found.received_us, strict=True)
        at = find_frame(content, found.end + 1)
