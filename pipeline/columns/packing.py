"""Names of many events as lines of one text, and which shard each line belongs to, as machine code."""

from zlib import crc32

import numpy as np

from pipeline.columns.gathering import put_line
from pipeline.columns.layout import CASE, SUBJECT, Bytes, Ints, Words
from pipeline.columns.machine import compiled

CASE_PREFIX = b"case "
"""Before the case of an event that names no customer: :func:`detectors.keys.customer_key`."""
_PREFIX = np.frombuffer(CASE_PREFIX, dtype=np.uint8)
# Of a byte alone the checksum is the table's entry but for what is done before and after: the same for all of them.
_FULL = 0xFFFFFFFF
_TABLE: Words = np.array([crc32(bytes((one,))) ^ _FULL ^ (_FULL >> 8) for one in range(256)], dtype=np.uint64)
_TABLE = _TABLE[np.arange(256) ^ 0xFF]
_FIRST = np.uint64(_FULL)
_LAST_BYTE = np.uint64(255)
_EIGHT = np.uint64(8)


class Packer:
    """Makes lines out of what the scanner has noted."""

    def lines(self, text: bytes, rows: Ints, ats: Ints, sizes: Ints) -> bytes:
        """Return a line for each row: the bytes of ``text`` from ``ats`` on, ``sizes`` many."""
        out = np.empty(int(sizes.take(rows).sum()) + len(rows), dtype=np.uint8)
        write_lines(_address(text), rows, ats, sizes, out)
        return out[:-1].tobytes()

    def customers(self, text: bytes, rows: Ints, ats: Ints, sizes: Ints) -> bytes:
        """Return a line for each row: the customer, else the case; ``ats`` and ``sizes`` by ``layout.NAMES``."""
        most = sizes.take(rows, axis=1).max(axis=0)
        out = np.empty(int(most.sum()) + len(rows) * (1 + len(CASE_PREFIX)), dtype=np.uint8)
        end = write_customers(_address(text), rows, ats, sizes, _PREFIX, out)
        return out[: end - 1].tobytes()

    def shards(self, lines: bytes, count: int, shards: int) -> Ints:
        """Return the shard of each of ``count`` lines: as of a key that is spread."""
        out = np.empty(count, dtype=np.int64)
        checksums(np.frombuffer(lines, dtype=np.uint8), _TABLE, out)
        return out % shards


def _address(text: bytes) -> int:
    return int(np.frombuffer(text, dtype=np.uint8).ctypes.data)


@compiled
def write_lines(base: int, rows: Ints, ats: Ints, sizes: Ints, out: Bytes) -> int:
    """Write the bytes that rows have, each with a line end behind it; return where they end."""
    at = 0
    for row in rows:
        at = put_line(base, ats[row], sizes[row], out, at)
    return at


@compiled
def write_customers(base: int, rows: Ints, ats: Ints, sizes: Ints, prefix: Bytes, out: Bytes) -> int:
    """Write the customers that rows have, or their cases behind ``prefix``; return where they end."""
    at = 0
    for row in rows:
        name = SUBJECT
        if sizes[SUBJECT, row] == 0:
            name = CASE
            for number in range(len(prefix)):
                out[at] = prefix[number]
                at += 1
        at = put_line(base, ats[name, row], sizes[name, row], out, at)
    return at


@compiled
def checksums(lines: Bytes, table: Words, out: Ints) -> int:
    """Fill in the CRC-32 of each line; return how many there are. The last line has no end."""
    found = 0
    crc = _FIRST
    for place in range(len(lines)):
        if lines[place] == 10:
            out[found] = np.int64(crc ^ _FIRST)
            found += 1
            crc = _FIRST
        else:
            crc = table[np.int64((crc ^ np.uint64(lines[place])) & _LAST_BYTE)] ^ (crc >> _EIGHT)
    out[found] = np.int64(crc ^ _FIRST)
    return found + 1
