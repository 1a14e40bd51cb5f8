from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.checks import delivery_doubts
from alerts.duty_files import DutyFiles
from alerts.localtime import moment_us
from alerts.reach import Doubt
from config.problems import dotted
from config.settings import Settings
from pipeline.assembly import settings_model

MONDAY = "2026-03-02T00:00:00+00:00"


def settings(**sections: Any) -> Settings:
    base: dict[str, Any] = {
        "channels": {"screen": {"type": "console"}},
        "receivers": {name: {"tiers": [{"channel": "screen"}]} for name in ("ops", "ana-phone", "boss")},
        "route": {"receiver": "ops", "routes": [{"matchers": ["severity=critical"], "escalation": "pay"}]},
        "people": {"ana": {"receiver": "ana-phone"}},
        "schedules": {"primary": {"zone": "Europe/Berlin", "rotations": [{"people": ["ana"], "start": "2026-01-05"}]}},
        "escalations": {"pay": {"steps": [{"notify": [{"schedule": "primary"}]}], "then": "boss"}},
    }
    return settings_model().model_validate({**base, **sections})


def doubts(**sections: Any) -> list[tuple[str, str, str]]:
    found = settings(**sections)
    files = DutyFiles(found)
    duty = files.current()
    told: list[Doubt] = delivery_doubts(
        found, duty, moment_us(datetime.fromisoformat(MONDAY)), calendars=files.calendars, problems=files.problems
    )
    return [(doubt.level, dotted(doubt.path), doubt.message) for doubt in told]


def test_settings_that_reach_everybody_raise_no_doubt() -> None:
    assert doubts() == []


def test_receivers_and_escalations_that_no_route_leads_to_are_found() -> None:
    found = doubts(route={"receiver": "ops"})
    assert [(level, path) for level, path, _ in found] == [
        ("warning", "escalations.pay"),
        ("warning", "receivers.ana-phone"),
        ("warning", "receivers.boss"),
    ]
    assert found[0][2] == "no route says `escalation: pay`, so it never begins"


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([{"matchers": ["a=x"]}, {"matchers": ["a=x", "b=y"]}], "route.routes[1]"),
        ([{"matchers": ['a=~"x|y"']}, {"matchers": ["a=y"]}], "route.routes[1]"),
        ([{}, {"matchers": ["a=y"]}], "route.routes[1]"),
        ([{"matchers": ["a=x"], "continue": True}, {"matchers": ["a=x", "b=y"]}], ""),
        ([{"matchers": ["a=x", "b=y"]}, {"matchers": ["a=x"]}], ""),
        ([{"matchers": ["a=x"]}, {"matchers": ["a!=x"]}, {"matchers": ["b=y"]}], "route.routes[2]"),
        ([{"matchers": ["a=x", "a=y"]}], "route.routes[0].matchers"),
        ([{"matchers": ["a=x"], "routes": [{"matchers": ["a=y"]}]}], "route.routes[0].routes[0].matchers"),
        ([{"matchers": ["a=x"]}, {"routes": [{"matchers": ["a=x"]}]}], "route.routes[1].routes[0]"),
        ([{"matchers": ["a=x"]}, {"matchers": ["a=x"], "routes": [{"matchers": ["b=y"]}]}], "route.routes[1]"),
    ],
)
def test_routes_that_are_never_reached_are_errors(routes: list[dict[str, Any]], expected: str) -> None:
    found = doubts(route={"receiver": "ops", "escalation": "pay", "routes": routes})
    assert [path for level, path, _ in found if level == "error"] == ([expected] if expected else [])


def test_the_route_that_takes_it_first_is_named() -> None:
    routes = [{"matchers": ["a=x"]}, {"matchers": ["a=x", "b=y"]}]
    ((_, _, told),) = doubts(route={"receiver": "ops", "escalation": "pay", "routes": routes})
    assert told == (
        "is never reached: route.routes[0] takes everything that this route would, and stops there. Put this route"
        " before it, or write `continue: true` there"
    )


def test_an_escalation_with_nobody_on_duty_in_the_next_two_weeks_is_an_error() -> None:
    office = {"people": ["ana"], "start": "2026-01-05", "hours": {"weekdays": ["09:00-17:00"]}}
    schedules = {"primary": {"zone": "Europe/Berlin", "rotations": [office]}}
    ((level, path, told),) = doubts(schedules=schedules)
    assert (level, path) == ("error", "escalations.pay.steps[0]")
    assert told.startswith(
        "nobody is on duty in primary from Mon 2026-03-02 01:00 CET to Mon 2026-03-02 09:00 CET and 10 more times in"
        " the next 14 days, 1w3d16h in all: boss would be told instead; "
    )


