"""Followed folders and patterns: files come, are renamed, compressed and deleted."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.feeds import file as file_module
from pipeline.feeds.contract import Status
from pipeline.feeds.file import FileFeed
from tests.pipeline.feeds.reading import feed, poll_all


def follow(path: Path, **settings: Any) -> FileFeed:
    return feed(path, recording=False, follow=True, **settings)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_files_of_all_formats_that_appear_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    opened = follow(tmp_path)
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b"4\n"))
    pq.write_table(pa.table({"n": [3]}), tmp_path / "c.parquet")
    append(tmp_path / "b.csv", "n\n2\n")
    append(tmp_path / "a.log", "1\n")
    opened.poll(0)
    assert list(opened.partitions()) == ["a.log", "b.csv", "c.parquet", "d.jsonl.gz"]
    assert sorted(map(str, (json.loads(record) for record in poll_all(opened).records))) == [
        "1",
        "4",
        "{'n': '2'}",
        "{'n': 3}",
    ]
    assert opened.partitions() == {
        "a.log": Status.CAUGHT_UP,
        "b.csv": Status.CAUGHT_UP,
        "c.parquet": Status.ENDED,
        "d.jsonl.gz": Status.ENDED,
    }
    positions = opened.positions()
    append(tmp_path / "b.csv", "5\n")
    assert poll_all(follow(tmp_path, positions=positions)).records == [b'{"n":"5"}']


@pytest.mark.parametrize("pattern", ["", "*.log*"])
def test_a_renamed_file_is_no_new_file(tmp_path: Path, pattern: str) -> None:
    log = tmp_path / "app.log"
    append(log, "1\n2\n")
    opened = follow(tmp_path / pattern)
    assert poll_all(opened).records == [b"1", b"2"]
    append(log, "3\n")
    log.rename(tmp_path / "app.log.1")
    append(log, "4\n")
    assert sorted(poll_all(opened).records) == [b"3", b"4"]
    append(tmp_path / "app.log.1", "late\n")
    assert poll_all(opened).records == [b"late"]
    assert len(opened.partitions()) == 2
    positions = opened.positions()
    append(log, "5\n")
    assert poll_all(follow(tmp_path / pattern, positions=positions)).records == [b"5"]


def test_a_renamed_file_without_a_successor_is_no_new_file_either(tmp_path: Path) -> None:
    append(tmp_path / "incoming.jsonl", "1\n")
    opened = follow(tmp_path)
    assert poll_all(opened).records == [b"1"]
    (tmp_path / "incoming.jsonl").rename(tmp_path / "done.jsonl")
    for _ in range(4):
        assert opened.poll(10) == []
    assert opened.partitions() == {"done.jsonl": Status.CAUGHT_UP}
    assert poll_all(follow(tmp_path, positions=opened.positions())).records == []


def test_files_that_are_deleted_leave_with_their_positions(tmp_path: Path) -> None:
    for day in range(5):
        append(tmp_path / f"{day}.jsonl", f"{day}\n")
    opened = follow(tmp_path)
    poll_all(opened)
    append(tmp_path / "0.jsonl", "last words\n")
    for day in range(4):
        (tmp_path / f"{day}.jsonl").unlink()
    assert poll_all(opened).records == [b"last words"]
    opened.poll(10)
    assert list(opened.partitions()) == ["4.jsonl"]
    assert {name.partition("\t")[0] for name in opened.positions()} == {"4.jsonl"}


def test_more_files_than_may_be_open_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "MAX_OPEN", 3)
    for number in range(9):
        append(tmp_path / f"{number}.jsonl", f"{number}\n")
    opened = follow(tmp_path)
    assert len(poll_all(opened).records) == 9
    for _ in range(2):
        opened.poll(10)
    assert all(reader._reader is None for reader in opened._readers.values())  # type: ignore[attr-defined]
    assert set(opened.partitions().values()) == {Status.CAUGHT_UP}
    positions = opened.positions()
    for number in (2, 7):
        append(tmp_path / f"{number}.jsonl", "more\n")
    assert poll_all(opened).records == [b"more"] * 2
    assert len(poll_all(follow(tmp_path, positions=positions)).records) == 2
    (tmp_path / "5.jsonl").unlink()
    opened.poll(10)
    opened.poll(10)
    assert len(opened.partitions()) == 8


def test_a_folder_that_is_large_is_looked_through_more_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.records.discovery._CHEAP_S", 0.0)
    monkeypatch.setattr("pipeline.records.discovery._SHARE", 1e-9)
    append(tmp_path / "a.jsonl", "1\n")
    opened = follow(tmp_path)
    append(tmp_path / "b.jsonl", "2\n")
    assert poll_all(opened).records == [b"1"]
