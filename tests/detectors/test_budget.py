"""The level that keeps an alert budget: detectors/budget.py and decide.py."""

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.special import ndtr

from detectors.budget import BudgetLevel, BudgetState
from detectors.decide import Decider
from detectors.deciding import AlertBudget, Decision
from detectors.panes import Group

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
START_US = 1_772_409_600_000_000


def decision(**settings: Any) -> Decision:
    return Decision.model_validate(settings)


def openings(settings: Decision, *, days: int, groups: int, seed: int, after: int = 0, memory: float = 0.0) -> int:
    """Return how many alerts open on a null stream after the first days; ``memory`` makes windows cluster in time."""
    rng = np.random.default_rng(seed)
    judge = Decider(settings, HOUR_US)
    names: list[Group] = [(f"g{number}",) for number in range(groups)]
    noise = rng.normal(size=groups)
    found = 0
    for hour in range(days * 24):
        noise = memory * noise + np.sqrt(1.0 - memory * memory) * rng.normal(size=groups)
        end_us = START_US + (hour + 1) * HOUR_US
        for group, p_value in zip(names, _upper(noise), strict=True):
            step = judge.judge(group, end_us, float(p_value), ready=True)
            found += step.step == "firing" and hour >= after * 24
    return found


def _upper(z: Any) -> Any:
    return np.clip(ndtr(-z), 1e-300, 1.0)


@pytest.mark.parametrize(
    ("settings", "memory"),
    [({}, 0.0), ({}, 0.8), ({"confirm": "2 of 3"}, 0.5), ({"min_duration": "2h"}, 0.8), ({"cool_down": "1d"}, 0.5)],
)
def test_a_budget_is_kept_where_nothing_is_wrong(settings: dict[str, Any], memory: float) -> None:
    knobs = decision(alert_budget="3 per day", **settings)
    found = openings(knobs, days=50, groups=30, seed=7, after=10, memory=memory)
    accepted = 3 * 40
    assert 0.5 * accepted < found < 1.4 * accepted


def test_twice_the_budget_is_about_twice_as_many_alerts() -> None:
    once = openings(decision(alert_budget="2 per day"), days=40, groups=30, seed=8)
    twice = openings(decision(alert_budget="4 per day"), days=40, groups=30, seed=8)
    assert 1.5 < twice / once < 2.6


def test_more_groups_do_not_make_more_alerts() -> None:
    few = openings(decision(alert_budget="2 per day"), days=40, groups=10, seed=9)
    many = openings(decision(alert_budget="2 per day"), days=40, groups=40, seed=9)
    assert 0.6 < many / few < 1.6


def test_before_anything_is_known_the_level_is_a_cautious_one() -> None:
    level = BudgetLevel(AlertBudget(number=2.0, period_us=WEEK_US), decision(), HOUR_US)
    assert level.level(START_US) == 0.006


def test_the_level_is_the_same_for_all_windows_of_one_end_and_never_above_half_of_resolve() -> None:
    knobs = decision(alert_budget="1000 per hour")
    level = BudgetLevel(AlertBudget(number=1000.0, period_us=HOUR_US), knobs, HOUR_US)
    for hour in range(1, 30):
        end_us = START_US + hour * HOUR_US
        before = level.level(end_us)
        level.record(("a",), end_us, 1e-6, ready=True)
        assert level.level(end_us) == before <= 0.025


def test_windows_that_are_not_judged_are_not_counted() -> None:
    level = BudgetLevel(AlertBudget(number=2.0, period_us=WEEK_US), decision(), HOUR_US)
    for hour in range(1, 49):
        end_us = START_US + hour * HOUR_US
        level.level(end_us)
        level.record(("judged",), end_us, 0.5, ready=True)
        level.record(("new",), end_us, 0.5, ready=False)
        level.record(("few",), end_us, None, ready=True)
    assert level.tests_a_day(START_US + 49 * HOUR_US) == pytest.approx(24, rel=0.05)


def test_how_many_false_alarms_are_expected_is_told() -> None:
    knobs = decision(alert_budget="3 per day")
    judge = Decider(knobs, HOUR_US)
    rng = np.random.default_rng(10)
    for hour in range(1, 24 * 30):
        for group in range(20):
            judge.judge((f"g{group}",), START_US + hour * HOUR_US, float(rng.random()), ready=True)
    expected = judge.expected_false_alarms(START_US + 24 * 30 * HOUR_US, DAY_US)
    assert expected == pytest.approx(0.85 * 3, rel=0.05)


def test_a_stop_changes_nothing() -> None:
    rng = np.random.default_rng(11)
    p_values = rng.random((60, 5)) ** 2
    knobs = decision(alert_budget="3 per day")

    def play(stops: bool) -> list[tuple[str, float]]:
        judge = Decider(knobs, HOUR_US)
        found: list[tuple[str, float]] = []
        for hour, row in enumerate(p_values):
            for group, p_value in enumerate(row):
                step = judge.judge((f"g{group}",), START_US + hour * 7 * HOUR_US, float(p_value), ready=True)
                found.append((step.verdict, step.level))
            if stops:
                state = msgspec.msgpack.decode(msgspec.msgpack.encode(judge.state()), type=type(judge.state()))
                judge = Decider(knobs, HOUR_US)
                judge.restore(state)
        return found

    assert play(stops=True) == play(stops=False)


def test_another_budget_holds_from_the_next_window_on() -> None:
    judge = Decider(decision(alert_budget="1 per week"), HOUR_US)
    for hour in range(1, 200):
        for group in range(10):
            judge.judge((f"g{group}",), START_US + hour * HOUR_US, 0.3, ready=True)
    end_us = START_US + 200 * HOUR_US
    strict = judge.level(end_us)
    judge.change(decision(alert_budget="7 per week"))
    assert judge.level(end_us) > 4 * strict
    judge.change(decision(p_value={"fire": 1e-3}))
    assert judge.level(end_us) == 1e-3
    judge.change(decision(alert_budget="1 per week"))
    assert judge.level(end_us) == strict


def test_a_false_discovery_rate_gives_each_alert_the_right_to_further_ones() -> None:
    judge = Decider(decision(false_discovery_rate="10%"), HOUR_US)
    for hour in range(1, 100):
        judge.judge(("a",), START_US + hour * HOUR_US, 0.5, ready=True)
    before = judge.level(START_US + 100 * HOUR_US)
    assert judge.judge(("b",), START_US + 100 * HOUR_US, 1e-8, ready=True).verdict == "fires"
    assert judge.level(START_US + 101 * HOUR_US) > before


def test_the_state_is_plain_data() -> None:
    level = BudgetLevel(AlertBudget(number=2.0, period_us=WEEK_US), decision(), HOUR_US)
    level.level(START_US)
    level.record(("a",), START_US, 0.001, ready=True)
    state = level.state()
    assert state.tests == 1.0
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BudgetState) == state
    level.forget(("a",))
    assert level.state().episodes == [[], []]
