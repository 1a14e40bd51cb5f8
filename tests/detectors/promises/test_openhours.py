"""Opening hours: positions and instants against counting minute by minute on the local wall clock."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.calendars import CalendarSettings
from detectors.promises.openhours import Calendar, OpenHours, to_us

MINUTE_US = 60_000_000
ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@st.composite
def calendars(draw: st.DrawFn) -> tuple[CalendarSettings, dict[int, list[tuple[int, int]]]]:
    weekly: dict[int, list[tuple[int, int]]] = {}
    for day in range(7):
        windows = draw(st.lists(st.tuples(st.integers(0, 47), st.integers(1, 48)), max_size=2))
        weekly[day] = [(a * 30, b * 30) for a, b in windows if a < b]
    if not any(weekly.values()):
        weekly[draw(st.integers(0, 6))] = [(540, 1020)]
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return (
        CalendarSettings.model_validate(
            {
                "zone": draw(st.sampled_from(ZONES)),
                "weekly": {names[day]: [[text(a), text(b)] for a, b in found] for day, found in weekly.items()},
                "holidays": [date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 364)))],
            }
        ),
        weekly,
    )


def is_open(calendar: CalendarSettings, weekly: dict[int, list[tuple[int, int]]], at_us: int) -> bool:
    """Membership by the wall clock: right wherever no boundary lies in a gap or in a repeated hour."""
    local = (EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(calendar.zone))
    if local.date() in calendar.holidays:
        return False
    minute = local.hour * 60 + local.minute
    return any(a <= minute < b for a, b in weekly[local.weekday()])


@settings(max_examples=60, deadline=None)
@given(calendars(), st.integers(0, 360), st.integers(0, 1439), st.integers(1, 2_000))
def test_position_and_instant_agree_with_counting_minutes(
    made: tuple[CalendarSettings, dict[int, list[tuple[int, int]]]], day: int, minute: int, amount: int
) -> None:
    calendar, weekly = made
    hours = OpenHours("c", calendar)
    start_us = to_us(datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=day, minutes=minute))
    zone = ZoneInfo(calendar.zone)
    span = [start_us + step * MINUTE_US for step in range(6 * 1_440)]
    offsets = {(EPOCH + timedelta(microseconds=at_us)).astimezone(zone).utcoffset() for at_us in (start_us, span[-1])}
    if len(offsets) > 1:
        return  # days of change have cases of their own
    opened = [is_open(calendar, weekly, at_us) for at_us in span]
    assert hours.position(span[-1]) - hours.position(start_us) == sum(opened[:-1]) * MINUTE_US
    if sum(opened) >= amount:
        spent = 0
        for at_us, counts in zip(span, opened, strict=True):
            spent += counts
            if spent == amount:
                assert hours.instant(hours.position(start_us) + amount * MINUTE_US) == at_us + MINUTE_US
                break


@settings(max_examples=60, deadline=None)
@given(calendars(), st.integers(-3_000, 3_000), st.integers(0, 10**13), st.integers(1, 10**12))
def test_an_instant_is_the_earliest_with_its_position(
    made: tuple[CalendarSettings, dict[int, list[tuple[int, int]]]], day: int, offset_us: int, amount_us: int
) -> None:
    hours = OpenHours("c", made[0])
    start_us = to_us(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)) + offset_us
    wanted = hours.position(start_us) + amount_us
    due_us = hours.instant(wanted)
    assert due_us is not None
    assert hours.position(due_us) == wanted
    assert hours.position(due_us - 1) == wanted - 1
    assert sum(end - start for start, end in hours.open_between(start_us, due_us)) == amount_us


def test_positions_do_not_change_when_earlier_and_later_years_are_built() -> None:
    night = CalendarSettings.model_validate(
        {"zone": "America/New_York", "weekly": {day: ["22:00-06:00"] for day in ("mon", "thu", "sun")}}
    )
    hours = OpenHours("night", night)
    moments = [to_us(datetime(year, 12, 31, 23, 30, tzinfo=UTC)) for year in (2026, 2020, 2031, 2024)]
    first = hours.position(moments[0])
    positions = [hours.position(moment) for moment in moments]
    assert positions[0] == first
    fresh = OpenHours("night", night)
    other = [fresh.position(moment) for moment in sorted(moments)]
    assert [b - a for a, b in zip(sorted(positions), sorted(positions)[1:], strict=False)] == [
        b - a for a, b in itertools.pairwise(other)
    ]


def test_an_instant_that_is_never_reached_is_none() -> None:
    once = CalendarSettings.model_validate({"special": {"2026-02-02": ["09:00-10:00"]}})
    hours = OpenHours("once", once)
    start = hours.position(to_us(datetime(2026, 2, 2, tzinfo=UTC)))
    assert hours.instant(start + 60 * MINUTE_US) == to_us(datetime(2026, 2, 2, 10, tzinfo=UTC))
    assert hours.instant(start + 60 * MINUTE_US + 1) is None


def test_absurd_years_are_answered_and_quickly() -> None:
    week = CalendarSettings.model_validate({"weekly": {"mon": ["09:00-17:00"]}})
    hours = OpenHours("week", week)
    assert hours.position(to_us(datetime(9999, 1, 1, tzinfo=UTC))) >= hours.position(
        to_us(datetime(2100, 1, 1, tzinfo=UTC))
    )
    assert hours.position(to_us(datetime(1, 1, 1, tzinfo=UTC))) <= hours.position(0)


def test_a_version_of_a_calendar_holds_for_what_begins_under_it() -> None:
    calendar = Calendar(
        "shop",
        CalendarSettings.model_validate(
            {
                "versions": [
                    {"zone": "Europe/London", "weekly": {"mon": ["09:00-17:00"]}, "valid_to": "2026-06-30"},
                    {"zone": "Europe/London", "weekly": {"mon": ["08:00-20:00"]}, "valid_from": "2026-07-01"},
                ]
            }
        ),
    )
    change_us = to_us(datetime(2026, 6, 30, 23, tzinfo=UTC))  # midnight in London
    assert calendar.at(change_us - 1) is not calendar.at(change_us)
    assert calendar.at(0) is calendar.at(change_us - 1)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"zone": "Mars/Phobos", "always_open": True}, "not an IANA time zone"),
        ({}, "can never open"),
        ({"weekly": {"mon": []}}, "can never open"),
        ({"weekly": {"mon": [["09:00", "09:00"]]}}, "mon: the window 09:00-09:00 is empty"),
        ({"weekly": {"mon": [["9 am", "17:00"]]}}, "'9 am' is not a time of day"),
        ({"weekly": {"mon": [["09:00", "25:00"]]}}, "'25:00' is not a time of day"),
        ({"weekly": {"moonday": [["09:00", "17:00"]]}}, "weekly"),
        ({"always_open": True, "holidays": ["2026-01-01"]}, "always_open leaves nothing"),
        ({"always_open": True, "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "lies before valid_from"),
        ({"versions": [{"always_open": True}], "zone": "UTC"}, "nothing else may be given, but there is zone"),
        ({"versions": [{"always_open": True}, {"always_open": True}]}, r"versions\[1\].valid_from"),
    ],
)
def test_settings_of_a_calendar_that_cannot_be_meant_are_refused(raw: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CalendarSettings.model_validate(raw)


def test_times_of_day_may_stand_without_quotes_and_days_by_their_long_names() -> None:
    written = CalendarSettings.model_validate({"weekly": {"Monday": [[540, 1020]]}})
    assert written == CalendarSettings.model_validate({"weekly": {"mon": ["09:00-17:00"]}})
    assert CalendarSettings.model_validate(written.model_dump()) == written
    assert CalendarSettings.model_validate_json(written.model_dump_json()) == written
