import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.records import parquet as parquet_module
from tests.pipeline.feeds.reading import feed, read
from tests.support.data import data_path


def write(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_rows_become_objects_with_times_in_iso_8601(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        n=pa.array([1, None]),
        x=pa.array([0.5, float("nan")]),
        local=pa.array([datetime(2024, 5, 1, 9, 30)] * 2),  # noqa: DTZ001 - without a zone
        exact=pa.array([datetime(2024, 5, 1, 9, 30, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
        day=pa.array([date(2024, 5, 1)] * 2),
        price=pa.array([Decimal("12.50")] * 2),
        tags=pa.array([["a"], []]),
    )
    found = read(feed(path))
    assert found.offsets == {"a.parquet": [0, 1]}
    first, second = map(json.loads, found.records)
    assert first == {
        "n": 1,
        "x": 0.5,
        "local": "2024-05-01T09:30:00",
        "exact": "2024-05-01T09:30:00Z",
        "day": "2024-05-01",
        "price": "12.50",
        "tags": ["a"],
    }
    assert (second["n"], second["x"]) == (None, None)


def test_reading_resumes_behind_the_last_row_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_module, "_BLOCK_ROWS", 100)
    path = write(tmp_path / "a.parquet", n=pa.array(range(1_000)))
    whole = read(feed(path))
    assert len(whole.records) == 1_000
    for taken in (1, 99, 100, 101, 999):
        opened = feed(path, positions={"a.parquet": taken})
        assert read(opened, at_once=70).records == whole.records[taken:]


def test_a_damaged_file_is_one_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 this is none PAR1")
    found = read(feed(path))
    assert found.records == []
    assert [bad.reason for bad in found.bad] == ["unreadable"]


def test_rows_that_are_too_long_are_bad_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", t=pa.array(["x" * 500, "y"]))
    found = read(feed(path, max_record_bytes=100))
    assert (found.records, [bad.reason for bad in found.bad]) == ([b'{"t":"y"}'], ["too_large"])


@pytest.mark.data
def test_all_payments_of_the_recording_are_read() -> None:
    assert len(read(feed(data_path("olist", "order_payments.parquet")), at_once=5_000).records) == 103_886
