import csv
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.tables import CsvSettings
from tests.pipeline.feeds.reading import Read, feed, read


def rows(found: Read) -> list[Any]:
    return [json.loads(record) for record in found.records]


def test_rows_become_objects_of_strings_by_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid,what\n1,"a, b"\n\n2,"say ""hi"""\r\n3,"two\nlines"\n4,', encoding="utf-8")
    found = read(feed(path))
    assert [tuple(row.values()) for row in rows(found)] == [
        ("1", "a, b"),
        ("2", 'say "hi"'),
        ("3", "two\nlines"),
        ("4", ""),
    ]
    assert list(rows(found)[0]) == ["id", "what"]
    assert found.offsets == {"a.csv": [0, 1, 2, 3]}


def test_delimiter_quote_encoding_and_columns_are_settings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("1;'Zürich; \u20ac'\n".encode("cp1252"))
    settings = {"delimiter": ";", "quote": "'", "encoding": "cp1252", "columns": ["n", "where"]}
    assert rows(read(feed(path, csv=settings))) == [{"n": "1", "where": "Zürich; \u20ac"}]


def test_a_row_with_another_number_of_columns_is_a_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n1\n1,2,3\n5,6\n")
    found = read(feed(path))
    assert [row["a"] for row in rows(found)] == ["1", "5"]
    assert [(bad.offset, bad.raw, bad.reason) for bad in found.bad] == [
        (1, b"1", "invalid_csv"),
        (2, b"1,2,3", "invalid_csv"),
    ]
    assert "expected 2 columns" in found.bad[0].detail


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,\xff\n2,"x\n\xc3("\n3,\xc3\xa9\n')
    found = read(feed(path))
    assert rows(found) == [{"a": "3", "b": "é"}]
    assert [(bad.raw, bad.reason) for bad in found.bad] == [
        (b"1,\xff", "invalid_utf8"),
        (b'2,"x\n\xc3("', "invalid_utf8"),
    ]


def test_a_quote_that_is_never_closed_costs_its_line_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,"open\n2,x\n3,y\n')
    for limit in (1_000_000, 12):
        found = read(feed(path, max_record_bytes=limit), at_once=1)
        assert [row["a"] for row in rows(found)] == ["2", "3"]
        assert [(bad.raw, bad.reason) for bad in found.bad] == [(b'1,"open', "invalid_csv")]


def test_rows_that_are_too_long_are_bad_records(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1," + b"x" * 300_000 + b"\n2,y\n")
    assert [bad.reason for bad in read(feed(path, max_record_bytes=200_000)).bad] == ["too_large"]
    assert read(feed(path)).bad == []


@pytest.mark.parametrize("packed", [False, True])
def test_reading_resumes_behind_the_last_row_taken(tmp_path: Path, packed: bool) -> None:
    rng = random.Random(2)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["n", "text"])
    for number in range(300):
        writer.writerow([number, rng.choice(["x", 'q"', "a\nb", "c,d"])] + ["extra"] * (number % 7 == 3))
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(text.getvalue().encode()) if packed else text.getvalue().encode())
    whole = read(feed(path))
    assert len(whole.records) + len(whole.bad) == 300
    for taken in (1, 13, 200):
        first = feed(path)
        (head,) = first.poll(taken)
        rest = read(feed(path, positions=first.positions()), at_once=37)
        first.close()
        assert [*head.records, *rest.records] == list(whole.records)
        assert head.bad + rest.bad == whole.bad


def test_columns_of_one_name_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,a,b\n1,2,3\n")
    assert rows(read(feed(path))) == [{"a": "1", "a_2": "2", "b": "3"}]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n", b"\xff\xfe,b\n"])
def test_a_table_without_rows_ends_at_once(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = read(feed(tmp_path / "a.csv"))
    assert (found.records, found.bad) == ([], [])


def test_a_damaged_gzip_table_gives_what_can_be_read_and_one_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    rng = random.Random(3)
    lines = [f"{number},{rng.randbytes(30).hex()}" for number in range(20_000)]
    path.write_bytes(gzip.compress("\n".join(["n,x", *lines]).encode())[:-200_000])
    found = read(feed(path))
    assert 0 < len(found.records) < 20_000
    assert [bad.reason for bad in found.bad] == ["unreadable"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "klingon", "cp037"])
def test_an_encoding_must_hold_ascii_as_it_is(encoding: str) -> None:
    with pytest.raises(ValidationError, match="encoding"):
        CsvSettings(encoding=encoding)
