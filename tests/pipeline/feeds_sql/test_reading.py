from pathlib import Path

import pytest

from pipeline.feeds.contract import FEEDS, FeedContext, Share, Status
from pipeline.feeds.sql import SqlFeed
from pipeline.feeds.sql_settings import SqlSettings
from pipeline.reasons import Reason
from tests.pipeline.feeds_sql.reading import NOW_US, Reading, database, fill


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


def test_the_feed_is_registered_under_sql() -> None:
    assert FEEDS.factory("sql") is SqlFeed


def test_a_recording_reads_what_is_there_and_ends(file: Path) -> None:
    db = database(file)
    fill(db, range(2_500))
    with Reading(url(file), recording=True) as reading:
        reading.to_end()
        fill(db, range(2_500, 2_510))
        assert reading.poll() == 0
    assert reading.ids() == list(range(2_500))
    assert reading.offsets == list(range(1, 2_501))
    assert reading.rows[7] == {"id": 7, "at": "2024-05-01 09:00:00", "what": "t7"}


def test_a_killed_recording_ends_where_it_would_have_ended(file: Path) -> None:
    db = database(file)
    fill(db, range(3_000))
    with Reading(url(file), recording=True) as first:
        first.until(lambda: first.poll(70) > 0)
        positions = first.feed.positions()
    fill(db, range(3_000, 3_100))
    with Reading(url(file), recording=True, positions=positions) as second:
        second.to_end()
    assert sorted(set(first.ids() + second.ids())) == list(range(3_000))
    assert len(second.ids()) <= 3_000 - len(first.ids()) + 1
    assert min(second.offsets) == len(first.ids()) + 1
    with Reading(url(file), recording=True, positions=second.feed.positions()) as third:
        assert third.to_end().ids() == [2_999]


@pytest.mark.parametrize("empty", [True, False])
def test_a_table_without_rows_to_read_ends_a_recording(file: Path, empty: bool) -> None:
    db = database(file)
    if not empty:
        db.execute("INSERT INTO tickets VALUES (NULL, NULL, 'x')")
    with Reading(url(file), recording=True) as reading:
        assert reading.to_end().rows == []


def test_live_new_rows_come_once_and_then_the_table_is_caught_up(file: Path) -> None:
    db = database(file)
    fill(db, range(10))
    with Reading(url(file)) as reading:
        before = reading.status
        reading.sweep()
        fill(db, range(10, 15))
        reading.sweep().sweep()
        assert reading.ids() == list(range(15))
        assert (before, reading.status) == (Status.READING, Status.CAUGHT_UP)


