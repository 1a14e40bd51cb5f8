"""Lives that sleep, and events that wait, change nothing: the same is told as when every fact is applied at once."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detectors import catalogue
from detectors.contract import DETECTORS, Context, Progress
from detectors.events import CASE_STEPS, EVENT_CLASSES, CaseData, Event, Profile, SocialData, SurveyData
from detectors.lives.facts import Fact
from detectors.lives.life import NO_USE, SEED, STRAY
from detectors.lives.shard import LivesShard
from tests.detectors.sampling import HOUR_US, MINUTE_US, START_US

del catalogue  # imported so that every detector is registered
SETTINGS: dict[str, dict[str, Any]] = {
    "negative_survey": {"edit_window": "1d", "retention": "2d", "remember": "5d", "open_for": "2d"},
    "repeat_contact": {"window": "2d", "retention": "1d", "case_retention": "3d", "window_by_issue": {"tv": "1d"}},
    "residual_dissatisfaction": {"window": "3d", "retention": "1d", "case_retention": "2d"},
    "stalled_recovery": {
        "retention": "1d", "remember": "2d", "case_retention": "4d", "flag_for": "1d", "begins": [
            {"at": "opened", "where": {"labels": {"kind": "complaint"}}}, {"at": "survey"}, {"at": "deadline"},
            {"at": "marked"}, {"at": "status", "status": ["escalated"]},
        ],
    },
}  # fmt: skip
SEEDS = range(8)
STEPS = ("opened", "agent_reply", "customer_message", "agent_reply", "resolved")
PROFILES = (None, Profile("gold", tier="gold"))


def stream(seed: int) -> list[Event]:
    """Return events of a few customers over two weeks, in order of time: mostly plain conversations, some odd steps."""
    rng = random.Random(seed)
    at_us = START_US
    cases: dict[str, tuple[str, int]] = {}
    events = []
    for number in range(500):
        at_us += int(rng.expovariate(1 / (40 * MINUTE_US)))
        kind = rng.random()
        customer = f"c{rng.randrange(12)}" if rng.random() < 0.95 else ""
        if kind < 0.15:
            score = rng.choice([0.0, 6.0, 8.0, 9.0, 10.0, 11.0, None])
            case = rng.choice([None, f"k{rng.randrange(number + 1) // 8}"])
            data: Any = SurveyData(
                score=score, scale=rng.choice(["nps", "nps", None]), case_id=case, labels=_labels(rng)
            )
            events.append(_event("survey.response", number, at_us, data, customer, rng))
        elif kind < 0.3:
            events.append(_event("social.post", number, at_us, SocialData(sentiment=_mood(rng)), customer, rng))
        else:
            case = f"k{rng.randrange(number // 8 + 1)}"
            owner, done = cases.get(case, (customer, 0))
            odd = rng.random() < 0.15
            step = rng.choice(CASE_STEPS) if odd or done >= len(STEPS) else STEPS[done]
            cases[case] = owner, done + (not odd)
            data = CaseData(
                case_id=case, service=rng.choice(["tv", "mobile"]), sentiment=_mood(rng), labels=_labels(rng),
                status=rng.choice(["solved", "escalated", "pending", None]) if step == "updated" else None,
                deadline=_time(at_us + 6 * HOUR_US) if rng.random() < 0.05 else None,
            )  # fmt: skip
            events.append(_event(f"crm.case.{step}", number, at_us, data, owner, rng))
    return events


def _event(kind: str, number: int, at_us: int, data: Any, customer: str, rng: random.Random) -> Event:
    recorded = at_us + rng.choice([-HOUR_US, 0, HOUR_US])
    event: Event = EVENT_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=f"e{rng.randrange(number + 1)}" if rng.random() < 0.05 else f"e{number}",
        source="test",
        subject=customer,
        time=_time(at_us),
        time_us=at_us,
        data=data,
        rev=int(rng.random() < 0.05),
        recordedtime=_time(recorded) if rng.random() < 0.1 else None,
        profile=rng.choice(PROFILES),
    )
    return event


def _time(at_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def _mood(rng: random.Random) -> float | None:
    return rng.choice([None, 0.2, 0.7, -0.5])


def _labels(rng: random.Random) -> dict[str, str]:
    return rng.choice(
        [{}, {}, {}, {}, {"kind": "complaint"}, {"recovery": "opened"}, {"recovery": "customer_contacted"},
         {"direction": "outbound"}, {"transferred_from": "second"}, {"response": "r1"}, {"owner": "kim"}]
    )  # fmt: skip


def shard_of(name: str) -> LivesShard:
    settings = DETECTORS.settings(name).model_validate({"type": name, **SETTINGS[name]})
    shard = DETECTORS.factory(name)(name, settings, Context()).shard()  # type: ignore[union-attr]
    assert isinstance(shard, LivesShard)
    return shard


def sleepless(name: str) -> LivesShard:
    """Return a shard in which everything begins a life, and every life is looked at with each of its facts."""
    shard = shard_of(name)
    use_of = shard._life.use_of
    shard._life.use_of = lambda event: SEED if use_of(event) != NO_USE else NO_USE  # type: ignore[method-assign]
    shard._life.keeps_quiet = lambda facts, fact: False  # type: ignore[method-assign]
    return shard


def resumed(name: str, shard: LivesShard, log: dict[str, bytes]) -> LivesShard:
    """Return a new shard with the state of another one, of which ``log`` has the images so far."""
    delta = shard.delta(also=shard.keys()[:3])
    log.update(delta.images)
    for gone in delta.gone:
        log.pop(gone, None)
    assert log.keys() == set(shard.keys())
    again = shard_of(name)
    again.rebuild(delta.head, log.values())
    return again


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_is_told_as_by_lives_that_never_sleep(name: str, seed: int) -> None:
    rng = random.Random(seed)
    events = stream(seed)
    arrivals = sorted(events, key=lambda event: event.time_us + rng.randrange(HOUR_US))
    awake, asleep = sleepless(name), shard_of(name)
    log: dict[str, bytes] = {}
    newest_us, told = START_US, 0
    while arrivals:
        size = rng.randrange(1, 30)
        part, arrivals = arrivals[:size], arrivals[size:]
        newest_us = max(newest_us, *(event.time_us for event in part))
        progress = Progress(newest_us - HOUR_US, newest_us - HOUR_US)
        wanted, found = awake.update(part, progress), asleep.update(part, progress)
        assert (found.changes, found.findings) == (wanted.changes, wanted.findings)
        told += len(found.changes) + len(found.findings)
        if rng.random() < 0.3:
            asleep = resumed(name, asleep, log)
        elif rng.random() < 0.1:
            state = asleep.snapshot()
            asleep = shard_of(name)
            asleep.restore(state)
            log.clear()
            log.update(asleep.delta(also=asleep.keys()).images)
    end = Progress(newest_us + 40 * 24 * HOUR_US, newest_us + 40 * 24 * HOUR_US)
    wanted, found = awake.update([], end), asleep.update([], end)
    assert (found.changes, found.findings) == (wanted.changes, wanted.findings)
    assert told > 20
    assert not asleep.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_what_an_event_is_to_nobody_agrees_with_what_is_kept_of_it(name: str) -> None:
    life = shard_of(name)._life
    seen = set()
    for event in stream(99):
        if event.step == "post" and name != "residual_dissatisfaction":
            continue
        use, fact = life.use_of(event), life.read(event)
        seen.add(use)
        assert use != NO_USE or fact == ""
        assert use == NO_USE or fact != "" or event.step == "response"
        assert use != STRAY or (isinstance(fact, Fact) and not life.is_seed(fact))
    assert {SEED, STRAY} <= seen
