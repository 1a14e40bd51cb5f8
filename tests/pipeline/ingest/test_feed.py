from pathlib import Path

import pytest

from pipeline.feeds import http
from pipeline.feeds.contract import FEEDS, FeedContext, Share, Status
from pipeline.feeds.http import ID, HttpFeed
from pipeline.ingest.folder import reader_mark
from pipeline.ingest.frames import frame
from pipeline.ingest.settings import HttpSettings
from tests.pipeline.ingest.spools import Spool, drained, numbers, record


def test_the_feed_is_registered_under_http() -> None:
    assert FEEDS.factory("http") is HttpFeed
    assert FEEDS.settings("http") is HttpSettings


def test_a_live_feed_is_unreachable_while_nobody_receives_and_caught_up_while_somebody_does(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    feed = spool.feed(recording=False)
    assert feed.partitions() == {"spool": Status.UNREACHABLE}
    assert feed.poll(10) == []
    with spool.writing() as file:
        assert feed.partitions() == {"spool": Status.CAUGHT_UP}
        file.append([frame(record(0), 1)])
        assert numbers(feed.poll(10)[0].records) == [0]
        file.append([frame(record(1), 1)])
        assert feed.partitions() == {"spool": Status.READING}
        assert numbers(feed.poll(10)[0].records) == [1]
        assert feed.partitions() == {"spool": Status.CAUGHT_UP}
    assert feed.partitions() == {"spool": Status.UNREACHABLE}
    feed.close()


def test_a_recording_is_read_to_the_end_that_it_had(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 10)
    feed = spool.feed()
    assert feed.partitions() == {"spool": Status.READING}
    spool.write(10, 12)
    assert numbers(drained(feed)[0]) == list(range(10))
    assert feed.partitions() == {"spool": Status.ENDED}
    feed.close()


def test_a_recording_without_a_spool_has_ended(tmp_path: Path) -> None:
    feed = Spool(tmp_path).feed()
    assert feed.partitions() == {"spool": Status.ENDED}
    assert feed.poll(10) == []
    feed.close()


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("taken", [1, 13, 40])
def test_reading_resumes_behind_the_last_record_taken(tmp_path: Path, recording: bool, taken: int) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 40)
    first = spool.feed(recording=recording)
    head: list[int] = []
    while len(head) < taken:
        head += numbers(first.poll(taken - len(head))[0].records)
    positions = first.positions()
    first.close()
    second = spool.feed(recording=recording, positions=positions)
    assert head + numbers(drained(second)[0]) == list(range(40))
    second.close()


def test_positions_are_kept_while_there_is_no_spool(tmp_path: Path) -> None:
    feed = Spool(tmp_path).feed(recording=False, positions={"spool": 17, ID: 5})
    assert feed.positions() == {"spool": 17, ID: 5}
    feed.close()


def test_a_spool_that_was_made_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    before, after = Spool(tmp_path / "before"), Spool(tmp_path / "after")
    before.write(0, 10)
    after.write(100, 140)
    first = before.feed()
    drained(first)
    second = after.feed(recording=False, positions=first.positions())
    assert numbers(drained(second)[0]) == list(range(100, 140))
    first.close()
    second.close()


def test_what_was_deleted_before_it_was_read_is_skipped(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 100)
    position = {"spool": 2 * 41}
    for segment in spool.segments()[:3]:
        segment.path.unlink()
    first = spool.segments()[0].base // 41
    assert numbers(spool.read(positions=position)[0]) == list(range(first, 100))


def test_records_that_are_too_large_are_bad_records(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=1 << 24)
    with spool.writing() as file:
        sizes = [20, 3_000_000, 30, 5_000, 20]
        file.append([frame(record(number, size), 1) for number, size in enumerate(sizes)])
    found, bad = spool.read(max_record_bytes=4_000)
    assert numbers(found) == [0, 2, 4]
    assert [(numbers([one.raw]), one.reason) for one in bad] == [([1], "too_large"), ([3], "too_large")]
    assert "5000 bytes, at most 4000" in bad[1].detail
    assert numbers(spool.read(max_record_bytes=4_000_000)[0]) == [0, 1, 2, 3, 4]


def test_one_process_of_several_reads_a_spool(tmp_path: Path) -> None:
    Spool(tmp_path).write(0, 3)
    settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}})
    feed = HttpFeed("f", settings, FeedContext(recording=False, share=Share(1, 2), spool=tmp_path))
    feed.open({})
    assert (feed.partitions(), feed.poll(10), feed.positions()) == ({}, [], {})
    feed.close()


def test_the_writer_may_delete_only_what_three_snapshots_and_a_minute_have_gone_by(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 40)
    now_s = 1000.0
    settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}})
    feed = HttpFeed("f", settings, FeedContext(recording=False, spool=tmp_path), timer_s=lambda: now_s)
    feed.open({})
    mark = reader_mark(spool.folder)
    told: list[int] = []
    for _ in range(8):
        feed.poll(1)
        feed.positions()
        told.append((mark.read() or (0, 0))[1] // 41)
        now_s += 25.0
    # snapshots at 1, 2, ... records; the first is 60 s old, and three stand behind it, at the fourth
    assert told == [0, 0, 0, 1, 2, 3, 4, 5]
    for _ in range(5):
        feed.positions()
    assert (mark.read() or (0, 0))[1] // 41 <= 8
    mark.close()
    feed.close()


def test_what_a_restart_resumes_from_may_be_deleted_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 40)
    feed = spool.feed(recording=False, positions={"spool": 10 * 41})
    feed.positions()
    mark = reader_mark(spool.folder)
    assert mark.read() == (410, 410)
    mark.close()
    feed.close()


def test_a_recording_leaves_no_mark(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 3)
    feed = spool.feed()
    drained(feed)
    feed.positions()
    feed.close()
    assert not (spool.folder / "reader").exists()


def test_the_settled_rule_is_what_the_tests_above_assume() -> None:
    assert (http.SETTLED_AFTER, http.SETTLED_AFTER_S) == (3, 60.0)
