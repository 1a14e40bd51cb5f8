"""Files that cannot be read for a while: a status with a reason, never an exception, and nothing lost."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog.testing

from pipeline.feeds import file_following
from pipeline.feeds.contract import FeedContext, Share, Status
from pipeline.feeds.file import FileFeed, FileSettings
from tests.pipeline.feeds.reading import feed, poll_all, read
from tests.support.patience import PATIENCE_S

IO_ERROR = Path("/proc/self/mem")
"""Can be opened, and cannot be read at its beginning: EIO."""
pytestmark = pytest.mark.skipif(not IO_ERROR.exists(), reason="needs /proc")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_following, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(file_following, "LONGEST_WAIT_S", 0.002)


def next_records(opened: FileFeed) -> list[bytes]:
    """Poll until records come."""
    deadline = time.monotonic() + PATIENCE_S
    while not (batches := opened.poll(10)):
        assert time.monotonic() < deadline
    return [record for batch in batches for record in batch.records]


def follow(path: Path, positions: dict[str, int] | None = None) -> FileFeed:
    return feed(path, positions=positions, recording=False, follow=True)


def broken_descriptor(opened: FileFeed, name: str) -> None:
    """Make every further read of an open file fail, as a lost network mount does."""
    reader = opened._readers[name]
    os.dup2(os.open(IO_ERROR, os.O_RDONLY), reader._descriptor)  # type: ignore[attr-defined]


def test_a_followed_file_that_gives_io_errors_is_unreachable_and_read_on_when_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n")
    opened = follow(path)
    with structlog.testing.capture_logs() as logs:
        assert poll_all(opened).records == [b"1", b"2"]
        path.write_bytes(b"1\n2\n3\n")
        broken_descriptor(opened, "a.jsonl")
        assert opened.poll(10) == []
        assert opened.partitions() == {"a.jsonl": Status.UNREACHABLE}
        assert "Input/output error" in opened.why_unreachable()["a.jsonl"]
        positions = opened.positions()
        assert positions["a.jsonl"] == 4
        assert next_records(opened) == [b"3"]
        poll_all(opened)
    assert opened.partitions() == {"a.jsonl": Status.CAUGHT_UP}
    assert opened.why_unreachable() == {}
    assert [entry["event"] for entry in logs] == ["file.unreachable", "file.reachable"]
    assert poll_all(follow(path, positions)).records == [b"3"]


def test_a_snapshot_while_a_file_cannot_be_read_keeps_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n")
    opened = follow(path)
    opened.poll(1)
    before = opened.positions()
    opened.close()
    path.rename(tmp_path / "away")
    path.symlink_to(IO_ERROR)
    again = follow(path, before)
    again.poll(10)
    assert again.partitions() == {"a.jsonl": Status.UNREACHABLE}
    path.unlink()
    (tmp_path / "away").rename(path)
    assert next_records(again) == [b"2"]


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_a_file_that_is_read_once_is_tried_again_too(tmp_path: Path, name: str, recording: bool) -> None:
    (tmp_path / name).symlink_to(IO_ERROR)
    (tmp_path / "z.jsonl").write_bytes(b"9\n")
    opened = feed(tmp_path, recording=recording)
    for _ in range(3):
        opened.poll(10)
    assert opened.partitions() == {name: Status.UNREACHABLE, "z.jsonl": Status.ENDED}
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes({"a.jsonl": b"1\n", "a.csv": b"n\n1\n"}.get(name, b""))
    found = read(opened)
    assert len(found.records) == (name != "a.jsonl.gz")


def test_what_was_read_before_an_error_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(b"%06d\n" % number for number in range(50_000)))
    opened = feed(path)
    records = [record for _ in range(3) for batch in opened.poll(7_000) for record in batch.records]
    reader = opened._readers["a.jsonl"]
    os.dup2(os.open(IO_ERROR, os.O_RDONLY), reader._file.fileno())  # type: ignore[attr-defined]
    while opened.partitions() == {"a.jsonl": Status.READING}:
        records += [record for batch in opened.poll(7_000) for record in batch.records]
    assert opened.partitions() == {"a.jsonl": Status.UNREACHABLE}
    records += read(opened, at_once=50_000).records
    assert records == [b"%06d" % number for number in range(50_000)]


def test_a_parquet_file_that_cannot_be_read_now_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.mkdir()
    file = path / "inside.parquet"
    file.symlink_to(tmp_path / "none.parquet")
    pq.write_table(pa.table({"n": [1]}), tmp_path / "other.parquet")
    opened = feed(tmp_path / "other.parquet")
    (tmp_path / "other.parquet").rename(tmp_path / "none.parquet")
    opened.poll(10)
    assert opened.partitions() == {"other.parquet": Status.UNREACHABLE}
    (tmp_path / "none.parquet").rename(tmp_path / "other.parquet")
    found = read(opened)
    assert (found.records, found.bad) == ([b'{"n":1}'], [])


def test_only_the_first_process_reads_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"1\n")
    settings = FileSettings.model_validate({"type": "file", "path": tmp_path / "a.jsonl"})
    second = FileFeed("f", settings, FeedContext(recording=True, share=Share(1, 2)))
    second.open({"a.jsonl": 7})
    assert (second.partitions(), second.poll(10), second.positions()) == ({}, [], {"a.jsonl": 7})
    second.close()
