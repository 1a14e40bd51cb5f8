"""Rows of a Parquet file as JSON objects. Offsets are ordinals of the rows, from 0.

Times without a zone are written without an offset (read them with ``iso8601`` and a zone), decimals as text, numbers
that are none (NaN) as null.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.feeds.contract import BadRecord
from pipeline.reasons import Reason
from pipeline.records.contract import Cut

_BLOCK_ROWS = 4_096
_BUFFER_BYTES = 1 << 16
"""Of each column at a time: a whole group of rows may be as large as the file."""
_encode = msgspec.json.Encoder(decimal_format="string").encode


class ParquetReader:
    """Reads rows (the protocol is ``RecordReader``).

    Args:
        path: the file.
        position: how many rows to skip.
        max_record_bytes: rows whose JSON is longer are bad records.
    """

    def __init__(self, path: Path, position: int, *, max_record_bytes: int) -> None:
        self.position = position
        self.ended = False
        self._path = path
        self._limit = max_record_bytes
        self._skip = position
        self._file: Any = None
        self._blocks: Iterator[Any] | None = None
        self._rows: list[dict[str, Any]] = []

    def take(self, max_records: int) -> Cut:
        """Return at most ``max_records`` rows."""
        offsets: list[int] = []
        records: list[bytes] = []
        cut = Cut(offsets, records, [])
        while not self._rows and not self.ended:
            try:
                self._next_block()
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the file cannot be read now, which says nothing about what is in it
                detail = f"the Parquet file is damaged behind row {self.position}: {error}"
                cut.bad.append(BadRecord(self.position, b"", Reason.UNREADABLE, detail))
                self.position += 1
                self.ended = True
        rows, self._rows = self._rows[:max_records], self._rows[max_records:]
        for row in rows:
            self._add(row, offsets, records, cut)
            self.position += 1
        return cut

    def _add(self, row: dict[str, Any], offsets: list[int], records: list[bytes], cut: Cut) -> None:
        try:
            raw = _encode(row)
        except (TypeError, ValueError, UnicodeEncodeError, OverflowError) as error:
            cut.bad.append(
                BadRecord(self.position, repr(row).encode("utf-8", "replace"), Reason.WRONG_TYPE, str(error))
            )
            return
        if len(raw) > self._limit:
            detail = f"the row has {len(raw)} bytes as JSON, at most {self._limit} are allowed"
            cut.bad.append(BadRecord(self.position, raw, Reason.TOO_LARGE, detail))
            return
        offsets.append(self.position)
        records.append(raw)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_block(self) -> None:
        if self._blocks is None:
            self._file = pq.ParquetFile(self._path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
            self._blocks = self._file.iter_batches(batch_size=_BLOCK_ROWS)
        block = next(self._blocks, None)
        if block is None:
            self.ended = True
            self.close()
            return
        skipped = min(self._skip, block.num_rows)
        self._skip -= skipped
        self._rows = block.slice(skipped).to_pylist()
