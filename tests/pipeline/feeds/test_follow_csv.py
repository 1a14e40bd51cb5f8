import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from pipeline.feeds.contract import Status
from pipeline.feeds.file import FileFeed
from tests.pipeline.feeds.reading import Read, feed, poll_all


def follow(path: Path, **settings: Any) -> FileFeed:
    return feed(path, recording=False, follow=True, **settings)


def append(path: Path, text: str) -> None:
    with path.open("a", newline="") as file:
        file.write(text)


def rows(found: Read) -> list[dict[str, str]]:
    return [json.loads(record) for record in found.records]


def ids(found: Read) -> list[str]:
    return [row["id"] for row in rows(found)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def test_rows_are_read_once_they_are_whole(path: Path) -> None:
    append(path, '\ufeffid,what\r\n1,a\r\n2,"two\nli')
    opened = follow(path)
    found = poll_all(opened)
    assert rows(found) == [{"id": "1", "what": "a"}]
    assert found.offsets == {"orders.csv": [12]}
    assert opened.partitions() == {"orders.csv": Status.CAUGHT_UP}
    append(path, 'nes"\r\n\r\n3')
    assert rows(poll_all(opened)) == [{"id": "2", "what": "two\nlines"}]
    append(path, ",c\r\n")
    assert rows(poll_all(opened)) == [{"id": "3", "what": "c"}]


def test_a_header_that_is_not_whole_yet_is_waited_for(path: Path) -> None:
    opened = follow(path)
    for piece in ("i", "d,wh", "at\n1", ",a\n"):
        append(path, piece)
        last = poll_all(opened)
    assert rows(last) == [{"id": "1", "what": "a"}]


def test_the_header_of_the_next_file_is_passed_over(path: Path) -> None:
    append(path, "id,what\n1,a\n")
    opened = follow(path)
    poll_all(opened)
    append(path, "2,b\n3,with no end")
    path.rename(path.with_name("orders.csv.1"))
    append(path, "id,what\n4,d\n")
    assert ids(poll_all(opened)) == ["2", "3", "4"]


def test_a_header_with_other_columns_is_taken_and_told(path: Path) -> None:
    append(path, "id,what\n1,a\n")
    opened = follow(path)
    with structlog.testing.capture_logs() as logs:
        poll_all(opened)
        path.rename(path.with_name("orders.csv.1"))
        append(path, "id,where,what\n2,x,b\n")
        assert rows(poll_all(opened)) == [{"id": "2", "where": "x", "what": "b"}]
    (told,) = logs
    assert (told["event"], told["new"], told["gone"]) == ("csv.columns_changed", ["where"], [])


def test_a_file_that_was_emptied_and_has_no_header_any_more_keeps_its_columns_over_a_restart(path: Path) -> None:
    append(path, "id,what\n1,a\n")
    opened = follow(path)
    poll_all(opened)
    copy = path.with_name("orders.csv.1")
    copy.write_bytes(path.read_bytes())
    os.truncate(path, 0)
    append(path, "2,b\n3,c\n")
    assert ids(poll_all(opened)) == ["2", "3"]
    positions = opened.positions()
    append(path, "4,d\n")
    assert ids(poll_all(follow(path, positions=positions))) == ["4"]
    copy.unlink()
    lost = poll_all(follow(path, positions=positions))
    assert [(bad.raw, bad.reason) for bad in lost.bad] == [(b"4,d", "invalid_csv")]
    assert "csv.columns" in lost.bad[0].detail
    named = follow(path, positions=positions, csv={"columns": ["id", "what"]})
    assert ids(poll_all(named)) == ["4"]


def test_columns_that_are_named_in_the_settings_need_no_header(path: Path) -> None:
    append(path, "1,a\n")
    opened = follow(path, csv={"columns": ["id", "id"]})
    assert rows(poll_all(opened)) == [{"id": "1", "id_2": "a"}]


def test_bad_rows_cost_themselves_only(path: Path) -> None:
    append(path, 'id,what\n1\n2,a,b\n3,c\n4,"open\n5,e\n')
    opened = follow(path, max_record_bytes=30)
    found = poll_all(opened)
    assert ids(found) == ["3"]
    assert [bad.raw for bad in found.bad] == [b"1", b"2,a,b"]
    append(path, "6,f\n7,too long for a row of this file\n8,h\n")
    rest = poll_all(opened)
    assert ids(rest) == ["5", "6", "8"]
    assert [(bad.raw[:3], bad.reason) for bad in rest.bad] == [(b'4,"', "invalid_csv"), (b"7,t", "too_large")]
    path.write_bytes(path.read_bytes() + b"9,\xff\n")
    assert [bad.reason for bad in poll_all(opened).bad] == ["invalid_utf8"]


def test_a_quote_that_stays_open_until_the_file_is_rotated_costs_its_line_only(path: Path) -> None:
    append(path, 'id,what\n1,"open\n2,b\n')
    opened = follow(path)
    assert poll_all(opened).records == []
    path.rename(path.with_name("orders.csv.1"))
    append(path, "id,what\n3,c\n")
    found = poll_all(opened)
    assert ids(found) == ["2", "3"]
    assert [bad.raw for bad in found.bad] == [b'1,"open']


@pytest.mark.parametrize("seed", range(4))
def test_any_growth_any_batch_and_any_kill_give_the_same_rows(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.choice(["x", '"q""q"', '"a\nb"', '"c,d"', "", "é" * 40]) for _ in range(300)]
    whole = "id,what\n" + "".join(
        f"{number},{value}\n" + "\n" * (number % 9 == 0) for number, value in enumerate(values)
    )
    text = whole.encode()
    records: list[bytes] = []
    offsets: list[int] = []
    positions: dict[str, int] = {}
    opened = follow(path)
    at = 0
    while at < len(text):
        size = rng.choice([1, 5, 40, 700])
        with path.open("ab") as file:
            file.write(text[at : at + size])
        at += size
        for batch in opened.poll(rng.choice([1, 3, 50])):
            assert not batch.bad
            records += batch.records
            offsets += batch.offsets
        if rng.random() < 0.1:
            positions = opened.positions()
            opened.close()
            opened = follow(path, positions=positions)
    rest = poll_all(opened)
    records += rest.records
    offsets += rest.offsets.get("orders.csv", [])
    (whole_path := path.with_name("whole.csv")).write_bytes(text)
    expected = feed(whole_path)
    assert records == poll_all(expected).records
    assert offsets == sorted(set(offsets))
    assert len(records) == 300