@pytest.mark.parametrize("key", [[], ["id"], ["what", "id"]])
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 40])
def test_equal_marks_at_the_border_of_a_page_are_neither_lost_nor_doubled(
    file: Path, key: list[str], batch: int
) -> None:
    db = database(file)
    for second, count in enumerate((1, 2, 7, 1, 14, 3, 1, 1)):
        fill(db, range(second * 100, second * 100 + count), f"2024-05-01 09:00:{second:02}")
    with Reading(url(file), mark="at", key=key, batch=batch, zone="UTC", recording=True) as reading:
        ids = reading.to_end().ids()
    assert len(ids) == len(set(ids)) == 30
    assert [id_ // 100 for id_ in ids] == sorted(id_ // 100 for id_ in ids)


def test_a_key_that_does_not_tell_rows_apart_costs_nothing(file: Path) -> None:
    db = database(file)
    fill(db, range(20))
    db.execute("UPDATE tickets SET what = 'same'")
    with Reading(url(file), mark="at", key="what", batch=3, zone="UTC", recording=True) as reading:
        assert sorted(reading.to_end().ids()) == list(range(20))


def test_a_key_with_nulls_is_given_up(file: Path) -> None:
    db = database(file)
    fill(db, range(20))
    db.execute("UPDATE tickets SET what = NULL WHERE id % 3 = 0")
    with Reading(url(file), mark="at", key="what", batch=3, zone="UTC", recording=True) as reading:
        assert set(reading.to_end().ids()) == set(range(20))


def test_rows_committed_late_with_an_older_mark_are_found_within_the_overlap(file: Path) -> None:
    db = database(file)
    fill(db, range(1, 2), "2024-05-01 09:10:00")
    with Reading(url(file), mark="at", zone="UTC", overlap="5m") as reading:
        reading.sweep()
        fill(db, range(2, 3), "2024-05-01 09:05:01")
        fill(db, range(3, 4), "2024-05-01 09:04:58")
        reading.sweep().sweep()
    assert reading.ids() == [1, 2]


def test_late_numbers_are_found_within_the_overlap(file: Path) -> None:
    db = database(file)
    fill(db, range(100, 101))
    with Reading(url(file), overlap_numbers=10) as reading:
        reading.sweep()
        fill(db, range(89, 91))
        reading.sweep()
    assert reading.ids() == [100, 90]


def test_a_changed_row_comes_again_with_its_new_mark_and_with_an_equal_one(file: Path) -> None:
    db = database(file)
    fill(db, range(1, 3))
    with Reading(url(file), mark="at", zone="UTC") as reading:
        reading.sweep()
        db.execute("UPDATE tickets SET what = 'changed' WHERE id = 1")
        reading.sweep()
        db.execute("UPDATE tickets SET what = 'again', at = '2024-05-01 09:00:01' WHERE id = 1")
        reading.sweep()
    assert [row["what"] for row in reading.rows] == ["t1", "t2", "changed", "again"]


def test_a_mark_far_ahead_of_the_clock_does_not_carry_reading_along(file: Path) -> None:
    db = database(file)
    fill(db, range(1), "2099-01-01 00:00:00")
    with Reading(url(file), mark="at", zone="UTC") as reading:
        reading.sweep()
        assert reading.feed.positions()["tickets\tmark"] == NOW_US
        fill(db, range(1, 2), "2024-05-01 21:46:00")
        reading.sweep().sweep()
        assert reading.ids() == [0, 1]


def test_a_restart_reads_the_overlap_again_and_nothing_before_it(file: Path) -> None:
    db = database(file)
    for minute in range(20):
        fill(db, range(minute, minute + 1), f"2024-05-01 09:{minute:02}:00")
    with Reading(url(file), mark="at", zone="UTC") as first:
        positions = first.sweep().feed.positions()
    fill(db, range(20, 21), "2024-05-01 09:16:30")
    with Reading(url(file), mark="at", zone="UTC", positions=positions) as second:
        second.sweep()
    assert second.ids() == [14, 15, 16, 20, 17, 18, 19]
    assert second.offsets == list(range(21, 28))


def test_latest_begins_with_the_newest_row_also_after_a_restart(file: Path) -> None:
    db = database(file)
    fill(db, range(5))
    with Reading(url(file), start="latest") as first:
        positions = first.sweep().feed.positions()
    fill(db, range(5, 8))
    with Reading(url(file), start="latest", positions=positions) as second:
        assert (first.ids(), second.sweep().ids()) == ([4], [4, 5, 6, 7])
    with Reading(url(file), start="latest", recording=True) as recording:
        assert recording.to_end().ids() == list(range(8))


def test_latest_on_an_empty_table_reads_what_comes(file: Path) -> None:
    db = database(file)
    with Reading(url(file), start="latest") as first:
        positions = first.sweep().feed.positions()
    fill(db, range(2))
    with Reading(url(file), start="latest", positions=positions) as second:
        assert second.sweep().ids() == [0, 1]


@pytest.mark.parametrize(("mark", "start"), [("id", 3), ("at", "2024-05-01T09:03:00Z"), ("at", "2024-05-01T09:03:00")])
def test_a_mark_to_start_at_is_included(file: Path, mark: str, start: object) -> None:
    db = database(file)
    for minute in range(5):
        fill(db, range(minute, minute + 1), f"2024-05-01 09:{minute:02}:00")
    with Reading(url(file), mark=mark, start=start, zone="UTC", recording=True) as reading:
        assert reading.to_end().ids() == [3, 4]


def test_numbers_that_begin_anew_are_read_anew(file: Path) -> None:
    db = database(file)
    fill(db, range(5_000, 5_010))
    with Reading(url(file), start="latest") as reading:
        reading.sweep()
        db.execute("DELETE FROM tickets")
        reading.sweep()
        fill(db, range(1, 4))
        reading.sweep().sweep()
        assert reading.ids() == [5_009, 1, 2, 3]
        fill(db, range(4, 6))
        assert reading.sweep().ids() == [5_009, 1, 2, 3, 4, 5]
        assert reading.feed.positions()["tickets\tmark"] == 5


def test_deleting_the_newest_rows_repeats_nothing(file: Path) -> None:
    db = database(file)
    fill(db, range(100))
    with Reading(url(file)) as reading:
        reading.sweep()
        db.execute("DELETE FROM tickets WHERE id > 50")
        reading.sweep()
        fill(db, range(100, 103))
        assert reading.sweep().ids() == list(range(103))


def test_a_query_is_read_like_a_table(file: Path) -> None:
    db = database(file)
    fill(db, range(10))
    query = "SELECT *, '10:30 \\:x::y 50%' AS note FROM tickets WHERE what NOT LIKE '%5' ;"
    with Reading(url(file), query=query, recording=True) as reading:
        reading.to_end()
        assert list(reading.feed.partitions()) == ["query"]
    assert reading.ids() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert reading.rows[0]["note"] == "10:30 \\:x::y 50%"


def test_rows_that_are_no_records_are_dead_letters_with_the_column(file: Path) -> None:
    db = database(file)
    db.execute("INSERT INTO tickets VALUES (1, 'x', CAST(x'FF41' AS TEXT)), (2, 'x', ?), (3, 'y', 'well')", ["z" * 300])
    with Reading(url(file), recording=True, max_record_bytes=200) as reading:
        reading.to_end()
    assert reading.ids() == [3]
    assert [(bad.offset, bad.reason) for bad in reading.bad] == [(1, Reason.WRONG_TYPE), (2, Reason.TOO_LARGE)]
    assert "column what (str)" in reading.bad[0].detail
    assert b'"id":"1"' in reading.bad[0].raw


def test_a_mark_that_is_none_is_a_dead_letter_of_its_row(file: Path) -> None:
    db = database(file)
    fill(db, range(2))
    db.execute("INSERT INTO tickets VALUES (7, '2024-05', 'x'), (8, '2024-05-01 08:00:00+02:00', 'x')")
    with Reading(url(file), mark="at", zone="UTC") as reading:
        reading.sweep().sweep()
    assert reading.ids() == [0, 1]
    assert [bad.reason for bad in reading.bad] == [Reason.INVALID_TIME] * 2


def test_only_the_first_process_reads(file: Path) -> None:
    fill(database(file), range(3))
    settings = SqlSettings.model_validate({"type": "sql", "url": url(file), "table": "tickets", "mark": "id"})
    feed = SqlFeed("crm", settings, FeedContext(recording=True, share=Share(1, 2)))
    feed.open({"tickets": 5, "tickets\tmark": 9})
    assert (feed.partitions(), feed.poll(10)) == ({}, [])
    assert feed.positions() == {"tickets": 5, "tickets\tmark": 9}
    feed.close()


def test_bytes_and_nulls_become_base64_and_null(file: Path) -> None:
    db = database(file, columns="id INTEGER, x")
    db.executemany("INSERT INTO tickets VALUES (?, ?)", [(1, b"\x00\xff"), (2, None), (3, 1.5), (4, 2**62)])
    with Reading(url(file), recording=True) as reading:
        assert [row["x"] for row in reading.to_end().rows] == ["AP8=", None, 1.5, 2**62]
