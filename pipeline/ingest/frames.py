r"""How records lie in a segment of the spool: one frame each, so that a torn or damaged one is recognised.

A frame: 4 bytes of mark, CRC-32 (of what follows), length, time of receipt in microseconds since 1970 UTC, the record,
a line end (so that ``grep -a`` works); numbers are little-endian. The mark begins with a byte that is in no UTF-8
text, so behind damage the next frame is found again.
"""

import struct
from typing import NamedTuple
from zlib import crc32

MARK = b"\xf5MG1"
_HEAD = struct.Struct("<4sIIQ")
_REST = struct.Struct("<IQ")
HEAD_BYTES = _HEAD.size
OVERHEAD_BYTES = HEAD_BYTES + 1
MAX_RECORD_BYTES = 1 << 30
"""A length above it is damage."""


def frame(record: bytes, received_us: int) -> bytes:
    r"""Return a record as a frame.

    >>> cut(frame(b"{}", 7) + b"\xf5MG1 torn", 10).records
    [b'{}']
    """
    rest = _REST.pack(len(record), received_us)
    return b"".join((MARK, crc32(record, crc32(rest)).to_bytes(4, "little"), rest, record, b"\n"))


class Cut(NamedTuple):
    """What was found from a place on.

    Attributes:
        offsets: of the frames in the buffer, rising strictly.
        records: in them.
        received_us: when each was received.
        end: behind the last of them.
        damaged: what stands at ``end`` is no frame, however it goes on; otherwise the buffer ends there, or within a
            frame.
        wanted: with an unfinished frame at ``end``: how many bytes it has in all; 0: its head is unfinished too.
    """

    offsets: list[int]
    records: list[bytes]
    received_us: list[int]
    end: int
    damaged: bool
    wanted: int


def cut(buffer: bytes, most: int, start: int = 0) -> Cut:
    """Return at most ``most`` records from ``start`` on, up to the first place that holds no whole frame."""
    offsets: list[int] = []
    records: list[bytes] = []
    times: list[int] = []
    at = start
    size = len(buffer)
    unpack = _HEAD.unpack_from
    while len(records) < most:
        body = at + HEAD_BYTES
        if body > size:
            # A head that is cut short can be judged by the mark alone.
            damaged = not MARK.startswith(buffer[at : at + len(MARK)])
            return Cut(offsets, records, times, at, damaged, 0)
        mark, checksum, length, received_us = unpack(buffer, at)
        if mark != MARK or length > MAX_RECORD_BYTES:
            return Cut(offsets, records, times, at, True, 0)
        end = body + length
        if end >= size:
            return Cut(offsets, records, times, at, False, OVERHEAD_BYTES + length)
        record = buffer[body:end]
        if crc32(record, crc32(buffer[at + 8 : body])) != checksum or buffer[end] != 0x0A:
            return Cut(offsets, records, times, at, True, 0)
        offsets.append(at)
        records.append(record)
        times.append(received_us)
        at = end + 1
    return Cut(offsets, records, times, at, False, 0)


def find_frame(buffer: bytes, start: int) -> int:
    """Return where the next whole frame begins from ``start`` on, or the end of the buffer when there is none."""
    at = buffer.find(MARK, start)
    while at >= 0:
        if cut(buffer, 1, at).records:
            return at
        at = buffer.find(MARK, at + 1)
    return len(buffer)


def end_of_frames(content: bytes) -> int:
    """Return where the last whole frame of a segment ends, also behind damage; 0 when there is none."""
    end = at = 0
    while at < len(content):
        found = cut(content, len(content), at)
        end = found.end if found.records else end
        at = find_frame(content, found.end + 1)
    return end
