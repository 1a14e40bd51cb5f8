"""Files far larger than the memory that reading them takes."""

import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.feeds.contract import FeedError, Status
from pipeline.feeds.file import FileFeed
from tests.pipeline.feeds.reading import feed

ROWS = 60_000
TEXT = "x" * 500
SIZE = ROWS * len(TEXT)


def csv(path: Path) -> Path:
    with path.open("w") as file:
        file.write("n,text\n")
        file.writelines(f"{number},{TEXT}\n" for number in range(ROWS))
    return path


def parquet(path: Path) -> Path:
    """One group of rows, without compression or dictionaries: as large as the text."""
    texts = pa.array([f"{number:06d}{TEXT}" for number in range(ROWS)])
    table = pa.table({"n": pa.array(range(ROWS)), "text": texts})
    pq.write_table(table, path, row_group_size=ROWS, use_dictionary=False, compression="none")
    return path


def count(opened: FileFeed) -> tuple[int, int]:
    """Read to the end; return the number of rows, and the most memory that Arrow had in use for them, in bytes."""
    rows = arrow = 0
    before = pa.total_allocated_bytes()
    while any(status is not Status.ENDED for status in opened.partitions().values()):
        rows += sum(len(batch.records) for batch in opened.poll(1_000))
        arrow = max(arrow, pa.total_allocated_bytes() - before)
    return rows, arrow


@pytest.mark.parametrize("make", [csv, parquet])
def test_a_table_streams_whatever_its_size(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / f"a.{make.__name__}")
    assert path.stat().st_size > SIZE
    tracemalloc.start()
    try:
        rows, arrow = count(feed(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == ROWS
    # Without streaming one of them would be the file's size, thirty megabytes.
    assert peak < 12_000_000
    assert arrow < 12_000_000


def test_a_file_that_is_too_large_to_be_sorted_is_refused_by_name_with_what_to_do(tmp_path: Path) -> None:
    mapping = {"events": [{"type": "social.post", "id": "{n}", "time": {"const": "2024-05-01T09:00:00Z"}}]}
    path = csv(tmp_path / "a.csv")
    opened = feed(path, sort="time", mapping=mapping, max_sort_bytes=1_000_000)
    with pytest.raises(FeedError, match=r"feed 'f': max_sort_bytes: .*a\.csv: more than 1000000 bytes .* sort: time"):
        count(opened)
    bad = feed(path, sort="time", max_sort_bytes=1_000_000)
    with pytest.raises(FeedError, match="more than 1000000 bytes"):
        count(bad)
