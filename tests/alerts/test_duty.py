from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from alerts.duty import Duty, Shift, UnknownScheduleError
from alerts.localtime import local_us, wall_time
from config.duty import DAY_US, HOUR_US, PersonSettings, ScheduleSettings

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {name: PersonSettings(receiver=f"{name}-phone") for name in ("ana", "ben", "cleo")}


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return local_us(datetime.fromisoformat(text), zone)


def duty(zone: str = "Europe/Berlin", **schedule: Any) -> Duty:
    return Duty(PEOPLE, {"primary": ScheduleSettings.model_validate({"zone": zone, **schedule})})


def rotation(**keys: Any) -> dict[str, Any]:
    return {"people": ["ana", "ben", "cleo"], "start": "2026-03-02T09:00", "shift": "1w", **keys}


def test_a_weekly_handover_at_nine_stays_at_nine_when_clocks_change() -> None:
    team = duty(rotations=[rotation()])
    shifts = team.changes("primary", at("2026-03-16T09:00"), at("2026-04-13T09:00"))
    assert [(wall_time(one.start_us, BERLIN).isoformat(), one.people) for one in shifts] == [
        ("2026-03-16T09:00:00", ("cleo",)),
        ("2026-03-23T09:00:00", ("ana",)),
        ("2026-03-30T09:00:00", ("ben",)),
        ("2026-04-06T09:00:00", ("cleo",)),
    ]
    assert shifts[1].end_us - shifts[1].start_us == 7 * DAY_US - HOUR_US  # clocks went forward on 29 March
    assert team.on_duty("primary", at("2026-03-30T09:00") - 1) == ("ana",)
    assert team.on_duty("primary", at("2026-03-30T09:00")) == ("ben",)


def test_nobody_is_on_duty_before_a_rotation_begins_and_after_it_ends() -> None:
    team = duty(rotations=[rotation(until="2026-03-05T09:00")])
    assert team.on_duty("primary", at("2026-03-02T08:59")) == ()
    assert team.changes("primary", at("2026-03-01"), at("2026-03-08")) == [
        Shift(at("2026-03-01"), at("2026-03-02T09:00"), ()),
        Shift(at("2026-03-02T09:00"), at("2026-03-05T09:00"), ("ana",)),
        Shift(at("2026-03-05T09:00"), at("2026-03-08"), ()),
    ]


def test_turns_go_on_outside_the_hours_of_a_rotation() -> None:
    team = duty(rotations=[rotation(shift="1d", hours={"weekdays": ["09:00-17:00"]})])
    week = team.changes("primary", at("2026-03-06"), at("2026-03-10"))
    assert [one.people for one in week] == [(), ("ben",), (), ("ben",), ()]
    assert week[3].start_us == at("2026-03-09T09:00")  # the weekend's turns were cleo's and ana's
    assert len(team.gaps("primary", at("2026-03-06"), at("2026-03-10"))) == 3


def test_hours_that_cross_midnight_belong_to_the_day_on_which_they_begin() -> None:
    team = duty(rotations=[rotation(people=["ana"], hours={"fri": ["22:00-06:00"]})])
    assert team.changes("primary", at("2026-03-06T12:00"), at("2026-03-07T12:00"))[1] == Shift(
        at("2026-03-06T22:00"), at("2026-03-07T06:00"), ("ana",)
    )


def test_a_later_rotation_takes_the_place_of_earlier_ones_while_it_has_somebody() -> None:
    layers = [rotation(people=["ana"]), rotation(people=["ben"], hours={"weekend": ["00:00-24:00"]})]
    team = duty(rotations=layers)
    assert team.on_duty("primary", at("2026-03-06T12:00")) == ("ana",)
    assert team.on_duty("primary", at("2026-03-07T12:00")) == ("ben",)
    both = duty(rotations=layers, together=True)
    assert both.on_duty("primary", at("2026-03-07T12:00")) == ("ana", "ben")


def test_an_override_replaces_everybody_or_one_person_and_the_later_one_holds() -> None:
    team = duty(
        rotations=[rotation(people=["ana"]), rotation(people=["ben"])],
        together=True,
        overrides=[
            {"from": "2026-03-10T12:00", "to": "2026-03-10T18:00", "people": ["cleo"], "instead_of": "ben"},
            {"from": "2026-03-10T15:00", "to": "2026-03-10T16:00", "people": []},
            {"from": "2026-03-10T17:00", "to": "2026-03-10T18:00", "people": ["ben"], "instead_of": "ana"},
        ],
    )
    day = team.changes("primary", at("2026-03-10T11:00"), at("2026-03-10T18:00"))
    assert [one.people for one in day] == [("ana", "ben"), ("ana", "cleo"), (), ("ana", "cleo"), ("ben", "cleo")]


def test_a_handover_that_clocks_skip_is_an_hour_later_and_one_that_comes_twice_is_the_first() -> None:
    team = duty(rotations=[rotation(start="2026-03-01T02:30", shift="1d")])
    night = team.changes("primary", at("2026-03-28T12:00"), at("2026-03-29T12:00"))
    assert night[1].start_us == at("2026-03-29T03:30")
    autumn = team.changes("primary", at("2026-10-24T12:00"), at("2026-10-25T12:00"))
    assert len(autumn) == 2  # not back and forth in the hour that comes twice
    assert autumn[1].start_us == at("2026-10-25T02:30")


