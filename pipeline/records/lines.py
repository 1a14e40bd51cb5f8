"""Lines of a file, fast: large blocks, split at once. Offsets are byte offsets (of the text, where it is gzip)."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import BinaryIO, overload

from pipeline.feeds.contract import BadRecord
from pipeline.reasons import Reason
from pipeline.records.contract import Cut
from pipeline.records.opening import DAMAGED
from pipeline.records.text import CUTTER, Lines

MAX_KEPT_BYTES = 64 << 20
"""Of a longer line only the beginning is kept; the dead letter says so."""
_BOM = b"\xef\xbb\xbf"


class LineOffsets(Sequence[int]):
    """Offsets of lines that follow each other without a gap; worked out when somebody asks, which is seldom.

    >>> list(LineOffsets(10, [b"ab", b"c", b"d"]))
    [10, 13, 15]
    """

    def __init__(self, start: int, lines: Sequence[bytes]) -> None:
        self._start = start
        self._lines = lines
        self._offsets: list[int] | None = None

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        lines = self._lines
        if self._offsets is None:
            if isinstance(lines, Lines) and isinstance(index, int) and 0 <= index < len(lines):
                return self._start + lines.offset(index)
            if isinstance(lines, Lines):
                self._offsets = lines.offsets(self._start)
            else:
                self._offsets = list(accumulate([len(line) + 1 for line in lines[:-1]], initial=self._start))
        return self._offsets[index]


class LineReader:
    """Reads lines (the protocol is ``RecordReader``). Blank lines are no records.

    Args:
        file: opened for reading bytes; closed with the reader.
        position: where to begin; a byte offset that an earlier reader gave.
        max_record_bytes: longer lines are bad records.
        whole: the file is complete: its last line counts without a line end. Otherwise it waits for one.
    """

    def __init__(self, file: BinaryIO, position: int, *, max_record_bytes: int, whole: bool) -> None:
        self.position = position
        self.ended = False
        self._file = file
        # Of a damaged gzip file, a read that goes on until it has enough would lose what it had before the damage.
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._limit = max_record_bytes
        self._whole = whole
        self._read_to = position
        self._carry: list[bytes] = []
        self._carried = 0
        self._lost = 0
        self._ready = Cut([], [], [])
        self._next = 0
        self._ready_to = position
        if position:
            file.seek(position)

    @property
    def read_to(self) -> int:
        """The byte offset up to which the file has been read, the beginning of an unfinished line included."""
        return self._read_to

    @property
    def pending(self) -> bool:
        """Whether there are lines that have been read from the file already."""
        return self._next < len(self._ready.records) or bool(self._ready.bad)

    @property
    def header(self) -> int:
        """Nothing is learnt from the beginning of the file."""
        return 0

    def finish(self) -> None:
        """The file is complete now: take its last line without a line end."""
        self._whole = True
        self.ended = False

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` lines."""
        ready = self._ready
        if self._next >= len(ready.records) and not ready.bad:
            self._fill()
            ready, self._next = self._ready, 0
        first, last = self._next, self._next + max_records
        more = last < len(ready.records)
        if first == 0 and not more:
            offsets, records = ready.offsets, ready.records
        else:
            offsets, records = _part(ready, first, last)
        self._next += len(records)
        end = ready.offsets[self._next] if more else self._ready_to
        bad = [record for record in ready.bad if record.offset < end] if ready.bad else []
        if bad:
            del ready.bad[: len(bad)]
        self.position = end
        if not more:
            self._ready, self._next = Cut([], [], ready.bad), 0
        return Cut(offsets, records, bad)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _fill(self) -> None:
        """Read on until there is a line, or nothing more."""
        while not self.ended:
            try:
                block = self._read(CUTTER.block_bytes)
            except DAMAGED as error:
                self._fail(error)
                return
            if not block:
                self._at_end()
                return
            if self._read_to == 0 and block.startswith(_BOM):
                block = block[len(_BOM) :]
                self._read_to = self._ready_to = len(_BOM)
            self._read_to += len(block)
            cut = block.rfind(b"\n")
            if cut >= 0:
                if self._lost:
                    # The end of a line of which only the beginning is kept.
                    first = block.find(b"\n")
                    self._lost += first
                    block, cut = block[first:], cut - first
                head = b"".join([*self._carry, memoryview(block)[:cut]])
                lost, self._lost = self._lost, 0
                self._keep_only(block[cut + 1 :])
                self._ready = self._split(head, lost)
                if self._ready.records or self._ready.bad:
                    return
            else:
                self._keep(block)

    def _keep(self, block: bytes) -> None:
        room = MAX_KEPT_BYTES - self._carried
        self._lost += max(0, len(block) - room)
        self._carry.append(block[:room])
        self._carried += min(len(block), room)

    def _keep_only(self, rest: bytes) -> None:
        self._carry = [rest] if rest else []
        self._carried = len(rest)

    def _at_end(self) -> None:
        if self._whole:
            self.ended = True
            if self._carry:
                head, lost = b"".join(self._carry), self._lost
                self._lost = 0
                self._keep_only(b"")
                self._ready = self._split(head, lost, line_end=0)

    def _fail(self, error: Exception) -> None:
        """The rest of a damaged file is one bad record, with what could be read of it."""
        raw = b"".join(self._carry)
        self._keep_only(b"")
        detail = f"the gzip file is damaged behind byte {self._read_to} of its text: {error}"
        self._ready = Cut([], [], [BadRecord(self._ready_to, raw, Reason.UNREADABLE, detail)])
        self._ready_to += max(1, len(raw))
        self.ended = True

    def _split(self, text: bytes, lost: int, line_end: int = 1) -> Cut:
        """Cut text into lines; ``lost`` bytes were left out at the end of its first line."""
        at = self._ready_to
        self._ready_to = at + len(text) + lost + line_end
        plain = not lost and len(text) <= self._limit
        if plain and CUTTER.whole:
            lines = Lines(text)
            if not lines.perhaps_blank:
                return Cut(LineOffsets(at, lines), lines, [])
        records = text.split(b"\n")
        # The least of them is empty, or begins with a blank, if any of them is or does.
        if plain and min(records)[:1] > b" ":
            return Cut(LineOffsets(at, records), records, [])
        return self._sift(at, records, lost)

    def _sift(self, at: int, records: list[bytes], lost: int) -> Cut:
        """Leave out blank lines, and set lines aside that are too long."""
        sizes = list(map(len, records))
        sizes[0] += lost
        offsets = accumulate([size + 1 for size in sizes[:-1]], initial=at)
        bad: list[BadRecord] = []
        kept_offsets, kept = [], []
        for offset, record, size in zip(offsets, records, sizes, strict=True):
            if size > self._limit:
                note = "" if size == len(record) else f"; the first {len(record)} are kept"
                detail = f"the record has {size} bytes, at most {self._limit} are allowed{note}"
                bad.append(BadRecord(offset, record, Reason.TOO_LARGE, detail))
            elif record and not record.isspace():
                kept_offsets.append(offset)
                kept.append(record)
        return Cut(kept_offsets, kept, bad)


def _part(ready: Cut, first: int, last: int) -> tuple[Sequence[int], Sequence[bytes]]:
    """Return the offsets and records of some lines."""
    records = ready.records
    if not isinstance(records, Lines) or first >= min(last, len(records)):
        return ready.offsets[first:last], records[first:last]
    part = records.part(first, last)
    return LineOffsets(ready.offsets[first], part), part