def test_a_gap_that_another_target_of_the_step_closes_is_none() -> None:
    def shift(hours: str) -> dict[str, Any]:
        rotation = {"people": ["ana"], "start": "2026-01-05", "hours": {"daily": [hours]}}
        return {"zone": "Europe/Berlin", "rotations": [rotation]}

    schedules = {"day": shift("08:00-20:00"), "night": shift("20:00-08:00"), "noon": shift("12:00-13:00")}

    def escalation(*targets: dict[str, str]) -> dict[str, Any]:
        return {"pay": {"steps": [{"notify": list(targets)}], "then": "boss"}}

    assert doubts(schedules=schedules, escalations=escalation({"schedule": "day"}, {"schedule": "night"})) == []
    assert doubts(schedules=schedules, escalations=escalation({"schedule": "noon"}, {"person": "ana"})) == []
    assert len(doubts(schedules=schedules, escalations=escalation({"schedule": "day"}, {"schedule": "noon"}))) == 1


def test_calendars_that_cannot_be_read_and_events_about_nobody_are_told(tmp_path: Path) -> None:
    path = tmp_path / "duty.ics"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "SUMMARY:Zoe"]
    lines += ["DTSTART:20260302T000000Z", "DTEND:20260401T000000Z", "END:VEVENT", "END:VCALENDAR", ""]
    path.write_text("\r\n".join(lines))
    schedule = {"zone": "UTC", "icalendar": str(path), "rotations": [{"people": ["ana"], "start": "2026-01-05"}]}
    ((level, where, told),) = doubts(schedules={"primary": schedule})
    assert (level, where) == ("warning", "schedules.primary.icalendar")
    assert told.startswith("the event 'Zoe' is about nobody in `people`")
    path.unlink()
    ((level, _, told),) = doubts(schedules={"primary": schedule})
    assert level == "error"
    assert "cannot be read: No such file" in told


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"source_matchers": ["severity=critical"], "target_matchers": ["severity=warning"], "equal": ["service"]}, ""),
        ({"source_matchers": ["a=x", "a=y"], "target_matchers": ["b=x"]}, "inhibit_rules[0].source_matchers"),
        ({"source_matchers": ["b=x"], "target_matchers": ["a=x", "a!~x|y"]}, "inhibit_rules[0].target_matchers"),
        ({"source_matchers": ["a=x"], "target_matchers": ["a=y"], "equal": ["a"]}, "inhibit_rules[0]"),
        ({"source_matchers": ["a=x"], "target_matchers": ["a=x"]}, "inhibit_rules[0]"),
        ({"source_matchers": ["a=x"], "target_matchers": ["a=~x|y"]}, ""),
    ],
)
def test_inhibition_rules_that_never_hold_are_warned_of(rule: dict[str, Any], expected: str) -> None:
    found = doubts(inhibit_rules=[rule])
    assert [(level, path) for level, path, _ in found] == ([("warning", expected)] if expected else [])


def test_windows_that_never_take_place_again_are_warned_of() -> None:
    common = {"matchers": ["a=x"], "zone": "UTC", "duration": "1h"}
    windows = {
        "past": {**common, "start": "2026-02-01T00:00"},
        "ended": {**common, "start": "2026-02-01T00:00", "rrule": "FREQ=DAILY;UNTIL=20260210"},
        "never": {**common, "start": "2026-02-02T00:00", "rrule": "FREQ=DAILY;INTERVAL=7;BYDAY=TU"},
        "open": {**common, "start": "2026-03-01T23:30"},
        "weekly": {**common, "start": "2020-02-01T00:00", "rrule": "FREQ=WEEKLY"},
    }
    found = doubts(maintenance_windows=windows)
    assert [path for _, path, _ in found] == [f"maintenance_windows.{name}" for name in ("ended", "never", "past")]


def test_detectors_without_owner_and_reviews_that_are_overdue_are_warned_of() -> None:
    detectors = {"quiet": {"type": "feed_silence"}}
    ((level, path, told),) = doubts(detectors=detectors)
    assert (level, path) == ("warning", "detectors.quiet")
    assert told == ("has no owner, or only for some services; add `{detector: quiet, owner: ...}` to `owners`")
    owner = {"detector": "quiet", "owner": "ana"}
    assert doubts(detectors=detectors, owners=[{**owner, "review_by": "2026-03-02"}]) == []
    ((_, path, told),) = doubts(detectors=detectors, owners=[{**owner, "review_by": "2026-03-01"}])
    assert path == "owners[0].review_by"
    assert told.startswith("the ownership of detector quiet by ana was to be reviewed by 2026-03-01")