def test_shifts_of_hours_follow_the_wall_clock() -> None:
    team = duty(rotations=[rotation(people=["ana", "ben"], shift="12h")])
    starts = [one.start_us for one in team.changes("primary", at("2026-03-28T21:00"), at("2026-03-30T21:00"))]
    assert [wall_time(start, BERLIN).hour for start in starts] == [21, 9, 21, 9]


def test_a_schedule_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownScheduleError, match="no schedule is called 'x'; there are: primary"):
        duty(rotations=[rotation()]).on_duty("x", 0)


def _rotations() -> st.SearchStrategy[dict[str, Any]]:
    days: list[Any] = [None, {"mon-fri": ["09:00-17:00"]}, {"sun": ["01:00-03:00"], "sat": ["22:00-02:30"]}]
    hours = st.sampled_from(days)
    first = datetime.fromisoformat("2026-02-20")
    start = st.integers(0, 24 * 60).map(lambda hour: (first + timedelta(hours=hour)).isoformat())
    return st.fixed_dictionaries(
        {
            "people": st.lists(st.sampled_from(["ana", "ben", "cleo"]), min_size=1, max_size=4),
            "start": start,
            "shift": st.sampled_from(["1h", "5h", "12h", "1d", "36h", "1w"]),
            "hours": hours,
        }
    )


@settings(max_examples=60, deadline=None)
@given(
    rotations=st.lists(_rotations(), min_size=1, max_size=3),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    begin=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-24"]),
    together=st.booleans(),
)
def test_shifts_cover_the_span_and_say_what_on_duty_says(
    rotations: list[dict[str, Any]], zone: str, begin: str, together: bool
) -> None:
    team = duty(zone, rotations=rotations, together=together)
    from_us = at(begin, ZoneInfo(zone))
    to_us = from_us + 3 * DAY_US
    shifts = team.changes("primary", from_us, to_us)
    assert (shifts[0].start_us, shifts[-1].end_us) == (from_us, to_us)
    assert all(left.end_us == right.start_us and left.people != right.people for left, right in pairwise(shifts))
    for look in range(from_us, to_us, 17 * 60_000_000):
        shift = next(one for one in shifts if one.start_us <= look < one.end_us)
        assert shift.people == team.on_duty("primary", look)


@settings(max_examples=60, deadline=None)
@given(
    shift_h=st.sampled_from([1, 2, 8, 24, 24 * 7]),
    start_h=st.integers(0, 400),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    look_h=st.integers(0, 600),
)
def test_the_turn_is_the_latest_whose_handover_has_passed(shift_h: int, start_h: int, zone: str, look_h: int) -> None:
    start = datetime.fromisoformat("2011-12-20") + timedelta(hours=start_h)  # Apia left out 30 December 2011
    team = duty(
        zone, rotations=[{"people": ["ana", "ben", "cleo"], "start": start.isoformat(), "shift": f"{shift_h}h"}]
    )
    look = at("2011-12-22", ZoneInfo(zone)) + look_h * HOUR_US + 1
    passed = [n for n in range(1200) if local_us(start + n * timedelta(hours=shift_h), ZoneInfo(zone)) <= look]
    expected = (("ana", "ben", "cleo")[passed[-1] % 3],) if passed and look >= local_us(start, ZoneInfo(zone)) else ()
    assert team.on_duty("primary", look) == expected


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "nobody can ever be on duty"),
        ({"rotations": [rotation(shift="90m")]}, "whole hours"),
        ({"rotations": [rotation(people=[])]}, "at least 1"),
        ({"rotations": [rotation(until="2026-03-01")]}, "does not come after"),
        ({"rotations": [rotation(start="2026-03-02T09:00Z")]}, "without an offset"),
        ({"rotations": [rotation(start="2026-02-30")]}, "not in the calendar"),
        ({"rotations": [rotation(hours={})]}, "empty"),
        ({"rotations": [rotation(hours={"mon": ["09:00-09:00"]})]}, "empty window on mon"),
        ({"rotations": [rotation(hours={"mon-wed": ["09:00-10:00"], "tue": ["11:00-12:00"]})]}, "tue is given twice"),
        ({"overrides": [{"from": "2026-03-02", "to": "2026-03-02", "people": []}]}, "does not come after"),
        ({"zone": "Europe/Nowhere", "rotations": [rotation()]}, "not a time zone"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ScheduleSettings.model_validate({"zone": "Europe/Berlin", **wrong})


@pytest.mark.parametrize(
    ("hours", "right"),
    [
        ({"mon-fri": "09:00-17:00", "sat": ["09:00-12:00", ["13:00", "15:00"]]}, True),
        ({"weekdays": ["22:00-06:00"]}, True),
        ({"monday": "09:00-17:00"}, False),
        ({"mon": 9}, False),
    ],
)
def test_editors_are_told_the_hours_that_the_settings_take(hours: dict[str, Any], right: bool) -> None:
    schedule = {"zone": "UTC", "rotations": [rotation(hours=hours)], "icalendar": "duty.ics"}
    told = Draft202012Validator(ScheduleSettings.model_json_schema()).is_valid(schedule)
    try:
        ScheduleSettings.model_validate(schedule)
    except ValidationError:
        assert (told, right) == (False, False)
    else:
        assert (told, right) == (True, True)
