from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.localtime import local_us, wall_time
from alerts.maintenance import Maintenance, Window
from config.duty import DAY_US, HOUR_US
from config.maintenance import MaintenanceSettings, local_rule

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAYS = {"start": "2026-01-04T02:00", "rrule": "FREQ=WEEKLY;BYDAY=SU", "end": "06:00"}
WEB = {"service": "web", "alertname": "X"}


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return local_us(datetime.fromisoformat(text), zone)


def window(**keys: Any) -> MaintenanceSettings:
    return MaintenanceSettings.model_validate({"matchers": ["service=web"], "zone": "Europe/Berlin", **keys})


def maintenance(**keys: Any) -> Maintenance:
    return Maintenance({"patch": window(**keys)})


def walls(found: Maintenance, first: str, last: str, zone: ZoneInfo = BERLIN) -> list[tuple[str, str]]:
    return [
        (wall_time(one.start_us, zone).strftime("%m-%dT%H:%M"), wall_time(one.end_us, zone).strftime("%m-%dT%H:%M"))
        for one in found.occurrences("patch", at(first, zone), at(last, zone))
    ]


def test_a_weekly_window_is_at_its_local_times_also_when_clocks_change() -> None:
    found = maintenance(**SUNDAYS)
    assert walls(found, "2026-03-20", "2026-04-06") == [
        ("03-22T02:00", "03-22T06:00"),
        ("03-29T03:00", "03-29T06:00"),  # 02:00 does not exist on that day
        ("04-05T02:00", "04-05T06:00"),
    ]
    assert walls(found, "2026-10-25", "2026-10-26") == [("10-25T02:00", "10-25T06:00")]
    (autumn,) = found.occurrences("patch", at("2026-10-25"), at("2026-10-26"))
    assert autumn.end_us - autumn.start_us == 5 * HOUR_US


def test_a_duration_is_elapsed_time() -> None:
    keys = {"start": "2026-01-04T00:00", "rrule": "FREQ=WEEKLY;BYDAY=SU", "duration": "4h"}
    assert walls(maintenance(**keys), "2026-03-29", "2026-03-30") == [("03-29T00:00", "03-29T05:00")]
    assert walls(maintenance(**keys), "2026-10-25", "2026-10-26") == [("10-25T00:00", "10-25T03:00")]


def test_a_beginning_that_comes_twice_is_the_first_and_one_over_which_clocks_go_forward_does_not_take_place() -> None:
    twice = maintenance(start="2026-10-25T02:30", duration="1h")
    (found,) = twice.occurrences("patch", at("2026-10-25"), at("2026-10-26"))
    assert (found.start_us, found.end_us) == (at("2026-10-25T02:30"), at("2026-10-25T02:30") + HOUR_US)
    assert walls(maintenance(start="2026-03-29T02:30", end="03:00"), "2026-03-28", "2026-03-31") == []


def test_an_alert_is_muted_from_the_beginning_to_before_the_end() -> None:
    found = maintenance(**SUNDAYS, comment="patches")
    begins, ends = at("2026-01-04T02:00"), at("2026-01-04T06:00")
    assert found.mute(WEB, begins - 1) is None
    mute = found.mute(WEB, begins)
    assert mute is not None
    assert (mute.kind, mute.by, mute.until_us) == ("maintenance", "patch", ends)
    assert mute.detail == "maintenance window patch until Sun 2026-01-04 06:00 CET: patches"
    assert found.mute({"service": "pay"}, begins) is None
    assert found.mute(WEB, ends - 1) is not None
    assert found.mute(WEB, ends) is None


def test_of_several_open_windows_the_one_that_ends_last_is_told() -> None:
    found = Maintenance(
        {
            "short": window(start="2026-01-04T02:00", duration="1h"),
            "long": window(start="2026-01-04T02:00", duration="3h"),
            "other": window(start="2026-01-04T02:00", duration="9h", matchers=["service=pay"]),
        }
    )
    mute = found.mute(WEB, at("2026-01-04T02:30"))
    assert mute is not None
    assert mute.by == "long"


def test_exdates_leave_out_a_time_or_a_whole_day_and_until_and_count_end_it() -> None:
    daily = {"start": "2026-01-01T02:00", "duration": "1h"}
    rule = {"rrule": "FREQ=DAILY;UNTIL=20260106", "exdates": ["2026-01-02T02:00", "2026-01-04", "2026-01-05T03:00"]}
    kept = [start[:5] for start, _ in walls(maintenance(**daily, **rule), "2026-01-01", "2026-02-01")]
    assert kept == ["01-01", "01-03", "01-05", "01-06"]
    three = maintenance(**daily, rrule="FREQ=DAILY;COUNT=3")
    assert len(walls(three, "2026-01-01", "2026-02-01")) == 3
    assert three.next_start("patch", at("2026-01-02T02:00")) == at("2026-01-03T02:00")
    assert three.next_start("patch", at("2026-01-03T02:00")) is None


def test_until_with_z_is_utc_and_without_is_local() -> None:
    daily = {"start": "2026-01-01T00:30", "duration": "1h"}
    utc = maintenance(**daily, rrule="FREQ=DAILY;UNTIL=20260102T233000Z")
    assert [start[:5] for start, _ in walls(utc, "2026-01-01", "2026-02-01")] == ["01-01", "01-02", "01-03"]
    local = maintenance(**daily, rrule="RRULE:FREQ=DAILY;UNTIL=20260103T002959")
    assert len(walls(local, "2026-01-01", "2026-02-01")) == 2


