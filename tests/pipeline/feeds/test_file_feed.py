import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

import pipeline.feeds.catalogue  # noqa: F401 - registers every feed
from config.base import ComponentSettings
from pipeline.events import decode_event
from pipeline.feeds.contract import FEEDS, Status
from pipeline.feeds.file import FileFeed
from tests.pipeline.feeds.reading import feed, read
from tests.support.data import data_path

ORDERS: dict[str, Any] = {
    "formats": ["%m/%d/%Y %H:%M"],
    "zone": "America/Sao_Paulo",
    "where": [{"field": "order_status", "not_in": ["canceled", "unavailable"]}],
    "events": [
        {
            "type": "transaction.purchased",
            "id": "{order_id}:purchased",
            "time": "order_purchase_timestamp",
            "data": {"order_id": "order_id", "deadline": "order_estimated_delivery_date"},
        },
        {
            "type": "transaction.delivered",
            "id": "{order_id}:delivered",
            "time": "order_delivered_customer_date",
            "optional": True,
            "data": {"order_id": "order_id"},
        },
    ],
}
HEADER = "order_id,order_status,order_purchase_timestamp,order_delivered_customer_date,order_estimated_delivery_date"


def table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_the_feed_is_registered_under_file() -> None:
    assert FEEDS.factory("file") is FileFeed
    assert issubclass(FEEDS.settings("file"), ComponentSettings)


def test_each_file_of_a_folder_or_pattern_is_a_partition(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"1\n2\n")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"3\n"))
    (tmp_path / "c.csv").write_bytes(b"n\n4\n")
    (tmp_path / ".d.jsonl").write_bytes(b"5\n")
    opened = feed(tmp_path)
    assert sorted(opened.partitions()) == ["a.jsonl", "b.jsonl.gz", "c.csv"]
    assert opened.poll(10, "c.csv")[0].records == [b'{"n":"4"}']
    assert sorted(read(opened).records) == [b"1", b"2", b"3"]
    assert len(read(feed(tmp_path / "*.jsonl*")).records) == 4


def test_all_files_get_their_turn(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_bytes(name.encode() * 3 + b"\n" + name.encode() * 2 + b"\n")
    opened = feed(tmp_path)
    assert {opened.poll(1)[0].partition for _ in range(3)} == {"a.jsonl", "b.jsonl", "c.jsonl"}


def test_a_feed_without_a_file_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path, tmp_path / "*.csv"):
        with pytest.raises(ValueError, match=r"feed 'f': path: there is no file"):
            feed(path)


def test_a_file_whose_name_does_not_say_its_format_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"1\n")
    with pytest.raises(ValueError, match=r"feed 'f': .*set format"):
        feed(path)
    assert read(feed(path, format="jsonl")).records == [b"1"]


def test_a_live_feed_that_is_not_followed_ends_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"1\n")
    opened = feed(tmp_path / "a.jsonl", recording=False)
    assert opened.partitions() == {"a.jsonl": Status.READING}
    assert read(opened).records == [b"1"]
    assert opened.partitions() == {"a.jsonl": Status.ENDED}


def test_a_table_sorted_by_time_gives_events_in_order_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    rng = random.Random(4)
    rows = [
        f"o{number},{rng.choice(['delivered', 'canceled'])},{number % 12 + 1}/{number % 28 + 1}/2017 9:05,"
        f"{rng.choice(['', '12/30/2017 10:00', 'never'])},1/1/2018 0:00"
        for number in range(200)
    ] + ["short,row"]
    first = read(feed(table(tmp_path / "a.csv", rows), sort="time", mapping=ORDERS), at_once=30)
    times = [decode_event(record).time_us for record in first.records]
    assert times == sorted(times)
    assert {bad.reason for bad in first.bad} == {"invalid_time", "invalid_csv"}
    assert first.filtered + len(first.bad) + sum(b":purchased" in record for record in first.records) == 201
    for _ in range(3):
        rng.shuffle(rows)
        assert read(feed(table(tmp_path / "a.csv", rows), sort="time", mapping=ORDERS), at_once=77) == first


def test_sorted_events_are_marked_as_mapped_and_come_from_the_feed(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["1,x,1/1/2017 9:05,,1/1/2018 0:00"])
    (batch,) = feed(path, sort="time", mapping=ORDERS).poll(10)
    assert batch.mapped
    event = decode_event(batch.records[0])
    assert (event.id, event.source) == ("1:purchased", "f")


def test_a_sorted_table_resumes_and_counts_what_was_filtered_once(tmp_path: Path) -> None:
    rows = [
        f"o{number},{'canceled' if number % 3 else 'x'},1/{number % 28 + 1}/2017 9:05,?,1/1/2018 0:00"
        for number in range(90)
    ]
    mapping = {**ORDERS, "missing": ["?"]}
    path = table(tmp_path / "a.csv", rows)
    whole = read(feed(path, sort="time", mapping=mapping))
    assert (len(whole.records), whole.filtered) == (30, 60)
    first = feed(path, sort="time", mapping=mapping)
    (head,) = first.poll(7)
    rest = read(feed(path, sort="time", mapping=mapping, positions=first.positions()))
    assert ([*head.records, *rest.records], head.filtered + rest.filtered) == (list(whole.records), 60)


def test_a_table_of_which_everything_is_filtered_counts_it_once(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["1,canceled,1/1/2017 9:05,,1/1/2018 0:00"])
    opened = feed(path, sort="time", mapping=ORDERS)
    assert read(opened).filtered == 1
    assert read(feed(path, sort="time", mapping=ORDERS, positions=opened.positions())).filtered == 0


def test_events_can_be_sorted_without_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = [
        {"type": "social.post", "id": str(hour), "source": "s", "time": f"2024-05-01T{hour:02}:00:00Z", "data": {}}
        for hour in (3, 1, 2)
    ]
    path.write_text("\n".join(map(json.dumps, records)) + "\nnonsense\n")
    found = read(feed(path, sort="time"))
    assert [decode_event(record).id for record in found.records] == ["1", "2", "3"]
    assert [bad.raw for bad in found.bad] == [b"nonsense"]


def test_a_mapping_that_cannot_be_is_refused_when_the_feed_is_built(tmp_path: Path) -> None:
    broken = {"events": [{"type": "no.such", "id": "x", "time": "t"}]}
    with pytest.raises(ValueError, match=r"events\[0\].type"):
        feed(tmp_path, sort="time", mapping=broken)


@pytest.mark.data
def test_the_orders_of_the_recording_become_events_in_order() -> None:
    found = read(feed(data_path("olist", "orders.csv"), sort="time", mapping=ORDERS), at_once=5_000)
    times = [decode_event(record).time_us for record in found.records]
    assert times == sorted(times)
    purchased = sum(b"transaction.purchased" in record for record in found.records)
    assert (purchased + found.filtered, found.bad) == (9_999, [])


@pytest.mark.data
def test_all_updates_of_the_incident_log_are_read() -> None:
    found = read(feed(data_path("servicenow_incident_event_log.csv.gz")), at_once=5_000)
    assert (len(found.records), found.bad) == (141_712, [])
