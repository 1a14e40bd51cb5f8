"""Facts that begin nothing, of cases that nothing is known of: what comes of them is what comes of built cases."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract import Progress
from detectors.events import Event
from detectors.promises.shard import SlaShard
from detectors.promises.sleeper import Sleeper
from tests.support.promises import (
    DAY_US,
    EVERYDAY,
    HOUR_US,
    MANY_PROMISES,
    MINUTE_US,
    answers,
    at,
    event,
    everyday_events,
    random_events,
    shard,
    shuffled_within,
)

TIMED = [item for item in MANY_PROMISES if item["kind"] not in {"deadline", "delivery"}]
SHORT = {"retention": "6h", "idle_retention": "1d"}


def case_of(one: Event) -> str:
    return str(getattr(one.data, "case_id", ""))


def begun_elsewhere(events: list[Event], late_us: int) -> list[Event]:
    """Return events of cases of which a third have no beginning, and a third have it ``late_us`` later than it was."""
    number_of = {key: number for number, key in enumerate(dict.fromkeys(map(case_of, events)))}
    comes: list[tuple[int, int, Event]] = []
    for place, one in enumerate(events):
        kind = number_of[case_of(one)] % 3 if one.type.endswith(("opened", "purchased")) else 2
        if kind:
            comes.append((one.time_us + (late_us if kind == 1 else 0), place, one))
    return [one for _, _, one in sorted(comes, key=lambda entry: entry[:2])]


@pytest.mark.parametrize("promises", [EVERYDAY, TIMED], ids=["everyday", "timed"])
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 40),
    late_us=st.sampled_from([0, 10 * MINUTE_US, 3 * HOUR_US, 2 * DAY_US]),
    lateness_us=st.sampled_from([0, 240 * MINUTE_US]),
    restart=st.integers(0, 2),
    settings=st.sampled_from([{}, SHORT]),
)
def test_a_shard_with_strays_answers_as_one_whose_cases_are_built(
    promises: list[dict[str, Any]],
    seed: int,
    size: int,
    late_us: int,
    lateness_us: int,
    restart: int,
    settings: dict[str, str],
) -> None:
    made = (
        everyday_events(seed, 12) if seed % 2 else [one for one in random_events(seed) if hasattr(one.data, "case_id")]
    )
    events = begun_elsewhere(shuffled_within(made, lateness_us, seed), late_us)
    if not events:
        return
    how: dict[str, Any] = {"size": size, "lateness_us": lateness_us, "restart": restart, **settings}
    assert answers(promises, events, built=False, **how) == answers(promises, events, built=True, **how)


def held(state: SlaShard) -> dict[str, type]:
    return {key: type(one) for strays in state._strays.values() for key, one in strays.held.items()}


def sleeping(state: SlaShard) -> list[str]:
    return [key for cases in state._cases.values() for key, case in cases.items() if isinstance(case, Sleeper)]


def pass_time(state: SlaShard, events: list[Event], until: str) -> None:
    us = at(until)
    assert state.update(events, Progress(us, us)).changes == []


def test_an_end_without_a_beginning_waits_as_a_stray_until_more_is_known() -> None:
    state = shard(*EVERYDAY)
    first = [event("closed", at("02-02T10:00"), "c1"), event("opened", at("02-02T10:00"), "c2")]
    pass_time(state, first, "02-02T09:00")
    assert (list(held(state)), sleeping(state), len(state), sorted(state.keys())) == (
        ["c1"], ["c2"], 2, ["case/c1", "case/c2"],
    )  # fmt: skip
    delta = state.delta()
    assert [name for name, _ in delta.images] == ["case/c1", "case/c2"]
    assert held(state) == {"c1": bytes}
    assert state.delta().images == []
    assert state.delta(["case/c1"]).images == [delta.images[0]]
    again = shard(*EVERYDAY)
    again.rebuild(delta.head, [image for _, image in delta.images])
    assert (held(again), sleeping(again)) == ({"c1": bytes}, ["c2"])
    for one in (state, again):
        more = [event("reopened", at("02-02T10:05"), "c3"), event("updated", at("02-02T10:30"), "c1", priority="low")]
        pass_time(one, more, "02-02T10:01")
        assert (list(held(one)), sorted(sleeping(one))) == ([], ["c1", "c2", "c3"])
        assert sorted(name for name, _ in one.delta().images) == ["case/c1", "case/c3"]


def test_a_revision_is_none() -> None:
    state = shard(*EVERYDAY)
    pass_time(state, [event("closed", at("02-02T10:00"), "c1", rev=1)], "02-02T09:00")
    assert held(state) == {}


def test_strays_are_forgotten_when_idle_cases_are() -> None:
    state = shard(*EVERYDAY, **SHORT)
    ends = [event("closed", at("02-02T10:00"), "c1"), event("closed", at("02-03T10:00"), "c2")]
    pass_time(state, ends, "02-02T09:00")
    state.delta()
    pass_time(state, [], "02-03T10:00")
    assert len(held(state)) == 2
    pass_time(state, [], "02-03T12:00")
    assert list(held(state)) == ["c2"]
    assert (state.delta().gone, state.counts["closed"], len(state)) == (["case/c1"], 1, 1)


def test_a_stray_that_should_be_forgotten_by_now_says_nothing_of_what_comes() -> None:
    state = shard(*EVERYDAY, **SHORT)
    pass_time(state, [event("closed", at("02-02T10:50"), "c1")], "02-02T09:00")
    pass_time(state, [], "02-03T10:55")  # of its hour more are still held
    assert list(held(state)) == ["c1"]
    pass_time(state, [event("closed", at("02-03T11:00"), "c1")], "02-03T10:56")
    assert (list(held(state)), sleeping(state)) == (["c1"], [])
    assert state.delta().gone == []


def test_a_key_that_comes_again_within_its_hour_is_forgotten_once() -> None:
    state = shard(*EVERYDAY, retention="0s", idle_retention="0s")
    pass_time(state, [event("closed", at("02-02T10:10"), "c1")], "02-02T10:00")
    pass_time(state, [], "02-02T10:20")
    pass_time(state, [event("closed", at("02-02T10:40"), "c1")], "02-02T10:30")
    assert (list(held(state)), state.counts["closed"]) == (["c1"], 1)
    pass_time(state, [], "02-02T12:00")
    assert (held(state), state.counts["closed"]) == ({}, 2)


@pytest.mark.parametrize("saved", [False, True])
def test_nothing_is_kept_of_a_stray_that_became_a_case(saved: bool) -> None:
    state = shard(*EVERYDAY)
    pass_time(state, [event("closed", at("02-02T10:00"), key) for key in ("c1", "c2")], "02-02T09:00")
    if saved:
        state.delta()
    pass_time(state, [event("updated", at("02-02T10:30"), "c1", priority="low")], "02-02T09:01")
    assert [list(span) for strays in state._strays.values() for span in strays._spans.values()] == [["c2"]]
    pass_time(state, [event("updated", at("02-02T10:30"), "c2", priority="low")], "02-02T09:02")
    assert [strays._spans for strays in state._strays.values() if strays._spans] == []
