"""Cases that sleep until something can happen to them say what cases say that are built at once."""

import random
from typing import Any

import msgspec
import pytest

from detectors.contract import AlertChange, Progress
from detectors.promises.parked import Parked
from detectors.promises.plan import ShardCase
from detectors.promises.shard import SlaShard
from detectors.promises.sleeper import UNKNOWN, Sleeper, sleep_rules
from tests.support.promises import (
    DAY_US,
    EVERYDAY,
    HOUR_US,
    MANY_PROMISES,
    MINUTE_US,
    at,
    build_at_once,
    event,
    everyday_events,
    random_events,
    replay,
    shard,
    shuffled_within,
    told,
)

PLAIN = [
    {"kind": "first_reply", "target": 60, "unit": "minutes", "calendar": "uk", "calendar_by_tier": {"vip": "always"}},
    {"kind": "resolution", "targets": {"high": 4, "low": 24}, "target": 8, "unit": "hours", "calendar": "uk",
     "at_risk": [0.5, 0.9]},
    {"name": "restart", "kind": "resolution", "targets": {"high": 3}, "target": 9, "unit": "hours",
     "on_target_change": "restart", "on_reopen": "new_cycle"},
    {"name": "through", "kind": "agent_work", "target": 20, "unit": "hours", "on_reopen": "count_through",
     "confirm_after": "2h"},
]  # fmt: skip
"""Promises that let cases sleep, and tell whether they are over without being built."""
TIMED = [item for item in MANY_PROMISES if item["kind"] not in {"deadline", "delivery"}]
"""Promises that let cases sleep; some of them only a built case can follow."""
LATENESS_US = 40 * MINUTE_US


def awake(*promises: dict[str, Any]) -> SlaShard:
    """Return a shard whose cases are built at once."""
    made = shard(*promises)
    build_at_once(made)
    return made


def cases_of(state: SlaShard) -> list[ShardCase | Sleeper | Parked]:
    return [case for cases in state._cases.values() for case in cases.values()]


def plain(changes: list[AlertChange]) -> list[bytes]:
    return [msgspec.json.encode(change) for change in changes]


@pytest.mark.parametrize("promises", [PLAIN, TIMED], ids=["plain", "timed"])
@pytest.mark.parametrize("seed", range(15))
def test_sleeping_cases_say_what_built_cases_say(seed: int, promises: list[dict[str, Any]]) -> None:
    events = random_events(seed, cases=20)
    expected = plain(replay(awake(*promises), events, lateness_us=LATENESS_US))
    assert expected
    assert plain(replay(shard(*promises), events, lateness_us=LATENESS_US)) == expected
    dice = random.Random(seed)
    for turn in range(3):
        order = shuffled_within(events, LATENESS_US, seed * 100 + turn)
        cuts = sorted(dice.sample(range(1, len(order)), dice.randrange(min(40, len(order)))))
        assert plain(replay(shard(*promises), order, lateness_us=LATENESS_US, cuts=cuts)) == expected


