"""The demo feed: history at once, then simulated time by the wall clock, resumable at any record."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.demo.clock import BeganFile, SimulatedClock
from pipeline.demo.company import FEEDS as SYSTEMS
from pipeline.demo.company import HOUR_US, MINUTE_US, Company
from pipeline.demo.recording import DEFAULT_START_US
from pipeline.demo.simulate import simulate
from pipeline.feeds.contract import FEEDS, FeedContext, RawBatch, Status
from pipeline.feeds.demo import DemoFeed, DemoSettings

BASE = {"type": "demo", "start": "2026-03-02T00:00:00Z", "history": "1h", "speed": 60}


class Wall:
    """A wall clock that stands where a test puts it."""

    def __init__(self, now_us: int = 1_000_000_000_000_000) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def settings(**more: object) -> DemoSettings:
    return DemoSettings.model_validate({**BASE, **more})


def drain(feed: DemoFeed, max_records: int = 500) -> dict[str, list[tuple[int, bytes]]]:
    """Poll until nothing more is there now."""
    found: dict[str, list[tuple[int, bytes]]] = {system: [] for system in SYSTEMS}
    while True:
        batches: list[RawBatch] = feed.poll(max_records)
        for batch in batches:
            found[batch.partition] += zip(batch.offsets, batch.records, strict=True)
        if Status.READING not in feed.partitions().values():
            return found


def simulated(until_us: int) -> dict[str, list[tuple[int, bytes]]]:
    found: dict[str, list[tuple[int, bytes]]] = {system: [] for system in SYSTEMS}
    for arrival in simulate(Company(1), DEFAULT_START_US, end_us=until_us):
        found[arrival.feed].append((len(found[arrival.feed]), arrival.raw))
    return found


def test_the_feed_is_registered_as_demo() -> None:
    assert FEEDS.factory("demo") is DemoFeed
    assert FEEDS.settings("demo") is DemoSettings


def test_history_is_there_at_once_and_live_time_follows_the_wall_clock() -> None:
    wall = Wall()
    feed = DemoFeed("demo", settings(), FeedContext(recording=False), wall_us=wall)
    feed.open({})
    live_us = DEFAULT_START_US + HOUR_US
    assert drain(feed) == simulated(live_us + 1)
    assert set(feed.partitions().values()) == {Status.CAUGHT_UP}
    assert feed.poll(500) == []
    wall.now_us += 10_000_000  # ten seconds are ten minutes at speed 60
    more = drain(feed)
    expected = simulated(live_us + 10 * MINUTE_US + 1)
    assert all(records == expected[system][-len(records) :] for system, records in more.items() if records)
    assert feed.positions() == {system: len(records) for system, records in expected.items()}


def test_live_time_stands_still_until_a_file_is_there(tmp_path: Path) -> None:
    began = BeganFile(tmp_path / "began")
    wall = Wall()
    feed = DemoFeed("demo", settings(began_file=tmp_path / "began"), FeedContext(recording=False), wall_us=wall)
    feed.open({})
    drain(feed)
    assert feed.poll(10) == []
    began.begin()
    began_us = began()
    assert began_us is not None
    wall.now_us = began_us
    assert feed.poll(10) == []
    wall.now_us += 30_000_000
    assert feed.poll(10) != []


def test_live_time_stands_still_until_it_has_begun() -> None:
    wall = Wall(now_us=0)
    feed = DemoFeed("demo", settings(began="1970-01-01T00:01:00Z"), FeedContext(recording=False), wall_us=wall)
    feed.open({})
    drain(feed)
    wall.now_us = 60_000_000
    assert feed.poll(10) == []
    wall.now_us = 90_000_000
    assert feed.poll(10) != []


@pytest.mark.parametrize("max_records", [1, 7, 100_000])
def test_what_is_read_does_not_depend_on_how_it_is_polled(max_records: int) -> None:
    feed = DemoFeed("demo", settings(history="10m"), FeedContext(recording=True))
    feed.open({})
    assert drain(feed, max_records) == simulated(DEFAULT_START_US + 10 * MINUTE_US)


@pytest.mark.parametrize("cuts", [[3], [1000], [1, 500, 501]])
def test_a_resumed_run_goes_on_after_the_last_record_taken(cuts: list[int]) -> None:
    found: dict[str, list[tuple[int, bytes]]] = {system: [] for system in SYSTEMS}
    positions: dict[str, int] = {}
    for max_records in [*cuts, 100_000]:
        feed = DemoFeed("demo", settings(), FeedContext(recording=True))
        feed.open(positions)
        batches: list[RawBatch] = []
        while not batches:
            batches = feed.poll(max_records)
        for batch in batches:
            found[batch.partition] += zip(batch.offsets, batch.records, strict=True)
        positions = feed.positions()
        feed.close()
    assert found == simulated(DEFAULT_START_US + HOUR_US)


def test_a_recording_ends_with_its_length() -> None:
    feed = DemoFeed("demo", settings(history="10m", length="10m"), FeedContext(recording=True))
    feed.open({})
    assert drain(feed) == simulated(DEFAULT_START_US + 20 * MINUTE_US)
    assert set(feed.partitions().values()) == {Status.ENDED}


def test_the_outage_preset_begins_ten_minutes_into_live_time() -> None:
    (outage,) = settings(scenario="outage_in_a_minute").incidents()
    assert outage.start_us == DEFAULT_START_US + HOUR_US + 10 * MINUTE_US
    before, silence = settings(scenario="outage_and_silence").incidents()
    assert (before, silence.kind) == (outage, "silent_feed")
    assert silence.start_us == outage.start_us + 30 * MINUTE_US


def test_an_outage_before_live_time_is_part_of_the_history() -> None:
    (outage,) = settings(history="2d", scenario="outage_before").incidents()
    assert outage.start_us == DEFAULT_START_US + 8 * HOUR_US


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": "2026-03-02T00:00:00"}, "timezone"),
        ({"start": "2026-03-02T00:00:30Z"}, "whole minute"),
        ({"speed": 0}, "greater than 0"),
        ({"scenario": "tour"}, "give length"),
        ({"scenario": "tour", "length": "2h"}, "at least 12 hours"),
        ({"scenario": "outage_before"}, "a history of two days or more"),
        ({"began": "2026-03-02T00:00:00Z", "began_file": "began"}, "give one of them"),
        ({"scenario": "chaos"}, "outage_in_a_minute"),
    ],
)
def test_wrong_settings_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**fields)
    assert message in str(caught.value)


def test_a_feed_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        DemoFeed("demo", settings(), FeedContext(recording=False)).poll(1)


def test_a_company_whose_clocks_are_ahead_does_the_same_so_much_later() -> None:
    def records(**changes: object) -> list[bytes]:
        feed = DemoFeed("demo", settings(history="30m", **changes), FeedContext(recording=True))
        feed.open({})
        found: list[bytes] = []
        while batches := feed.poll(1000):
            found += [record for batch in batches for record in batch.records]
        return found

    def parts(record: bytes) -> tuple[str, ...]:
        try:
            event = json.loads(record)
        except ValueError:
            return ("bad",)
        return event["id"], event["type"], event["subject"]

    now, later = records(), records(start="2026-03-02T07:00:00Z", shift="7h")
    assert [parts(one) for one in now] == [parts(one) for one in later]
    assert json.loads(later[0])["time"] == json.loads(now[0])["time"].replace("T00:", "T07:")


def test_time_that_catches_up_is_never_ahead_of_the_wall_clock() -> None:
    wall = [2_000]
    clock = SimulatedClock(live_us=1_000, began_us=2_000, speed=300.0, wall_us=lambda: wall[0], catch_up=True)
    seen = []
    for at_us in (2_000, 2_001, 2_003, 2_004, 2_100, 9_000):
        wall[0] = at_us
        seen.append(clock())
    assert seen == [1_000, 1_300, 1_900, 2_004, 2_100, 9_000]
