"""What window detectors are told of promises: detectors/promises/deriving.py and conclusions.py."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from detectors.contract import NEVER_US, AlertChange, CaseShard, Context, Progress
from detectors.events import ConclusionData, ConclusionEvent, Event
from detectors.grouping import group_reader
from detectors.promises.case import Case
from detectors.promises.conclusions import conclusions
from detectors.promises.facts import fact_of, place_of, step_infos
from detectors.promises.shard import SlaShard
from detectors.promises.spec import Calendars, Spec
from detectors.sla_breach import SlaBreach, SlaBreachSettings
from tests.support.promises import (
    CALENDARS,
    DAY_US,
    EVERYDAY,
    HOUR_US,
    MANY_PROMISES,
    MINUTE_US,
    at,
    build_at_once,
    clock,
    detector,
    event,
    everyday_events,
    random_events,
    replay,
    shuffled_within,
)

LATENESS_US = 2 * HOUR_US
Told = tuple[str, str, str]
Promises = list[dict[str, Any]]
REPLY = {"kind": "first_reply", "target": 60, "unit": "minutes", "at_risk": []}
RESOLUTION = {"kind": "resolution", "target": 8, "unit": "hours", "at_risk": []}
SLEEPY: Promises = [
    {"kind": "first_reply", "target": 5, "unit": "hours", "at_risk": []},
    {"kind": "resolution", "target": 9, "unit": "hours", "at_risk": [0.9]},
]
"""Promises of which most cases are over before they are ever built."""
of_both_sorts = pytest.mark.parametrize("promises", [MANY_PROMISES, SLEEPY], ids=["many", "sleepy"])


class Listened:
    """A shard that is listened to, and everything that it has told."""

    def __init__(self, *promises: dict[str, Any], listened: bool = True, **settings: Any) -> None:
        self.detector = detector(*promises, **settings)
        self.state = self.shard() if listened else self.detector.shard()
        self.derived: list[Event] = []
        self.changes: list[AlertChange] = []

    def shard(self) -> CaseShard:
        return self.detector.deriving_shard()

    def feed(self, events: Sequence[Event], watermark_us: int, clock_us: int | None = None) -> list[Event]:
        outcome = self.state.update(events, Progress(watermark_us, max(watermark_us, clock_us or watermark_us)))
        self.derived += outcome.derived
        self.changes += outcome.changes
        return outcome.derived

    def resume(self) -> None:
        saved, self.state = self.state.snapshot(), self.shard()
        self.state.restore(saved)

    def rebuild(self) -> None:
        """Resume from deltas, as a flow does."""
        delta, self.state = self.state.delta(also=self.state.keys()), self.shard()
        self.state.rebuild(delta.head, [image for _, image in delta.images])


def run(promises: Promises, events: Sequence[Event], size: int, *, resume: int = 0) -> Listened:
    """Give events in their order, cut into batches; each late one meets the watermark that made it late."""
    listened = Listened(*promises)
    newest_us = NEVER_US
    for turn, (piece, late) in enumerate(pieces(events, size, LATENESS_US), start=1):
        newest_us = newest_us if late else max([newest_us, *(one.time_us for one in piece)])
        listened.feed(piece, newest_us - LATENESS_US)
        if resume and turn % resume == 0:
            (listened.resume if turn % 2 else listened.rebuild)()
    listened.feed([], newest_us + 30 * DAY_US)
    return listened


def pieces(events: Sequence[Event], size: int, lateness_us: int) -> list[tuple[list[Event], bool]]:
    """Cut events into batches, and these where late events follow others (as pipeline.prepare does)."""
    found: list[tuple[list[Event], bool]] = []
    newest_us = NEVER_US
    for start in range(0, len(events), size):
        fresh = True
        for one in events[start : start + size]:
            late = one.time_us < newest_us - lateness_us
            newest_us = max(newest_us, one.time_us)
            if fresh or late != found[-1][1]:
                found.append(([], late))
            fresh = False
            found[-1][0].append(one)
    return found


def short(events: Sequence[Event]) -> list[Told]:
    """Return what was told in short: what, of which case, when."""
    return [(one.type, data_of(one).case_id, clock(one.time_us)) for one in events]


def data_of(one: Event) -> ConclusionData:
    assert isinstance(one, ConclusionEvent)
    return one.data


def plain_events(seed: int) -> list[Event]:
    return [one for one in random_events(seed, cases=30) if not one.rev]


def folded(promises: Promises, events: Sequence[Event]) -> set[tuple[str, str, str, int, int]]:
    """Return what the whole of the events concludes, computed in one go."""
    infos = step_infos({"case": frozenset(), "order": frozenset()}, keep_all=True)
    parsed = SlaBreachSettings.model_validate({"promises": promises})
    specs = [Spec(promise, Calendars(CALENDARS), derives=True) for promise in parsed.promises]
    found = set()
    keys = {(infos[type(one)].family, key_of(one)) for one in events}
    for family, key in keys:
        case = Case([spec for spec in specs if spec.family == family])
        if not case.specs:
            continue
        facts = [fact_of(one, infos[type(one)]) for one in events if key_of(one) == key]
        case.facts = sorted(facts, key=place_of)
        case.rebuild()
        case.advance(max(one.time_us for one in events) + 30 * DAY_US)
        for told in conclusions(case.entries):
            found.add((told.type, key, told.spec.name, told.cycle, told.at_us))
    return found


def key_of(one: Event) -> str:
    data: Any = one.data
    return str(getattr(data, "case_id", None) or data.order_id)


def identities(events: Sequence[Event]) -> list[tuple[str, str, str, int, int]]:
    return [(one.type, data_of(one).case_id, data_of(one).promise, data_of(one).cycle, one.time_us) for one in events]


def test_met_broken_and_resolved_are_told_when_the_watermark_passes_them() -> None:
    listened = Listened(REPLY, RESOLUTION)
    listened.feed([event("opened", at("02-02T10:00")), event("agent_reply", at("02-02T10:30"))], at("02-02T10:30"))
    assert listened.derived == []
    assert short(listened.feed([], at("02-02T10:30") + 1)) == [("promise.met", "c1", "02-02T10:30")]
    assert listened.feed([event("resolved", at("02-02T19:00"))], at("02-02T18:00")) == []
    assert short(listened.feed([], at("02-02T20:00"))) == [
        ("promise.broken", "c1", "02-02T18:00"),
        ("case.resolved", "c1", "02-02T19:00"),
    ]
    assert listened.feed([], at("03-02T20:00")) == []


def test_a_breach_that_is_only_suspected_is_not_told() -> None:
    listened = Listened(RESOLUTION)
    listened.feed([event("opened", at("02-02T10:00"))], at("02-02T10:00"), clock_us=at("02-02T20:00"))
    assert [change.step for change in listened.changes] == ["suspected"]
    assert listened.derived == []
    listened.feed([event("resolved", at("02-02T17:00"))], at("02-02T21:00"))
    assert [one.type for one in listened.derived] == ["case.resolved", "promise.met"]


def test_what_is_broken_is_not_met_any_more_and_a_case_is_resolved_once() -> None:
    listened = Listened({**RESOLUTION, "on_reopen": "resume"})
    events = [
        event("opened", at("02-02T10:00")),
        event("resolved", at("02-02T19:00")),
        event("reopened", at("02-02T20:00")),
        event("resolved", at("02-02T21:00")),
    ]
    listened.feed(events, at("02-03T00:00"))
    assert short(listened.derived) == [("promise.broken", "c1", "02-02T18:00"), ("case.resolved", "c1", "02-02T19:00")]


def test_what_was_met_and_is_broken_after_a_reopening_was_both() -> None:
    listened = Listened({**RESOLUTION, "on_reopen": "resume"})
    events = [
        event("opened", at("02-02T10:00")),
        event("resolved", at("02-02T12:00")),
        event("reopened", at("02-02T13:00")),  # goes on with two hours spent, and is broken at 19:00
        event("resolved", at("02-02T22:00")),
    ]
    listened.feed(events, at("02-03T00:00"))
    assert [change.labels["alertname"] for change in listened.changes] == ["SlaBreach", "SlaBreach"]
    assert short(listened.derived) == [
        ("case.resolved", "c1", "02-02T12:00"),
        ("promise.met", "c1", "02-02T12:00"),
        ("promise.broken", "c1", "02-02T19:00"),
    ]


def test_a_measurement_that_ends_without_a_verdict_concludes_nothing() -> None:
    listened = Listened(REPLY, {**RESOLUTION, "targets": {"low": 1}, "target": None})
    events = [event("opened", at("02-02T10:00"), priority="high"), event("resolved", at("02-02T10:05"))]
    listened.feed(events, at("02-09T00:00"))
    assert [one.type for one in listened.derived] == ["case.resolved"]  # how long it took is known without a target


def test_what_is_told_says_what_it_is_about_and_how_long_it_took() -> None:
    listened = Listened({**RESOLUTION, "calendar": "uk", "name": "fix", "priority": "normal"})
    opened = event(
        "opened", at("02-02T16:00"), tier="gold", value=7.0, queue="one", service="tv", region="north", channel="mail",
        labels={"plan": "big"},
    )  # fmt: skip
    opened.profile = type(opened.profile)("ann", "gold", 7.0, "de", "year")  # type: ignore[misc]
    moved = event("assigned", at("02-03T09:30"), to="two")
    listened.feed([opened, moved, event("resolved", at("02-03T10:00"))], at("02-04T00:00"))
    told = listened.derived[1]
    assert (told.type, told.source, told.subject) == ("promise.met", "sla_breach", "customer of c1")
    assert (told.time_us, told.time.isoformat()) == (at("02-03T10:00"), "2026-02-03T10:00:00+00:00")
    data = data_of(told)
    assert (data.elapsed_us, data.real_us) == (2 * HOUR_US, 18 * HOUR_US)
    assert (data.elapsed_s, data.real_s) == (7200.0, 64800.0)
    names = ("promise", "kind", "priority", "tier", "queue", "service", "region", "channel", "plan", "language",
             "contract", "source")  # fmt: skip
    assert group_reader(names)(told) == (
        "fix", "resolution", "normal", "gold", "two", "tv", "north", "mail", "big", "de", "year", "sla_breach",
    )  # fmt: skip


def test_a_handoff_is_that_of_the_queue_that_was_to_accept() -> None:
    listened = Listened({"kind": "handoff", "target": 60, "unit": "minutes", "at_risk": []})
    events = [
        event("opened", at("02-02T10:00")),
        event("assigned", at("02-02T10:00"), to="one"),
        event("assigned", at("02-02T10:30"), to="two"),
    ]
    listened.feed(events, at("02-02T14:00"))
    assert [(one.type, data_of(one).queue) for one in listened.derived] == [
        ("promise.met", "one"),
        ("promise.broken", "two"),
    ]


@of_both_sorts
@pytest.mark.parametrize("seed", range(4))
def test_what_is_told_is_what_the_events_conclude_whoever_slept_or_was_built(promises: Promises, seed: int) -> None:
    events = plain_events(seed)
    told = identities(run(promises, shuffled_within(events, LATENESS_US, seed), 7).derived)
    assert len(told) == len(set(told)) > 50
    assert set(told) == folded(promises, events)


@of_both_sorts
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("size", "resume"), [(1, 0), (1000, 0), (13, 3), (3, 1)])
def test_it_does_not_depend_on_cuts_and_restarts(promises: Promises, seed: int, size: int, resume: int) -> None:
    events = shuffled_within(random_events(seed, cases=30), LATENESS_US, seed)
    expected = run(promises, events, 50)
    other = run(promises, events, size, resume=resume)
    assert identities(other.derived) == identities(expected.derived)
    assert [one.data for one in other.derived] == [one.data for one in expected.derived]


@of_both_sorts
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("size", "resume"), [(1, 0), (1000, 0), (13, 3), (3, 1)])
def test_nor_where_events_are_late(promises: Promises, seed: int, size: int, resume: int) -> None:
    events = shuffled_within(random_events(seed, cases=30), 12 * LATENESS_US, seed)
    expected = run(promises, events, 50)
    told = identities(run(promises, events, size, resume=resume).derived)
    assert told == identities(expected.derived)
    assert len(told) > 50


@of_both_sorts
@pytest.mark.parametrize("seed", range(4))
def test_of_each_measurement_a_verdict_is_told_once_however_late_events_come(promises: Promises, seed: int) -> None:
    events = shuffled_within(plain_events(seed), 12 * LATENESS_US, seed)
    listened = run(promises, events, 9)
    told = [named[:4] for named in identities(listened.derived)]
    assert len(told) == len(set(told)) > 50
    broken: set[tuple[str, str, int]] = set()
    for kind, key, name, cycle in told:
        of = key, name, cycle
        if kind == "promise.broken":
            broken.add(of)
        assert kind != "promise.met" or of not in broken


@of_both_sorts
@pytest.mark.parametrize("seed", range(3))
def test_whether_somebody_listens_changes_no_alert(promises: Promises, seed: int) -> None:
    dice = random.Random(seed)
    events = shuffled_within(random_events(seed), 6 * LATENESS_US, seed)
    cuts = sorted(dice.sample(range(1, len(events)), 12))
    made = detector(*promises)
    answers = []
    for state in (made.shard(), made.deriving_shard()):
        assert isinstance(state, SlaShard)
        answers.append(replay(state, events, lateness_us=LATENESS_US, cuts=cuts))
    assert answers[0] == answers[1]


def test_a_shard_that_nobody_listens_to_tells_nothing_and_its_state_can_be_listened_to() -> None:
    deaf = Listened(REPLY, RESOLUTION, listened=False)
    deaf.feed([event("opened", at("02-02T10:00")), event("agent_reply", at("02-02T10:30"))], at("02-02T11:00"))
    deaf.resume()
    assert short(deaf.feed([event("resolved", at("02-02T12:00"))], at("02-02T13:00"))) == [
        ("case.resolved", "c1", "02-02T12:00"),
        ("promise.met", "c1", "02-02T12:00"),
    ]
    back = deaf.detector.shard()
    back.restore(deaf.state.snapshot())
    assert back.update([], Progress(at("02-03T13:00"), at("02-03T13:00"))).derived == []


def test_late_knowledge_that_takes_an_alert_back_takes_back_nothing_that_was_told() -> None:
    listened = Listened(REPLY)
    listened.feed([event("opened", at("02-02T10:00"))], at("02-02T12:00"))
    listened.feed([event("agent_reply", at("02-02T10:30"))], at("02-02T12:00"))
    listened.feed([], at("02-02T15:00"))
    assert [change.step for change in listened.changes] == ["confirmed", "retracted"]
    assert short(listened.derived) == [("promise.broken", "c1", "02-02T11:00")]


def test_late_knowledge_of_what_nobody_knew_is_told_with_its_own_time_when_the_watermark_moves() -> None:
    listened = Listened(RESOLUTION)
    listened.feed([event("opened", at("02-02T10:00"))], at("02-02T12:00"))
    assert listened.feed([event("resolved", at("02-02T11:00"))], at("02-02T12:00")) == []
    listened.resume()
    assert short(listened.feed([], at("02-02T12:01"))) == [
        ("case.resolved", "c1", "02-02T11:00"),
        ("promise.met", "c1", "02-02T11:00"),
    ]
    assert listened.feed([], at("02-05T12:01")) == []


def test_a_breach_that_late_knowledge_moves_is_not_told_again() -> None:
    listened = Listened(RESOLUTION)
    listened.feed([event("opened", at("02-02T10:00"))], at("02-02T19:00"))
    late = [event("paused", at("02-02T12:00")), event("resumed", at("02-02T16:00"))]
    listened.feed(late, at("02-02T19:00"))
    listened.resume()
    listened.feed([], at("02-03T19:00"))
    assert [change.step for change in listened.changes] == ["confirmed", "moved", "confirmed"]
    assert short(listened.derived) == [("promise.broken", "c1", "02-02T18:00")]


@pytest.mark.parametrize("retention", ["0s", "1h"])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_another_life_of_a_case_concludes_anew(retention: str, size: int) -> None:
    events = []
    for day in range(2, 6):
        events += [event("opened", at(f"02-0{day}T10:00")), event("agent_reply", at(f"02-0{day}T10:30"))]
    listened = Listened(REPLY, retention=retention, idle_retention=retention)
    for start in range(0, len(events), size):
        piece = events[start : start + size]
        listened.feed(piece, piece[-1].time_us - 10 * MINUTE_US)
    listened.feed([], at("02-20T00:00"))
    assert short(listened.derived) == [("promise.met", "c1", f"02-0{day}T10:30") for day in range(2, 6)]


def test_the_detector_says_what_it_derives() -> None:
    settings = SlaBreachSettings.model_validate({"promises": [REPLY]})
    assert SlaBreach("one", settings, Context()).derived_types == {"promise.met", "promise.broken", "case.resolved"}


def test_a_revision_that_moves_what_was_told_is_not_told_again() -> None:
    listened = Listened(RESOLUTION)
    listened.feed([event("opened", at("02-02T10:00")), event("resolved", at("02-02T12:00"), id="r")], at("02-02T13:00"))
    listened.feed([event("resolved", at("02-02T17:00"), id="r", rev=1)], at("02-02T13:00"))
    listened.feed([], at("02-03T00:00"))
    assert short(listened.derived) == [("case.resolved", "c1", "02-02T12:00"), ("promise.met", "c1", "02-02T12:00")]


def test_what_was_told_of_one_life_says_nothing_of_the_next() -> None:
    listened = Listened(REPLY, retention="1h", idle_retention="1h")
    listened.feed([event("opened", at("02-02T10:00"))], at("02-02T10:40"))
    listened.feed([event("agent_reply", at("02-02T10:30"))], at("02-02T10:40"))
    events = [event("opened", at("02-02T15:00")), event("agent_reply", at("02-02T15:10"))]
    listened.feed(events, at("02-02T16:00"))
    assert short(listened.derived) == [("promise.met", "c1", "02-02T10:30"), ("promise.met", "c1", "02-02T15:10")]


def test_a_repeat_that_wakes_a_case_takes_nothing_from_what_is_told() -> None:
    listened = Listened(REPLY, RESOLUTION)
    events = [event("opened", at("02-02T10:00")), event("agent_reply", at("02-02T10:10"))]
    listened.feed([*events, events[0]], at("02-02T10:05"))
    assert short(listened.feed([], at("02-02T10:20"))) == [("promise.met", "c1", "02-02T10:10")]


@pytest.mark.parametrize("lateness_us", [0, LATENESS_US])
@pytest.mark.parametrize("seed", range(8))
def test_cases_that_sleep_conclude_what_cases_conclude_that_are_built_at_once(seed: int, lateness_us: int) -> None:
    events = shuffled_within(everyday_events(seed), lateness_us, seed)
    answers = []
    for sleeps in (True, False):
        state = detector(*EVERYDAY).deriving_shard()
        assert isinstance(state, SlaShard)
        if not sleeps:
            build_at_once(state)
        derived: list[Event] = []
        newest_us = NEVER_US
        for start in range(0, len(events), 5):
            piece = events[start : start + 5]
            newest_us = max([newest_us, *(one.time_us for one in piece)])
            derived += state.update(piece, Progress(newest_us - lateness_us, newest_us - lateness_us)).derived
        derived += state.update([], Progress(newest_us + 30 * DAY_US, newest_us + 30 * DAY_US)).derived
        answers.append([(type(one), msgspec.json.encode(one)) for one in derived])
    assert len(answers[0]) > 50
    assert answers[0] == answers[1]