@pytest.mark.parametrize("odd", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_cases_that_sleep_on_say_what_built_cases_say(seed: int, odd: float) -> None:
    events = everyday_events(seed, odd=odd)
    cuts = range(1, len(events), 3)
    expected = plain(replay(awake(*EVERYDAY), events, lateness_us=LATENESS_US, cuts=cuts))
    assert len(expected) > 20
    assert plain(replay(shard(*EVERYDAY), events, lateness_us=LATENESS_US, cuts=cuts)) == expected


@pytest.mark.parametrize("seed", range(15))
def test_late_knowledge_wakes_a_case(seed: int) -> None:
    events = random_events(seed, cases=20)
    order = shuffled_within(events, 6 * HOUR_US, seed)  # far more than the lateness
    cuts = range(1, len(order))
    expected = plain(replay(awake(*PLAIN), order, lateness_us=LATENESS_US, cuts=cuts))
    assert plain(replay(shard(*PLAIN), order, lateness_us=LATENESS_US, cuts=cuts)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_sleepers_survive_a_snapshot(seed: int) -> None:
    events = random_events(seed, cases=20)
    expected = plain(replay(awake(*PLAIN), events, lateness_us=LATENESS_US))
    dice = random.Random(seed)
    state = shard(*PLAIN)
    changes: list[AlertChange] = []
    start = 0
    while start < len(events):
        stop = min(len(events), start + dice.randrange(1, 12))
        watermark_us = events[stop - 1].time_us - LATENESS_US
        changes += state.update(events[start:stop], Progress(watermark_us, watermark_us)).changes
        start = stop
        if dice.random() < 0.4:
            saved = state.snapshot()
            state = shard(*PLAIN)
            state.restore(saved)
            assert state.snapshot() == saved
    end_us = events[-1].time_us + 1
    changes += state.update([], Progress(end_us, end_us)).changes
    assert plain(changes) == expected


def test_a_case_that_is_over_in_time_is_never_built_and_then_forgotten() -> None:
    state = shard(*PLAIN, retention="2d")
    state.update([event("opened", at("02-02T09:00")), event("agent_reply", at("02-02T09:10"))], progress("02-02T09:11"))
    state.update([event("resolved", at("02-02T09:12"), status="closed")], progress("02-02T12:00"))
    state.update([], progress("02-04T09:12"))
    assert [type(case) for case in cases_of(state)] == [Sleeper]
    state.update([], Progress(at("02-04T09:12") + 2, at("02-04T09:12") + 2))
    assert cases_of(state) == []
    assert state.counts["closed"] == 1


def test_a_case_sleeps_on_until_the_next_moment_of_the_promises_that_run() -> None:
    state = shard(*EVERYDAY)
    state.update([event("opened", at("02-02T09:00"), priority="normal")], progress("02-02T12:44"))
    assert [type(case) for case in cases_of(state)] == [Sleeper]  # the first could have been of high priority
    state.update([event("agent_reply", at("02-02T12:44"), priority="normal")], progress("02-03T11:00"))
    assert [type(case) for case in cases_of(state)] == [Sleeper]
    assert [case.wake_us for case in cases_of(state)] == [at("02-03T11:00")]
    changes = state.update([], progress("02-03T11:01")).changes
    assert told(changes) == [("SlaAtRisk", "firing", "02-03T11:00")]


@pytest.mark.parametrize(
    ("step", "data"), [("priority_changed", {"to": "high"}), ("tier_changed", {"to": "vip"}), ("reopened", {})]
)
def test_what_may_bring_a_moment_nearer_wakes_a_case_that_sleeps_on(step: str, data: dict[str, Any]) -> None:
    state = shard(*EVERYDAY)
    state.update([event("opened", at("02-02T09:00"), priority="normal")], progress("02-02T10:00"))
    assert [type(case) for case in cases_of(state)] == [Sleeper]
    state.update([event(step, at("02-02T11:00"), **data)], progress("02-02T11:00"))
    assert [type(case) for case in cases_of(state)] == [ShardCase]


def test_an_end_with_a_change_of_priority_breaks_what_the_new_target_breaks() -> None:
    state = shard(*EVERYDAY)
    state.update([event("opened", at("02-02T09:00"), priority="normal")], progress("02-02T10:00"))
    both = event("updated", at("02-02T12:00"), priority="high", status="closed")
    changes = state.update([both], progress("02-02T12:01")).changes
    assert ("SlaBreach", "confirmed", "02-02T12:00") in told(changes)


def test_an_end_behind_the_due_time_is_no_end_in_time() -> None:
    state = shard(PLAIN[0])
    events = [event("opened", at("02-02T09:00")), event("agent_reply", at("02-02T11:00"))]
    changes = state.update(events, progress("02-03T00:00")).changes
    assert ("SlaBreach", "confirmed", "02-02T10:00") in told(changes)


def test_a_case_that_is_reopened_after_it_woke_is_built() -> None:
    state = shard(PLAIN[1])
    state.update([event("opened", at("02-02T09:00")), event("resolved", at("02-02T10:00"))], progress("02-03T09:00"))
    assert [type(case) for case in cases_of(state)] == [Sleeper]
    changes = state.update([event("reopened", at("02-03T10:00"))], progress("02-03T10:01")).changes
    assert [type(case) for case in cases_of(state)] == [ShardCase]
    changes += state.update([], progress("02-06T00:00")).changes
    assert ("SlaBreach", "confirmed", "02-03T17:00") in told(changes)


def test_promises_that_are_due_on_a_day_or_at_an_instant_let_no_case_sleep() -> None:
    for promise in MANY_PROMISES[-2:]:
        assert all(rules is None for _, _, rules in shard(promise)._plan.kinds.values())


def test_a_promise_with_conditions_is_not_followed_asleep() -> None:
    state = shard({**PLAIN[0], "where": {"priority": ["high"]}})
    state.update([event("opened", at("02-02T09:00")), event("agent_reply", at("02-02T09:10"))], progress("02-02T09:11"))
    (case,) = cases_of(state)
    assert isinstance(case, Sleeper)
    assert case.begun == UNKNOWN
    state.update([], progress("02-02T12:00"))
    assert [type(case) for case in cases_of(state)] == [Parked]  # it was built, and nothing more can happen to it


def test_a_case_sleeps_for_the_least_target_that_it_may_have() -> None:
    plan = shard(*PLAIN[1:2])._plan
    rules = sleep_rules(plan.specs["case"], ["opened"])
    assert rules is not None
    assert rules.earliest_us == 2 * HOUR_US  # half of the 4 hours of priority high
    assert rules.earliest_us < DAY_US


def progress(text: str) -> Progress:
    return Progress(at(text), at(text))
