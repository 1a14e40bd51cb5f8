"""What a shard keeps of lives, for how long, and what it puts aside."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from detectors.contract import CaseShard, Context, Progress
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, SurveyData
from detectors.lives.chunks import SPAN_US
from detectors.lives.living import MOST_FACTS
from detectors.lives.shard import LivesShard
from detectors.negative_survey import NegativeSurvey, NegativeSurveySettings
from detectors.repeat_contact import RepeatContact, RepeatContactSettings
from detectors.residual_dissatisfaction import ResidualDissatisfaction, ResidualDissatisfactionSettings
from detectors.stalled_recovery import StalledRecovery, StalledRecoverySettings
from tests.detectors.samples import HOUR_US, START_US

DAY_US = 24 * HOUR_US


def event(kind: str, at_us: int, data: Any, *, subject: str = "c1", id: str = "", **more: Any) -> Event:  # noqa: A002
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    made: Event = EVENT_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=id or f"{kind}@{at_us}", source="test", subject=subject, time=time, time_us=at_us, data=data, **more
    )
    return made


def at(shard: CaseShard, time_us: int, *events: Event) -> list[Any]:
    return list(shard.update(events, Progress(time_us, time_us)).changes)


def surveys(**settings: Any) -> LivesShard:
    shard = NegativeSurvey("surveys", NegativeSurveySettings.model_validate(settings), Context()).shard()
    assert isinstance(shard, LivesShard)
    return shard


def contacts(**settings: Any) -> LivesShard:
    shard = RepeatContact("contacts", RepeatContactSettings.model_validate(settings), Context()).shard()
    assert isinstance(shard, LivesShard)
    return shard


def recoveries(**settings: Any) -> LivesShard:
    shard = StalledRecovery("recoveries", StalledRecoverySettings.model_validate(settings), Context()).shard()
    assert isinstance(shard, LivesShard)
    return shard


def after(**settings: Any) -> LivesShard:
    made = ResidualDissatisfactionSettings.model_validate(settings)
    shard = ResidualDissatisfaction("after", made, Context()).shard()
    assert isinstance(shard, LivesShard)
    return shard


def test_a_reply_to_a_customer_who_has_not_answered_is_forgotten_at_once() -> None:
    shard = surveys()
    at(shard, START_US, event("crm.case.agent_reply", START_US, CaseData(case_id="k1")))
    kept = shard.delta()
    assert [name for name, _ in kept.images] == shard.keys()
    at(shard, START_US + SPAN_US)
    assert shard.delta().gone == [name for name, _ in kept.images]
    assert len(shard) == 0


def test_an_answer_is_forgotten_when_nothing_can_come_of_it_any_more() -> None:
    shard = surveys(edit_window="1d", retention="2d")
    at(shard, START_US + 1, event("survey.response", START_US, SurveyData(score=9.0, scale="nps")))
    at(shard, START_US + 2 * DAY_US)
    assert len(shard) == 1
    at(shard, START_US + 5 * DAY_US)
    assert len(shard) == 0


def test_a_customer_with_a_bad_answer_is_kept_as_long_as_it_is_remembered() -> None:
    shard = surveys(open_for="1d", remember="10d", retention="1d")
    at(shard, START_US + 1, event("survey.response", START_US, SurveyData(score=1.0, scale="nps")))
    at(shard, START_US + 9 * DAY_US)
    assert len(shard) == 1
    at(shard, START_US + 13 * DAY_US)
    assert len(shard) == 0


def test_a_contact_is_forgotten_after_its_window_and_the_retention() -> None:
    shard = contacts(window="2d", retention="1d")
    opened = event("crm.case.opened", START_US, CaseData(case_id="k1"))
    at(shard, START_US + 2, opened, event("crm.case.resolved", START_US + 1, CaseData(case_id="k1")))
    at(shard, START_US + 2 * DAY_US)
    assert len(shard) == 1
    at(shard, START_US + 4 * DAY_US)
    assert len(shard) == 0
    assert shard.counts["closed"] == 1


def test_cases_that_are_no_recoveries_take_no_room() -> None:
    shard = recoveries()
    for number in range(50):
        at_us = START_US + number
        data = CaseData(case_id=f"k{number}")
        at(shard, at_us + 1, event("crm.case.opened", at_us, data), event("crm.case.agent_reply", at_us, data))
    assert len(shard) <= 1


def test_a_recovery_of_which_nothing_is_heard_is_forgotten() -> None:
    shard = recoveries(case_retention="5d", retention="1d")
    opened = event("crm.case.opened", START_US, CaseData(case_id="k1", labels={"kind": "complaint"}))
    changes = at(shard, START_US + DAY_US, opened)
    assert [change.labels["alertname"] for change in changes] == ["StalledRecovery", "StalledRecovery"]
    changes = at(shard, START_US + 6 * DAY_US)
    assert [(change.status, change.annotations["reason"]) for change in changes] == [
        ("resolved", "nothing was heard of the case any more")
    ]
    at(shard, START_US + 8 * DAY_US)
    assert len(shard) == 0


def test_a_case_that_was_resolved_well_is_forgotten_after_the_window() -> None:
    shard = after(window="3d", retention="1d")
    at(shard, START_US + 1, event("crm.case.resolved", START_US, CaseData(case_id="k1")))
    at(shard, START_US + 3 * DAY_US)
    assert len(shard) == 1
    at(shard, START_US + 5 * DAY_US)
    assert len(shard) == 0


def test_of_a_life_with_very_many_events_only_so_many_are_kept() -> None:
    shard = contacts(retention="7d")
    for number in range(4 * MOST_FACTS):
        at_us = START_US + number * 60_000_000
        at(shard, at_us + 1, event("crm.case.customer_message", at_us, CaseData(case_id="k1")))
    (life,) = shard._kept.lives.values()
    assert len(life.facts) <= MOST_FACTS + 1
    assert len(shard.snapshot()) < 100_000


def test_what_was_told_goes_on_over_the_horizon_before_which_events_are_not_kept() -> None:
    whole, cut = contacts(window="5d", retention="60d"), contacts(window="5d", retention="1d")
    told: dict[int, list[Any]] = {0: [], 1: []}
    for day in range(0, 30, 3):
        at_us = START_US + day * DAY_US
        opened = event("crm.case.opened", at_us, CaseData(case_id=f"k{day}", labels={"issue": "x"}))
        for number, shard in enumerate((whole, cut)):
            told[number] += at(shard, at_us + 1, opened)
            shard.restore(shard.snapshot())
    assert told[0] == told[1]
    assert len(told[0]) > 5
    (life,) = cut._kept.lives.values()
    assert len(life.facts) == 1


def test_an_event_that_is_too_late_is_dropped_and_counted() -> None:
    shard = contacts(retention="1d")
    at(shard, START_US + 2 * DAY_US)
    at(shard, START_US + 2 * DAY_US, event("crm.case.opened", START_US, CaseData(case_id="k1")))
    assert shard.counts == {"dropped": 1}
    assert len(shard) == 0


def test_an_event_that_was_recorded_before_it_happened_is_put_aside() -> None:
    shard = surveys(skew="5m")
    recorded = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=START_US - HOUR_US)
    answer = event("survey.response", START_US, SurveyData(score=1.0, scale="nps"), recordedtime=recorded)
    assert at(shard, START_US + 1, answer) == []
    assert shard.counts == {"quarantined": 1}


@pytest.mark.parametrize(
    ("score", "scale", "verdict"),
    [(11.0, "nps", "out_of_scale"), (0.0, "csat", "out_of_scale"), (-1.0, "nps", "out_of_scale"),
     (1.0, "smileys", "unknown_scale"), (1.0, None, "no_scale"), (None, "nps", "no_score")],
)  # fmt: skip
def test_an_answer_that_cannot_be_judged_is_reported_with_its_reason(
    score: float | None, scale: str | None, verdict: str
) -> None:
    shard = surveys()
    answer = event("survey.response", START_US, SurveyData(score=score, scale=scale), id="a")
    outcome = shard.update([answer], Progress(START_US + 1, START_US + 1))
    assert outcome.changes == []
    assert [(found.verdict, found.group, found.detector) for found in outcome.findings] == [
        (verdict, {"source": "test", "id": "a"}, "surveys")
    ]
    assert shard.counts == {verdict: 1}


def test_the_severity_comes_from_the_profile_and_the_most_severe_counts() -> None:
    urgency = {
        "severity": "info",
        "by_tier": {"gold": "warning"},
        "by_contract": {"enterprise": "critical"},
        "by_value": [{"at_least": 100, "severity": "warning"}, {"at_least": 1000, "severity": "critical"}],
    }
    profiles = [
        (None, "info"),
        (Profile(customer="c", tier="gold"), "warning"),
        (Profile(customer="c", tier="gold", contract="enterprise"), "critical"),
        (Profile(customer="c", lifetime_value=99.0), "info"),
        (Profile(customer="c", lifetime_value=100.0), "warning"),
        (Profile(customer="c", tier="gold", lifetime_value=1000.0), "critical"),
    ]
    for profile, severity in profiles:
        shard = surveys(urgency=urgency)
        answer = event("survey.response", START_US, SurveyData(score=1.0, scale="nps"), profile=profile)
        assert [change.labels["severity"] for change in at(shard, START_US + 1, answer)] == [severity]


def test_what_is_less_severe_than_asked_for_is_not_raised() -> None:
    urgency = {"severity": "info", "by_tier": {"gold": "warning"}, "not_below": "warning"}
    shard = surveys(urgency=urgency)
    gold = Profile(customer="c1", tier="gold")
    first = event("survey.response", START_US, SurveyData(score=1.0, scale="nps"), id="a", subject="c0")
    second = event("survey.response", START_US, SurveyData(score=1.0, scale="nps"), id="b", profile=gold)
    assert [change.labels["response"] for change in at(shard, START_US + 1, first, second)] == ["b"]


def test_a_recovery_that_nobody_owns_stands_still() -> None:
    shard = recoveries(unowned_limit=2, idle_limit=100)
    complaint = CaseData(case_id="k1", labels={"kind": "complaint"})
    at(shard, START_US + 1, event("crm.case.opened", START_US, complaint))
    (fired,) = at(shard, START_US + 3 * HOUR_US)
    assert (fired.at_us, fired.annotations["stalled_by"]) == (START_US + 2 * HOUR_US, "no_owner")
    taken_us = START_US + 4 * HOUR_US
    (ended,) = at(shard, taken_us + 1, event("crm.case.assigned", taken_us, CaseData(case_id="k1", to="anna")))
    assert (ended.status, ended.annotations["reason"]) == ("resolved", "somebody owns it now")


def test_findings_say_what_each_contact_was() -> None:
    shard = contacts(window="1d", retention="1d")
    minutes = {"a": 0, "b": 10, "c": 600, "d": 700}
    found = []
    for name, minute in minutes.items():
        at_us = START_US + minute * 60_000_000
        labels = {"issue": "billing", **({"direction": "outbound"} if name == "d" else {})}
        opened = event("crm.case.opened", at_us, CaseData(case_id=f"k{name}", labels=labels), id=name)
        found += shard.update([opened], Progress(at_us + 1, at_us + 1)).findings
    found += shard.update([], Progress(START_US + 99 * DAY_US, START_US + 99 * DAY_US)).findings
    assert [(one.group["contact"], one.verdict, one.group.get("of")) for one in found] == [
        ("b", "transfer", "a"), ("c", "repeat", "b"), ("d", "outbound", "c"), ("c", "no_repeat", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "settings", "said"),
    [
        (NegativeSurveySettings, {"default_scale": "smileys"}, "there is no scale 'smileys'"),
        (NegativeSurveySettings, {"follow_up": ["agent_replied"]}, "'agent_replied' is no step of a case"),
        (
            NegativeSurveySettings,
            {"scales": {"x": {"lowest": 1, "highest": 3, "negative": 3, "positive": 2}}},
            "from worst to best",
        ),
        (RepeatContactSettings, {"issue": ["text"]}, "issue"),
        (StalledRecoverySettings, {"begins": [{"at": "status"}]}, "status: belongs to at: status"),
        (StalledRecoverySettings, {"max_customer_wait": 0}, "above 0"),
        (ResidualDissatisfactionSettings, {"signs": ["shouting"]}, "signs"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_field(make: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make.model_validate(settings)


def test_a_calendar_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"calendar: no calendar is called 'desk'; there are: none"):
        recoveries(calendar="desk")
