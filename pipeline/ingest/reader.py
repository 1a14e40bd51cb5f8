"""The reading end of a spool: records from an offset on, through segments, over damage."""

import os
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

import structlog

from pipeline.feeds.contract import BadRecord
from pipeline.ingest import folder as place
from pipeline.ingest.folder import Segment
from pipeline.ingest.frames import HEAD_BYTES, cut, end_of_frames, find_frame
from pipeline.reasons import Reason

BLOCK_BYTES = 1 << 20
MAX_KEPT_BYTES = 1 << 20
"""Of a damaged stretch only the beginning is kept in the dead letter."""
_NOWHERE = Segment(-1, Path())

_log = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """Records in their order, or one stretch of damage.

    Attributes:
        offsets: of ``records``: where their frames begin in the whole spool.
        records: as they were received.
        bad: a stretch that is no frames; then there are no records beside it.
    """

    offsets: list[int]
    records: list[bytes]
    bad: BadRecord | None = None


class SpoolReader:
    """Reads a spool while another process writes to it, or as it lies there.

    Args:
        folder: of the spool; it need not be there yet.
        position: offset after the last record taken.
        live: read what is durable, and look for more; otherwise what is there now, whole frames all.

    Attributes:
        position: offset after the last record that :meth:`take` returned.
        skipped_bytes: that were deleted before they were read.
    """

    def __init__(self, folder: Path, position: int, *, live: bool) -> None:
        self.position = position
        self.skipped_bytes = 0
        self._folder = folder
        self._live = live
        self._mark = place.durable_mark(folder)
        self._segments: list[Segment] = []
        self._open = _NOWHERE
        self._descriptor = -1
        self._log = _log.bind(spool=str(folder))
        self._listed_to = -1
        self._stop = -1 if live else self._end_of_recording()

    def end(self) -> int:
        """Return the offset up to which can be read now."""
        if not self._live:
            return self._stop
        told = self._mark.read()
        return 0 if told is None else told[0]

    def take(self, most: int) -> Taken:
        """Return at most ``most`` records; none: there are no more now."""
        end = self.end()
        while self.position < end:
            stop = self._find_segment(end)
            if self.position >= stop:
                continue
            taken = self._take(most, stop)
            if taken.records or taken.bad is not None:
                return taken
        return Taken([], [])

    def oldest_unread_us(self) -> int | None:
        """Return when the record at the position was received, microseconds since 1970; None: there is none."""
        end = self.end()
        while self.position < end:
            stop = self._find_segment(end)
            if self.position < stop:
                found = cut(self._read(min(stop, self.position + BLOCK_BYTES)), 1)
                return found.received_us[0] if found.records else None
        return None

    def close(self) -> None:
        """Close the files."""
        self._mark.close()
        self._close_segment()

    def _find_segment(self, end: int) -> int:
        """Open the segment that holds the position, and return where reading in it stops.

        The position moves on where there is a gap: over what was deleted.
        """
        if end != self._listed_to:
            # Behind the look at the mark: every segment that begins before it is there by now.
            self._segments = place.segments(self._folder)
            self._listed_to = end
        number = bisect_right([segment.base for segment in self._segments], self.position)
        following = self._segments[number].base if number < len(self._segments) else end
        if number == 0:
            self._skip_to(min(following, end))
            return self.position
        segment = self._segments[number - 1]
        if segment != self._open:
            try:
                self._open_segment(segment)
            except FileNotFoundError:
                self._listed_to = -1  # deleted since we looked; look again
                return self.position
        # A segment ends where the next begins: what may stand behind that was never confirmed.
        stop = min(segment.base + os.fstat(self._descriptor).st_size, following, end)
        if self.position >= stop:
            self._skip_to(min(following, end))
        return stop

    def _skip_to(self, offset: int) -> None:
        if offset > self.position:
            self.skipped_bytes += offset - self.position
            self._log.error("spool.skipped", at=self.position, to=offset, reason="deleted before it was read")
            self.position = offset

    def _take(self, most: int, stop: int) -> Taken:
        buffer = self._read(min(stop, self.position + BLOCK_BYTES))
        found = cut(buffer, most)
        whole = self.position + len(buffer) >= stop
        if not found.records and not found.damaged and not whole:
            buffer = self._read(min(stop, self.position + max(found.wanted, HEAD_BYTES)))
            found = cut(buffer, most)
            whole = self.position + len(buffer) >= stop
        if found.records:
            offsets = [self.position + offset for offset in found.offsets]
            self.position += found.end
            return Taken(offsets, found.records)
        return self._over_damage(self._read(stop))

    def _over_damage(self, rest: bytes) -> Taken:
        """Make a bad record of everything up to the next frame, or to the end of the segment."""
        at = self.position
        size = find_frame(rest, 1)
        self.position += size
        kept = rest[: min(size, MAX_KEPT_BYTES)]
        note = "" if len(kept) == size else f"; the first {len(kept)} are kept"
        detail = f"{size} bytes of the spool are damaged{note}"
        self._log.error("spool.damaged", at=at, bytes=size)
        return Taken([], [], BadRecord(at, kept, Reason.UNREADABLE, detail))

    def _read(self, to: int) -> bytes:
        at = self.position - self._open.base
        return os.pread(self._descriptor, to - self.position, at)

    def _end_of_recording(self) -> int:
        """Return where the last whole frame ends that is not torn: behind it nothing was ever confirmed."""
        self._segments = place.segments(self._folder)
        if not self._segments:
            return 0
        told = self._mark.read()
        durable = 0 if told is None else told[0]
        base, path = self._segments[-1]
        content = path.read_bytes()
        return max(base + end_of_frames(content), min(durable, base + len(content)))

    def _open_segment(self, segment: Segment) -> None:
        self._close_segment()
        self._descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        self._open = segment

    def _close_segment(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._open = -1, _NOWHERE
