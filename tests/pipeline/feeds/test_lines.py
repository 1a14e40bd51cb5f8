import gzip
import random
from pathlib import Path

import pytest

from pipeline.records import lines as lines_module
from pipeline.records.lines import LineReader
from pipeline.records.opening import open_bytes
from pipeline.records.text import CUTTER
from tests.pipeline.feeds.reading import feed, read


@pytest.fixture(autouse=True, params=[False, True], ids=["cut", "whole"])
def cutting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lines cut at once, and only when they are asked for."""
    monkeypatch.setattr(CUTTER, "whole", request.param)


def test_lines_come_whole_whatever_their_ends_and_blank_ones_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\n\n{"b":2}\r\n \t\n\r\n{"c":3}')
    found = read(feed(path))
    assert found.records == [b'{"a":1}', b'{"b":2}\r', b'{"c":3}']
    assert found.offsets == {"a.jsonl": [3, 12, 26]}


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\n"])
def test_a_file_without_records_ends_at_once(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert read(feed(tmp_path / "a.jsonl")).records == []


def test_any_cut_into_blocks_and_batches_gives_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(5)
    whole = [bytes(rng.choices(b"abc{}", k=rng.choice([1, 2, 30, 200]))) for _ in range(300)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(line + rng.choice([b"\n", b"\n\n"]) for line in whole))
    expected = read(feed(path))
    assert expected.records == whole
    for block_bytes in (1, 7, 64, 1000):
        monkeypatch.setattr(CUTTER, "block_bytes", block_bytes)
        for at_once in (1, 3, 50):
            assert read(feed(path), at_once) == expected


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_reading_resumes_behind_the_last_record_taken(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    content = b"".join(b'{"n":%d}\n' % number * (1 + number % 2) + b"\n" * (number % 3) for number in range(500))
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    whole = read(feed(path))
    for taken in (1, 17, 499, 700):
        first = feed(path)
        head = [record for batch in first.poll(taken) for record in batch.records]
        positions = first.positions()
        first.close()
        rest = read(feed(path, positions=positions))
        assert head + rest.records == whole.records
        assert rest.offsets == {path.name: whole.offsets[path.name][taken:]}
    finished = feed(path, positions={path.name: len(content)})
    assert read(finished).records == []


def test_lines_that_are_too_long_are_bad_records_with_all_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = b"x" * 10_000_000
    path.write_bytes(b"a\n" + long + b"\nb\n" + long)
    found = read(feed(path, max_record_bytes=1_000_000))
    assert found.records == [b"a", b"b"]
    assert [(bad.offset, bad.raw == long, bad.reason) for bad in found.bad] == [
        (2, True, "too_large"),
        (2 + len(long) + 1 + 2, True, "too_large"),
    ]
    assert "10000000 bytes" in found.bad[0].detail


def test_of_a_monstrous_line_the_beginning_is_kept_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CUTTER, "block_bytes", 16)
    monkeypatch.setattr(lines_module, "MAX_KEPT_BYTES", 40)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"a\n" + b"0123456789" * 10 + b"\nb\n")
    for at_once in (1, 10):
        found = read(feed(path, max_record_bytes=20), at_once)
        assert found.records == [b"a", b"b"]
        assert found.offsets == {"a.jsonl": [0, 103]}
        (bad,) = found.bad
        assert bad.raw == b"0123456789" * 4
        assert "100 bytes" in bad.detail


def test_a_bad_record_is_not_given_again_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"a\nxxxxxxxxx\nb\nc\n")
    first = feed(path, max_record_bytes=5)
    (batch,) = first.poll(1)
    assert [batch.records, [bad.raw for bad in batch.bad]] == [[b"a"], [b"xxxxxxxxx"]]
    rest = read(feed(path, max_record_bytes=5, positions=first.positions()))
    assert (rest.records, rest.bad) == ([b"b", b"c"], [])


def test_a_damaged_gzip_file_gives_what_can_be_read_and_one_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rng = random.Random(3)
    content = b"".join(rng.randbytes(40).hex().encode() + b"\n" for _ in range(20_000))
    path.write_bytes(gzip.compress(content)[:-200_000])
    found = read(feed(path))
    assert content.startswith(b"\n".join(found.records))
    assert [bad.reason for bad in found.bad] == ["unreadable"]


def test_a_reader_that_waits_takes_no_unfinished_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"a\nhal")
    reader = LineReader(open_bytes(path), 0, max_record_bytes=100, whole=False)
    assert reader.take(10).records == [b"a"]
    assert reader.take(10).records == []
    with path.open("ab") as file:
        file.write(b"f\nb\n")
    assert reader.take(10).records == [b"half", b"b"]
    reader.close()


def test_who_asks_for_no_lines_gets_none_and_all_of_them_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n3\n")
    with path.open("rb") as file:
        reader = LineReader(file, 0, max_record_bytes=100, whole=True)
        assert list(reader.take(0).records) == []
        assert list(reader.take(2).records) == [b"1", b"2"]
        assert list(reader.take(0).records) == []
        assert list(reader.take(9).records) == [b"3"]
