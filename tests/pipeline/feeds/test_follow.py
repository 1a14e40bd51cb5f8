import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.feeds.contract import Status
from pipeline.feeds.file import FileFeed, FileSettings
from tests.pipeline.feeds.reading import feed, poll_all


def follow(path: Path, **settings: Any) -> FileFeed:
    return feed(path, recording=False, follow=True, **settings)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_new_lines_are_read_once_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2\nhal")
    opened = follow(path)
    assert poll_all(opened).records == [b"1", b"2"]
    assert opened.partitions() == {"a.jsonl": Status.CAUGHT_UP}
    append(path, "f\n")
    assert poll_all(opened).records == [b"half"]
    assert poll_all(opened).records == []


def test_a_file_that_is_not_there_yet_is_unreachable_and_read_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    opened = follow(path)
    assert poll_all(opened).records == []
    assert opened.partitions() == {"a.jsonl": Status.UNREACHABLE}
    append(path, "1\n")
    assert poll_all(opened).records == [b"1"]
    assert opened.partitions() == {"a.jsonl": Status.CAUGHT_UP}


def test_a_backlog_is_still_being_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2\n3\n")
    opened = follow(path)
    opened.poll(2)
    assert opened.partitions() == {"a.jsonl": Status.READING}


def test_rotation_loses_nothing_and_offsets_go_on_rising(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2\n")
    opened = follow(path)
    first = poll_all(opened)
    append(path, "3\nlast without end")
    path.rename(tmp_path / "a.jsonl.1")
    append(path, "new\n")
    second = poll_all(opened)
    assert second.records == [b"3", b"last without end", b"new"]
    append(path, "newer\n")
    third = poll_all(opened)
    assert third.records == [b"newer"]
    offsets = [offset for found in (first, second, third) for offset in found.offsets["a.jsonl"]]
    assert offsets == sorted(set(offsets))


def test_between_renaming_and_the_new_file_the_old_one_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n")
    opened = follow(path)
    poll_all(opened)
    path.rename(tmp_path / "a.jsonl.1")
    append(tmp_path / "a.jsonl.1", "2\n")
    assert poll_all(opened).records == [b"2"]
    assert opened.partitions() == {"a.jsonl": Status.UNREACHABLE}
    append(path, "3\n")
    assert poll_all(opened).records == [b"3"]


@pytest.mark.parametrize("after", ["x\n", "quite another text, and much longer than before\n"])
def test_a_truncated_file_is_read_from_its_beginning(tmp_path: Path, after: str) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "one\ntwo\n")
    opened = follow(path)
    before = poll_all(opened).offsets["a.jsonl"]
    os.truncate(path, 0)
    append(path, after)
    found = poll_all(opened)
    assert found.records == [after.encode().rstrip()]
    assert min(found.offsets["a.jsonl"]) > max(before)


def test_a_restart_goes_on_behind_the_last_record_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "".join(f"{number}\n" for number in range(1_000)))
    opened = follow(path)
    opened.poll(400)
    positions = opened.positions()
    opened.close()
    append(path, "1000\n")
    assert poll_all(follow(path, positions=positions)).records == [b"%d" % number for number in range(400, 1_001)]


def test_a_restart_after_a_rotation_reads_the_rest_of_the_old_file_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2\n3\n")
    opened = follow(path)
    opened.poll(1)
    positions = opened.positions()
    opened.close()
    append(path, "4\n")
    path.rename(tmp_path / "a.jsonl.1")
    append(path, "5\n")
    again = follow(path, positions=positions)
    assert poll_all(again).records == [b"2", b"3", b"4", b"5"]
    later = again.positions()
    again.close()
    append(path, "6\n")
    assert poll_all(follow(path, positions=later)).records == [b"6"]


def test_a_restart_on_a_file_made_anew_reads_it_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2\n")
    opened = follow(path)
    poll_all(opened)
    positions = opened.positions()
    opened.close()
    path.unlink()
    append(path, "another beginning\nand so on\n")
    found = poll_all(follow(path, positions=positions))
    assert found.records == [b"another beginning", b"and so on"]
    assert min(found.offsets["a.jsonl"]) >= positions["a.jsonl"]


def test_files_that_appear_in_a_followed_folder_are_read(tmp_path: Path) -> None:
    append(tmp_path / "a.jsonl", "1\n")
    opened = follow(tmp_path)
    assert poll_all(opened).records == [b"1"]
    (tmp_path / "deep").mkdir()
    append(tmp_path / "deep" / "b.jsonl", "2\n")
    append(tmp_path / ".hidden.jsonl", "3\n")
    assert poll_all(opened).records == [b"2"]
    assert sorted(opened.partitions()) == ["a.jsonl", "deep/b.jsonl"]


@pytest.mark.parametrize("pattern", ["", "*.jsonl"])
def test_a_file_that_leaves_a_followed_folder_ends_once_it_is_read_and_goes_on_when_it_comes_back(
    tmp_path: Path, pattern: str
) -> None:
    append(tmp_path / "a.jsonl", "1\n")
    append(tmp_path / "b.jsonl", "2\n")
    opened = follow(tmp_path / pattern)
    assert sorted(poll_all(opened).records) == [b"1", b"2"]
    append(tmp_path / "b.jsonl", "3\n")
    (tmp_path / "b.jsonl").unlink()
    assert set(opened.partitions().values()) == {Status.CAUGHT_UP}
    assert poll_all(opened).records == [b"3"]
    assert sorted(status.value for status in opened.partitions().values()) == ["caught_up", "ended"]
    append(tmp_path / "b.jsonl", "4\n")
    assert poll_all(opened).records == [b"4"]
    assert set(opened.partitions().values()) == {Status.CAUGHT_UP}


def test_a_recording_of_a_followed_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, "1\n2")
    opened = feed(path, recording=True, follow=True)
    assert poll_all(opened).records == [b"1", b"2"]
    assert opened.partitions() == {"a.jsonl": Status.ENDED}


@pytest.mark.parametrize("other", [{"sort": "time"}, {"format": "parquet"}, {"path": "a.jsonl.gz"}])
def test_what_cannot_be_followed_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="follow"):
        FileSettings.model_validate({"type": "file", "path": "a.jsonl", "follow": True, **other})
