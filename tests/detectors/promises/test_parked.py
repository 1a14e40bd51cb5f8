"""Cases that are parked between two moments say what cases say that stay built."""

import random

import msgspec
import pytest

from detectors.contract import AlertChange, Progress
from detectors.promises import parked as parked_module
from detectors.promises.clock import FAR_US
from detectors.promises.parked import Parked
from detectors.promises.plan import ShardCase
from detectors.promises.shard import SlaShard
from tests.support.promises import (
    DAY_US,
    MANY_PROMISES,
    MINUTE_US,
    at,
    event,
    random_events,
    replay,
    shard,
    shuffled_within,
    told,
)

LATENESS_US = 40 * MINUTE_US
FIRST_REPLY = {"kind": "first_reply", "target": 60, "unit": "minutes", "calendar": "uk", "at_risk": [0.5]}


@pytest.fixture(params=[0, 45 * MINUTE_US, 600_000_000], ids=["at once", "45 min", "10 min"])
def parked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(parked_module, "PARKED_FOR_US", request.param)
    return monkeypatch


def plain(changes: list[AlertChange]) -> list[bytes]:
    return [msgspec.json.encode(change) for change in changes]


def kinds(state: SlaShard) -> list[type]:
    return [type(case) for cases in state._cases.values() for case in cases.values()]


@pytest.mark.parametrize("seed", range(12))
def test_parked_cases_say_what_built_cases_say(seed: int, parked_for: pytest.MonkeyPatch) -> None:
    events = shuffled_within(random_events(seed), LATENESS_US, seed)
    dice = random.Random(seed)
    with parked_for.context() as never:
        never.setattr(parked_module, "PARKED_FOR_US", FAR_US)
        expected = plain(replay(shard(*MANY_PROMISES), events, lateness_us=LATENESS_US))
    cuts = sorted(dice.sample(range(1, len(events)), len(events) // 3))
    assert plain(replay(shard(*MANY_PROMISES), events, lateness_us=LATENESS_US, cuts=cuts)) == expected


def test_a_case_is_parked_when_its_next_time_is_far_and_built_when_an_event_comes() -> None:
    state = shard(FIRST_REPLY)
    changes = state.update([event("opened", at("02-02T10:00"))], Progress(at("02-02T10:01"), at("02-02T10:01"))).changes
    later_us = at("02-02T10:31")
    changes += state.update([], Progress(later_us, later_us)).changes
    assert told(changes) == [("SlaAtRisk", "firing", "02-02T10:30")]
    assert kinds(state) == [Parked]
    saved = state.snapshot()
    again = shard(FIRST_REPLY)
    again.restore(saved)
    assert kinds(again) == [Parked]
    assert again.snapshot() == saved
    assert [name for name, _ in state.delta(state.keys()).images] == state.keys()
    reply = [event("agent_reply", at("02-02T10:40"))]
    soon = Progress(at("02-02T10:41"), at("02-02T10:41"))
    assert plain(state.update(reply, soon).changes) == plain(again.update(reply, soon).changes) != []
    assert kinds(state) == kinds(again) == [ShardCase]
    end = Progress(at("02-02T10:41") + 400 * DAY_US, at("02-02T10:41") + 400 * DAY_US)
    assert plain(state.update([], end).changes) == plain(again.update([], end).changes)
    assert kinds(state) == kinds(again) == []