def test_the_rules_of_rfc_5545_that_people_use() -> None:
    def days(rrule: str, start: str = "2026-01-01T01:00") -> list[str]:
        keys = {"start": start, "duration": "1h", "rrule": rrule}
        return [begin[:5] for begin, _ in walls(maintenance(**keys), "2026-01-01", "2026-07-01")]

    assert days("FREQ=MONTHLY;BYDAY=2TU")[:3] == ["01-13", "02-10", "03-10"]
    assert days("FREQ=MONTHLY;BYMONTHDAY=-1")[:3] == ["01-31", "02-28", "03-31"]
    assert days("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE")[:3] == ["01-12", "01-14", "01-26"]
    assert days("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")[:2] == ["01-30", "02-27"]
    assert days("FREQ=YEARLY;BYMONTH=6;BYDAY=-1SU") == ["06-28"]


def test_the_next_change_of_all_windows_is_when_one_begins_or_ends() -> None:
    found = Maintenance({"a": window(**SUNDAYS), "b": window(start="2026-01-04T05:00", duration="3h")})
    change, seen = at("2026-01-03"), []
    for _ in range(5):
        change = found.next_change(change) or 0
        seen.append(wall_time(change, BERLIN).strftime("%dT%H"))
    assert seen == ["04T02", "04T05", "04T06", "04T08", "11T02"]
    assert maintenance(start="2026-01-04T05:00", duration="3h").next_change(at("2026-01-04T08:00")) is None


@settings(max_examples=80, deadline=None)
@given(
    rrule=st.sampled_from(
        [
            "FREQ=DAILY",
            "FREQ=HOURLY",
            "FREQ=HOURLY;BYMINUTE=0,30",
            "FREQ=WEEKLY;BYDAY=SU,SA",
            "FREQ=DAILY;COUNT=30",
            None,
        ]
    ),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    day=st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01"]),
    begin_h=st.integers(-60, 20),
    length_h=st.integers(1, 30),
    elapsed=st.booleans(),
    looks=st.lists(st.integers(-48 * 60, 48 * 60), min_size=1, max_size=30),
)
def test_an_alert_is_muted_exactly_when_an_occurrence_covers_the_instant(
    rrule: str | None, zone: str, day: str, begin_h: int, length_h: int, elapsed: bool, looks: list[int]
) -> None:
    """The model goes through the first occurrences of the rule, whatever was asked before and in which order."""
    where = ZoneInfo(zone)
    start = datetime.fromisoformat(day) + timedelta(hours=begin_h)
    length = timedelta(hours=length_h)
    ends = {"duration": f"{length_h}h"} if elapsed else {"end": (start + length).isoformat()}
    found = maintenance(zone=zone, start=start.isoformat(), rrule=rrule, **ends)
    begins = [start] if rrule is None else list(islice(local_rule(rrule, start, where), 400))
    spans = [
        (
            local_us(wall, where),
            local_us(wall, where) + length_h * HOUR_US if elapsed else local_us(wall + length, where),
        )
        for wall in begins
    ]
    spans = [span for span in spans if span[0] < span[1]]
    for minutes in looks:
        now_us = at(day, where) + minutes * 60_000_000
        covering = [end for begin, end in spans if begin <= now_us < end]
        mute = found.mute(WEB, now_us)
        assert (None if mute is None else mute.until_us) == max(covering, default=None)
        edges = [edge for span in spans for edge in span if edge > now_us]
        if edges and min(edges) < at(day, where) + 5 * DAY_US:
            change = found.next_change(now_us)
            assert change is not None
            assert now_us < change <= min(edges)


def test_a_window_computes_nothing_anew_until_it_begins_or_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    found = maintenance(**SUNDAYS)
    found.mute(WEB, at("2026-01-05"))

    def fail(*_: object) -> int:
        pytest.fail("an occurrence is computed again")

    monkeypatch.setattr(Window, "_overlapping", fail)
    for minute in range(0, 6 * 24 * 60, 10):
        assert found.mute(WEB, at("2026-01-05") + minute * 60_000_000) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"start": "2026-01-01T00:00"}, "either duration or end"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "end": "02:00"}, "either duration or end"),
        ({"start": "2026-01-01T00:00", "end": "2025-12-31T00:00"}, "must come after start"),
        ({"start": "2026-01-01T00:00", "duration": "32d"}, "less than or equal"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "matchers": []}, "at least 1"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "exdates": ["never"]}, "not a local time"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "every sunday"}, "not a part of a rule"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=MINUTELY"}, "expected one of HOURLY"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=DAILY;FREQ=DAILY"}, "given twice"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=DAILY;COUNT=2;UNTIL=20270101"}, "not both"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=DAILY;UNTIL=soon"}, "UNTIL=SOON"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=DAILY;UNTIL=20260230"}, "not in the calendar"),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=WEEKLY;BYDAY=XX"}, "not a rule of RFC 5545"),
        (
            {"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"},
            "never comes",
        ),
        ({"start": "2026-01-01T00:00", "duration": "1h", "rrule": "FREQ=DAILY;BYSETPOS=2"}, "picks out of a week"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        window(**wrong)
