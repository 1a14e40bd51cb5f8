"""Notifiers and Redis are killed, providers fail: nothing is lost, and whatever is told twice has a cause."""

import sys

import pytest

from tests.chaos.__main__ import NIGHTLY_RUNS, SEED, made
from tests.chaos.plan import STEPS, plan
from tests.chaos.report import Tally
from tests.chaos.running import Run, arena

PARTS = 10
RUNS = 50


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_is_killed_and_fails_nothing_is_lost(part: int) -> None:
    tally = Tally()
    with arena() as at:
        for number in range(part, RUNS, PARTS):
            tally.add(Run(at, plan(SEED + number, number))())
    assert tally.bad == []
    assert tally.runs == RUNS // PARTS
    assert tally.duplicates["unexplained"] == 0
    assert tally.most_by_a_death[1] <= 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_hundreds_of_runs_kill_notifiers_at_every_step_and_lose_nothing() -> None:
    tally, failed = made(NIGHTLY_RUNS, SEED, 3, sys.stderr.write)
    assert (tally.bad, failed, tally.runs) == ([], 0, NIGHTLY_RUNS)
    assert all(tally.kills[step] for step in STEPS)
    assert tally.sums["restarts"] > 0
    assert tally.duplicates["kill"] <= tally.kills.total()
