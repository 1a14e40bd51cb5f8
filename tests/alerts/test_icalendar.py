import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.duty import Duty
from alerts.duty_files import DutyFiles
from alerts.icalendar import CalendarError, ImportedCalendar
from alerts.localtime import local_us, wall_time
from config.duty import PersonSettings, ScheduleSettings
from config.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "ana": PersonSettings(receiver="a", email="ana@example.com"),
    "ben": PersonSettings(receiver="b", email="Ben@Example.com"),
}
WEEKLY = """BEGIN:VEVENT
UID:weekly
SUMMARY:On call
ATTENDEE;CN=Ana:mailto:ANA@example.com
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260302T170000
RRULE:FREQ=WEEKLY;BYDAY=MO
EXDATE;TZID=Europe/Berlin:20260316T090000
END:VEVENT
BEGIN:VEVENT
UID:weekly
RECURRENCE-ID;TZID=Europe/Berlin:20260323T090000
SUMMARY:ben
DTSTART;TZID=Europe/Berlin:20260323T120000
DTEND;TZID=Europe/Berlin:20260323T130000
END:VEVENT
"""


def at(text: str) -> int:
    return local_us(datetime.fromisoformat(text), BERLIN)


def ics(events: str) -> bytes:
    lines = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//test//EN\n{events}END:VCALENDAR\n".splitlines()
    return "\r\n".join(lines).encode() + b"\r\n"


def event(*lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", "UID:one", *lines, "END:VEVENT", ""])


def calendar(events: str, names: dict[str, str] | None = None) -> ImportedCalendar:
    return ImportedCalendar(ics(events), BERLIN, PEOPLE, names or {})


def shifts(events: str, first: str, last: str) -> list[tuple[str, tuple[str, ...]]]:
    schedule = ScheduleSettings.model_validate({"zone": "Europe/Berlin", "icalendar": "x.ics"})
    duty = Duty(PEOPLE, {"primary": schedule}, {"primary": calendar(events)})
    found = duty.changes("primary", at(first), at(last))
    return [(wall_time(one.start_us, BERLIN).strftime("%m-%dT%H:%M"), one.people) for one in found if one.people]


def test_recurrence_exceptions_and_moved_occurrences_are_followed_across_daylight_saving() -> None:
    assert shifts(WEEKLY, "2026-03-01", "2026-04-07") == [
        ("03-02T09:00", ("ana",)),
        ("03-09T09:00", ("ana",)),
        ("03-23T12:00", ("ben",)),
        ("03-30T09:00", ("ana",)),
        ("04-06T09:00", ("ana",)),
    ]


def test_an_event_of_whole_days_is_from_midnight_to_midnight_in_the_zone_of_the_schedule() -> None:
    events = event("SUMMARY:ana", "DTSTART;VALUE=DATE:20260328", "DTEND;VALUE=DATE:20260330")
    found = calendar(events)
    assert (found.at(at("2026-03-28") - 1), found.at(at("2026-03-28"))) == ((), ("ana",))
    assert (found.at(at("2026-03-30") - 1), found.at(at("2026-03-30"))) == (("ana",), ())


def test_times_in_utc_and_without_a_zone_are_read_as_such() -> None:
    utc = event("SUMMARY:ana", "DTSTART:20260702T070000Z", "DURATION:PT1H")
    assert shifts(utc, "2026-07-01", "2026-07-04") == [("07-02T09:00", ("ana",))]
    floating = event("SUMMARY:ana", "DTSTART:20260702T070000", "DTEND:20260702T080000")
    assert shifts(floating, "2026-07-01", "2026-07-04") == [("07-02T07:00", ("ana",))]


def test_a_zone_that_the_file_defines_itself_is_understood() -> None:
    zone = """BEGIN:VTIMEZONE
TZID:Our Zone
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE
"""
    events = event("SUMMARY:ana", "DTSTART;TZID=Our Zone:20260702T090000", "DTEND;TZID=Our Zone:20260702T100000")
    assert shifts(zone + events, "2026-07-01", "2026-07-04") == [("07-02T08:00", ("ana",))]


def test_a_summary_names_people_by_name_mail_or_the_text_that_the_settings_give() -> None:
    when = ("DTSTART:20260702T070000Z", "DURATION:PT1H")
    assert calendar(event("SUMMARY:Ben, ana@example.com", *when)).at(at("2026-07-02T09:30")) == ("ben", "ana")
    known = calendar(event("SUMMARY:On call: Ana Maria", *when), {"On call: Ana Maria": "ana"})
    assert known.at(at("2026-07-02T09:30")) == ("ana",)
    assert known.strangers == []


def test_events_about_nobody_known_are_named_and_cancelled_ones_are_left_out() -> None:
    when = ("DTSTART:20260702T070000Z", "DURATION:PT1H")
    found = calendar(event("SUMMARY:Zoe", *when) + event("SUMMARY:ana", "STATUS:CANCELLED", *when))
    assert found.at(at("2026-07-02T09:30")) == ()
    assert found.strangers == ["Zoe"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no BEGIN:VCALENDAR|not an iCalendar"),
        (b"hello", "not an iCalendar"),
        (ics(event("SUMMARY:ana", "DTSTART:nonsense", "DTEND:20260702T080000Z")), "cannot be read|not an iCalendar"),
        (ics(event("SUMMARY:ana", "DTSTART:20260702T070000Z", "RRULE:FREQ=SECONDLY")), "more often than every hour"),
    ],
)
def test_what_is_no_calendar_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(CalendarError, match=told):
        ImportedCalendar(content, BERLIN, PEOPLE, {})


def test_a_file_is_read_again_when_it_changes_and_the_last_good_one_holds_when_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "duty.ics"
    settings = Settings.model_validate(
        {
            "people": {"ana": {"receiver": "a"}, "ben": {"receiver": "b"}},
            "schedules": {"primary": {"zone": "Europe/Berlin", "icalendar": str(path)}},
        }
    )
    files = DutyFiles(settings)
    look = at("2026-07-02T09:30")

    def write(content: bytes, age_s: int) -> None:
        path.write_bytes(content)
        os.utime(path, (age_s, age_s))

    assert files.current().on_duty("primary", look) == ()
    assert "duty.ics cannot be read: No such file" in files.problems[0].message
    write(ics(event("SUMMARY:ana", "DTSTART:20260702T070000Z", "DURATION:PT1H")), 1)
    assert files.current().on_duty("primary", look) == ("ana",)
    assert files.problems == []
    assert files.current() is files.current()
    write(b"BEGIN:VCALENDAR", 2)
    assert files.current().on_duty("primary", look) == ("ana",)
    assert "duty.ics is not an iCalendar file" in files.problems[0].message
    write(ics(event("SUMMARY:ben", "DTSTART:20260702T070000Z", "DURATION:PT1H")), 3)
    assert files.current().on_duty("primary", look) == ("ben",)
    path.unlink()
    assert files.current().on_duty("primary", look) == ("ben",)
    assert files.problems[0].schedule == "primary"
