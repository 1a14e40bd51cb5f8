"""Quiet events that a shard of lives gets packed: held, written, found again, forgotten."""

from typing import Any

import pytest

from detectors import catalogue
from detectors.contract import DETECTORS, Context, Progress
from detectors.events import EVENT_CLASSES, CaseData, Event, SurveyData
from detectors.lives.shard import LivesShard
from detectors.quiet import DORMANT, STRAY, Quiet
from tests.detectors.lives.test_lives_asleep import _time as time
from tests.detectors.sampling import HOUR_US, MINUTE_US, START_US
from tests.support.packing import packed

del catalogue  # imported so that every detector is registered
DAY_US = 24 * HOUR_US
STALLED: dict[str, Any] = {"begins": [{"at": "opened"}], "idle_limit": 3}


def shard_of(name: str, **settings: Any) -> LivesShard:
    made = DETECTORS.settings(name).model_validate({"type": name, **settings})
    shard = DETECTORS.factory(name)(name, made, Context()).shard()  # type: ignore[union-attr]
    assert isinstance(shard, LivesShard)
    return shard


def again(shard: LivesShard, name: str, **settings: Any) -> LivesShard:
    """Return a shard that goes on from what this one has written."""
    delta = shard.delta([*shard.keys()])
    restarted = shard_of(name, **settings)
    restarted.rebuild(delta.head, [image for _, image in delta.images])
    assert sorted(restarted.keys()) == sorted(shard.keys())
    return restarted


def event(kind: str, at_us: int, data: Any, customer: str = "cust") -> Event:
    made: Event = EVENT_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=f"{kind} {at_us}", source="test", subject=customer, time=time(at_us), time_us=at_us, data=data
    )
    return made


def step(name: str, at_us: int, case_id: str = "k") -> Event:
    return event(f"crm.case.{name}", at_us, CaseData(case_id))


def quiet(keys: list[str], events: list[Event], use: int = STRAY) -> Quiet:
    return Quiet(keys, packed(events), use)


def pass_time(shard: LivesShard, to_us: int, *events: Event) -> list[str]:
    return [change.step for change in shard.update(events, Progress(to_us, to_us)).changes]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("comes", [False, True])
def test_what_follows_a_beginning_may_come_before_it(*, comes: bool, restarts: bool) -> None:
    shard = shard_of("stalled_recovery", **STALLED)
    pass_time(shard, START_US)
    over = quiet(["k"], [step("cancelled", START_US + 2 * MINUTE_US)])
    if comes:
        assert shard.take_quiet(over, frozenset()) == []
    if restarts:
        shard = again(shard, "stalled_recovery", **STALLED)
    pass_time(shard, START_US, step("opened", START_US + MINUTE_US))
    assert ("firing" in pass_time(shard, START_US + DAY_US)) is not comes


@pytest.mark.parametrize("restarts", [False, True])
def test_what_follows_nothing_is_forgotten_when_the_watermark_has_passed_it(*, restarts: bool) -> None:
    shard = shard_of("stalled_recovery", **STALLED)
    shard.take_quiet(quiet(["k", "l"], [step("closed", START_US), step("closed", START_US + HOUR_US)]), frozenset())
    if restarts:
        shard = again(shard, "stalled_recovery", **STALLED)
    pass_time(shard, START_US + HOUR_US)
    assert "l" in shard._kept.strays
    pass_time(shard, START_US + 2 * HOUR_US)
    assert "l" not in shard._kept.strays
    assert shard.keys() == []
    assert len(shard.delta().gone) == restarts  # what was never written need not be said to have gone


def test_events_of_keys_that_are_known_or_coming_or_late_are_given_back() -> None:
    shard = shard_of("stalled_recovery", **STALLED)
    pass_time(shard, START_US, step("opened", START_US + MINUTE_US, "known"))
    later = [step("closed", START_US + 2 * MINUTE_US, case_id) for case_id in ("known", "new", "coming")]
    assert shard.take_quiet(quiet(["known", "new", "coming"], later), {"coming"}) == [later[0], later[2]]
    late = [step("closed", START_US - 1, case_id) for case_id in ("a", "b")]
    assert shard.take_quiet(quiet(["a", "b"], late), frozenset()) == late


@pytest.mark.parametrize("restarts", [False, True])
def test_a_bad_answer_finds_the_cases_that_were_closed_in_blocks(*, restarts: bool) -> None:
    shard = shard_of("residual_dissatisfaction")
    days = range(3)
    for day in days:
        at_us = START_US + day * DAY_US
        closed = [step("closed", at_us + number, f"k{day}.{number}") for number in range(3)]
        assert shard.take_quiet(quiet(["cust", "other", "cust"], closed, DORMANT), frozenset()) == []
        assert pass_time(shard, at_us) == []
        if restarts:
            shard = again(shard, "residual_dissatisfaction")
    assert not shard._kept.lives
    answer = event("survey.response", START_US + 3 * DAY_US, SurveyData(score=0.0, scale="nps", case_id="k0.2"))
    assert pass_time(shard, START_US + 4 * DAY_US, answer) == ["firing"]
    assert list(shard._kept.lives) == ["cust"]
    kept = {fact.case_id for fact in shard._kept.lives["cust"].facts}
    assert kept <= {f"k{day}.{number}" for day in days for number in (0, 2)}
    if restarts:  # what a life has taken does not come back
        shard = again(shard, "residual_dissatisfaction")
        assert list(shard._kept.dormant.index()) == ["other"]


def test_a_good_answer_waits_and_a_bad_one_is_told() -> None:
    shard = shard_of("negative_survey", urgency={"severity": "info", "not_below": "info"})
    good = [event("survey.response", START_US + number, SurveyData(10.0, "nps")) for number in range(2)]
    assert shard.take_quiet(quiet(["cust", "cust"], good, DORMANT), frozenset()) == []
    assert pass_time(shard, START_US + HOUR_US) == []
    bad = event("survey.response", START_US + 2 * HOUR_US, SurveyData(0.0, "nps"))
    assert pass_time(shard, START_US + 3 * HOUR_US, bad) == ["firing"]
