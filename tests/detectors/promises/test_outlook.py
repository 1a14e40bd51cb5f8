"""What is found of a case while it sleeps is what its clocks say: detectors/promises/outlook.py."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Event
from detectors.promises.case import Case
from detectors.promises.clock import FAR_US
from detectors.promises.conclusions import conclusions, conclusions_of
from detectors.promises.facts import Fact, fact_of
from detectors.promises.outlook import outlook
from detectors.promises.plan import Plan
from detectors.promises.shard import SlaShard
from detectors.promises.sleeper import Sleeper
from tests.support.promises import (
    EVERYDAY,
    MINUTE_US,
    MONDAY_US,
    answers,
    at,
    detector,
    event,
    everyday_events,
)

MORE: list[dict[str, Any]] = [
    {**EVERYDAY[0], "targets_by_queue": {"two": 2}, "calendar_by_tier": {"vip": "always"}},
    {**EVERYDAY[1], "on_target_change": "keep", "at_risk": []},
    {"name": "restart", "kind": "resolution", "targets": {"high": 3}, "target": 9, "unit": "hours",
     "on_target_change": "restart"},
    {"name": "work", "kind": "agent_work", "targets": {"high": 4, "low": 30}, "unit": "hours", "at_risk": [0.5],
     "min_notice": "2h", "pause_while": {"status": ["pending"], "reason": ["customer"]}},
    {"name": "take", "kind": "resolution", "target": 6, "unit": "hours", "start": {"step": ["assigned"]},
     "stop": {"step": ["accepted"], "status": ["done"]}},
]  # fmt: skip
ROLLING: list[dict[str, Any]] = [
    EVERYDAY[0],
    {"kind": "next_reply", "targets": {"high": 1, "normal": 4}, "priority": "normal", "unit": "hours"},
    {"name": "call", "kind": "handoff", "target": 3, "unit": "hours", "start": {"step": ["assigned"]},
     "calendar": "uk", "at_risk": []},
]  # fmt: skip
STEPS = (
    "opened", "agent_reply", "customer_message", "assigned", "accepted", "paused", "resumed", "priority_changed",
    "updated", "resolved", "closed", "cancelled", "reopened", "tier_changed", "internal_note",
)  # fmt: skip
TO = {"priority_changed": ("high", "normal", "low"), "assigned": ("one", "two"), "tier_changed": ("vip", "basic")}


class Step(NamedTuple):
    """One event of a case, ``minutes`` behind the last."""

    step: str
    minutes: int
    choice: int
    status: str | None
    priority: str | None
    reason: str | None
    rev: bool


a_step = st.builds(
    Step,
    step=st.sampled_from(STEPS),
    minutes=st.one_of(st.sampled_from([0, 1, 45, 60, 90, 120, 225, 300, 480]), st.integers(0, 3000)),
    choice=st.integers(0, 2),
    status=st.sampled_from([None, None, None, "open", "pending", "on hold", "solved", "done"]),
    priority=st.sampled_from([None, None, None, "high", "normal", "low"]),
    reason=st.sampled_from([None, "customer", "vendor"]),
    rev=st.sampled_from([False] * 19 + [True]),
)
starts = st.integers(0, 4 * 24 * 60)
a_case = st.tuples(starts, st.sampled_from([None, "high", "normal", "low"]), st.lists(a_step, max_size=8))


def events_of_case(key: str, start: int, priority: str | None, steps: list[Step]) -> list[Event]:
    at_us = MONDAY_US + start * MINUTE_US
    found = [event("opened", at_us, key, id=f"{key}/opened", priority=priority, queue="one", tier="gold")]
    for number, one in enumerate(steps):
        at_us += one.minutes * MINUTE_US
        to = TO.get(one.step)
        data: dict[str, Any] = {"status": one.status, "priority": one.priority, "reason": one.reason}
        if to is not None:
            data["to"] = to[one.choice % len(to)]
        found.append(event(one.step, at_us, key, id=f"{key}/{number}", rev=int(one.rev), **data))
    return found


of_each_sort = pytest.mark.parametrize("promises", [EVERYDAY, MORE, ROLLING], ids=["everyday", "more", "rolling"])


@of_each_sort
@given(
    cases=st.lists(a_case, min_size=1, max_size=3),
    size=st.integers(1, 6),
    lateness=st.sampled_from([0, 5, 240]),
    restart=st.integers(0, 2),
)
def test_a_shard_whose_cases_sleep_answers_as_one_whose_cases_are_built(
    promises: list[dict[str, Any]], cases: list[Any], size: int, lateness: int, restart: int
) -> None:
    found = [one for number, case in enumerate(cases) for one in events_of_case(f"c{number}", *case)]
    found.sort(key=lambda one: one.time_us)
    how: dict[str, Any] = {"size": size, "lateness_us": lateness * MINUTE_US, "restart": restart}
    assert answers(promises, found, built=False, **how) == answers(promises, found, built=True, **how)


def asleep(plan: Plan, events: list[Event]) -> tuple[Sleeper, list[Fact]]:
    rules = plan.rules["case"]
    assert rules is not None
    sleeper = Sleeper.until(FAR_US, "c1")
    facts = [fact_of(one, plan.infos[type(one)]) for one in events]
    for fact in facts:
        sleeper.add(fact, rules, plan.retention_us)
    return sleeper, facts


def plan_of(*promises: dict[str, Any]) -> Plan:
    state = detector(*promises).deriving_shard()
    assert isinstance(state, SlaShard)
    return state._plan


@of_each_sort
@pytest.mark.parametrize("odd", [0.0, 0.2])
def test_an_outlook_says_what_clocks_say(promises: list[dict[str, Any]], odd: float) -> None:
    plan = plan_of(*promises)
    rules = plan.rules["case"]
    assert rules is not None
    by_case: dict[str, list[Event]] = {}
    for one in everyday_events(7, cases=200, odd=odd):
        by_case.setdefault(one.id.split("/")[0], []).append(one)
    seen = 0
    for events in by_case.values():
        sleeper, facts = asleep(plan, events)
        found = outlook(sleeper.begun, facts, rules, facts[-1].at_us)
        if found is None:
            continue
        seen += 1
        case = Case(plan.specs["case"])
        case.keep_us = plan.keep_us
        case.facts = facts
        case.rebuild()
        told_us = [entry.at_us for entry in case.entries if entry.kind in {"breach", "risk"}]
        if told_us:  # later facts came after the moment
            assert found.next_us == min(told_us)
            continue
        assert sorted(map(repr, conclusions_of(found.fulfilled))) == sorted(map(repr, conclusions(case.entries)))
        tracks = [track.current for track in case.tracks if track is not None]
        if any(current is not None and current.state == "paused" for current in tracks):
            assert found.next_us <= case.timer_us
        else:
            assert found.next_us == case.timer_us
    assert seen > 20


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "02-02T12:45"),
        ([event("agent_reply", at("02-02T10:00"))], "02-03T11:00"),
        ([event("priority_changed", at("02-02T09:30"), to="high")], "02-02T09:45"),
        ([event("priority_changed", at("02-02T09:50"), to="high")], None),
        ([event("updated", at("02-02T10:00"), status="pending")], "02-02T12:45"),
        ([event("agent_reply", at("02-02T10:00"), status="pending")], "02-03T11:00"),
        (
            [
                event("agent_reply", at("02-02T10:00"), status="pending"),
                event("customer_message", at("02-02T16:00"), status="open"),
            ],
            "02-03T17:00",
        ),
        ([event("tier_changed", at("02-02T09:30"), to="vip")], None),
        ([event("agent_reply", at("02-02T12:45"))], None),  # when the warning would have come: the clocks must say
    ],
)
def test_the_next_moment_of_a_case(events: list[Event], expected: str | None) -> None:
    plan = plan_of(*EVERYDAY)
    rules = plan.rules["case"]
    assert rules is not None
    sleeper, facts = asleep(plan, [event("opened", at("02-02T09:00"), priority="normal"), *events])
    found = outlook(sleeper.begun, facts, rules, at("02-02T09:00"))
    assert (None if found is None else found.next_us) == (None if expected is None else at(expected))


def test_a_case_that_stands_shortly_before_a_moment_is_built() -> None:
    plan = plan_of(EVERYDAY[1])
    rules = plan.rules["case"]
    assert rules is not None
    opened = event("opened", at("02-02T09:00"), priority="high")
    for minute, expected in ((0, at("02-02T11:30")), (29, None)):
        sleeper, facts = asleep(plan, [opened, event("paused", at(f"02-02T11:{minute:02d}"))])
        found = outlook(sleeper.begun, facts, rules, 0)
        assert (None if found is None else found.next_us) == expected


def test_of_a_rolling_promise_each_measurement_is_told_and_the_next_moment_is_that_of_the_one_that_runs() -> None:
    plan = plan_of({"kind": "next_reply", "target": 2, "unit": "hours", "at_risk": []})
    rules = plan.rules["case"]
    assert rules is not None
    steps = [("customer_message", "10:00"), ("customer_message", "10:30"), ("agent_reply", "11:00"),
             ("customer_message", "12:00")]  # fmt: skip
    events = [event("opened", at("02-02T10:00")), *(event(step, at(f"02-02T{when}")) for step, when in steps)]
    sleeper, facts = asleep(plan, events)
    found = outlook(sleeper.begun, facts, rules, 0)
    assert found is not None
    assert [(one.type, one.cycle, one.at_us) for one in conclusions_of(found.fulfilled)] == [
        ("promise.met", 1, at("02-02T11:00"))
    ]
    assert found.next_us == at("02-02T14:00")
    assert not sleeper.is_over  # the customer may write again
