"""When a process is stuck, and when it only waits."""

import pytest

from pipeline.health import FlowHealth
from pipeline.liveness import READY_WITHIN_S, STARTING_AT_MOST_S, STUCK_AFTER_S, Liveness


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Liveness:
    return Liveness(clock)


def test_a_loop_that_comes_round_is_live_and_ready(liveness: Liveness, clock: Clock) -> None:
    for _ in range(10):
        clock.now_s += STUCK_AFTER_S / 2
        liveness.beat()
    assert liveness.live()[0]
    assert liveness.ready()[0]


def test_a_loop_without_a_sign_of_life_is_not_ready_at_first_and_stuck_at_last(
    liveness: Liveness, clock: Clock
) -> None:
    liveness.beat()
    clock.now_s += READY_WITHIN_S + 1
    assert (liveness.live()[0], liveness.ready()[0]) == (True, False)
    clock.now_s += STUCK_AFTER_S
    assert (liveness.live()[0], liveness.ready()[0]) == (False, False)


def test_who_waits_for_something_that_is_away_is_live_however_long_and_not_ready(
    liveness: Liveness, clock: Clock
) -> None:
    liveness.beat()
    liveness.waits("store", "cannot reach Redis")
    clock.now_s += 100 * STUCK_AFTER_S
    well, told = liveness.live()
    assert well
    assert told["waits"] == {"store": "cannot reach Redis"}
    assert not liveness.ready()[0]


def test_the_time_of_waiting_is_not_held_against_a_loop(liveness: Liveness, clock: Clock) -> None:
    liveness.beat()
    liveness.waits("store", "away")
    clock.now_s += 100 * STUCK_AFTER_S
    liveness.waits("store", None)
    clock.now_s += STUCK_AFTER_S - 1
    assert liveness.live()[0]
    clock.now_s += 2
    assert not liveness.live()[0]


def test_one_wait_that_is_over_does_not_end_another(liveness: Liveness, clock: Clock) -> None:
    liveness.waits("store", "away")
    liveness.waits("panes", "away")
    liveness.waits("store", None)
    clock.now_s += 100 * STARTING_AT_MOST_S
    assert liveness.live()[0]


def test_restoring_state_may_take_longer_than_a_step_but_not_for_ever(liveness: Liveness, clock: Clock) -> None:
    clock.now_s += STARTING_AT_MOST_S - 1
    assert (liveness.live()[0], liveness.ready()[0]) == (True, False)
    clock.now_s += 2
    assert not liveness.live()[0]


def test_the_flow_tells_of_its_looks_and_waits_and_not_of_the_wall_clock() -> None:
    clock = Clock()
    health = FlowHealth(clock)
    health.beat(10**18)
    clock.now_s += STUCK_AFTER_S + 1
    assert not health.liveness.live()[0]
    health.beat(0)
    assert health.liveness.live()[0]
    health.waits("dead_letters", "no space left on device")
    clock.now_s += STUCK_AFTER_S + 1
    assert health.liveness.live()[0]
