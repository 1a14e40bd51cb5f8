"""Closed cases that wait outside of lives: the same is told as when each of them begins a life."""

import random
from typing import Any

import pytest

from detectors import catalogue
from detectors.contract import DETECTORS, NEVER_US, Context, Delta, Progress
from detectors.events import EVENT_CLASSES, CaseData, Event, Profile, SocialData, SurveyData
from detectors.lives.alive import MOST_ASLEEP
from detectors.lives.chunks import read_piece, write_piece
from detectors.lives.facts import plain_steps
from detectors.lives.life import NO_USE, SEED
from detectors.lives.shard import LivesShard
from tests.detectors.lives.test_lives_asleep import _mood as mood
from tests.detectors.lives.test_lives_asleep import _time as time
from tests.detectors.sampling import HOUR_US, MINUTE_US, START_US

del catalogue  # imported so that every detector is registered
DAY_US = 24 * HOUR_US
SETTINGS: tuple[dict[str, Any], ...] = (
    {"window": "3d", "retention": "1d", "case_retention": "2d"},
    {"window": "1d", "retention": "2d"},
    {"window": "2d", "retention": "0s"},
    {"window": "20h", "retention": "20h"},
)


ANSWERS: tuple[dict[str, Any], ...] = (
    {"edit_window": "2d", "retention": "1d", "open_for": "3d"},
    {"edit_window": "6h", "retention": "1d", "remember": "2d"},
    {"edit_window": "1d", "retention": "0s", "open_for": "12h"},
)


def shard_of(
    settings: dict[str, Any], name: str = "residual_dissatisfaction", *, sleepless: bool = False
) -> LivesShard:
    """Return a shard; in one that is sleepless everything begins a life, which is looked at with each of its facts."""
    made = DETECTORS.settings(name).model_validate({"type": name, **settings})
    shard = DETECTORS.factory(name)(name, made, Context()).shard()  # type: ignore[union-attr]
    assert isinstance(shard, LivesShard)
    if sleepless:
        use_of = shard._life.use_of
        shard._life.use_of = lambda event: SEED if use_of(event) != NO_USE else NO_USE  # type: ignore[method-assign]
        shard._life.keeps_quiet = lambda facts, fact: False  # type: ignore[method-assign]
    return shard


def event(kind: str, number: int, at_us: int, data: Any, customer: str, **more: Any) -> Event:
    made: Event = EVENT_CLASSES[kind](  # type: ignore[call-arg, assignment]
        id=f"e{number}", source="test", subject=customer, time=time(at_us), time_us=at_us, data=data, **more
    )
    return made


def closed(number: int, at_us: int, customer: str = "c1", **data: Any) -> Event:
    return event("crm.case.closed", number, at_us, CaseData(**{"case_id": f"k{number}", **data}), customer)


def stream(rng: random.Random) -> list[Event]:
    """Return what is heard of some customers over weeks: closed cases nearly all, some of them twice; a few signs."""
    events = []
    at_us = START_US
    for number in range(700):
        at_us += rng.choice([0, 1, 50, 150]) * MINUTE_US
        customer = f"c{rng.randrange(25)}" if rng.random() < 0.95 else ""
        kind = rng.random()
        if kind < 0.05:
            data: Any = SurveyData(score=rng.choice([0.0, 8.0, 10.0]), scale="nps")
            events.append(event("survey.response", number, at_us, data, customer))
        elif kind < 0.08:
            events.append(event("social.post", number, at_us, SocialData(sentiment=mood(rng)), customer))
        else:
            step = rng.choice(["closed"] * 15 + ["resolved"] * 5 + ["opened", "reopened", "agent_reply", "cancelled"])
            case = CaseData(
                case_id=f"k{number // 2 if rng.random() < 0.9 else rng.randrange(number + 1)}",
                sentiment=mood(rng),
                labels=rng.choice([{}, {}, {"issue": "tv"}]),
            )
            more: dict[str, Any] = {"recordedtime": time(at_us)} if rng.random() < 0.03 else {}
            more |= {"rev": 1} if rng.random() < 0.03 else {}
            more |= {"profile": Profile("gold", tier="gold")} if rng.random() < 0.1 else {}
            events.append(event(f"crm.case.{step}", number, at_us, case, customer, **more))
    return events


def answers(rng: random.Random) -> list[Event]:
    """Return what is heard of some customers over weeks: answers, most of them good, edits of these, and replies."""
    events: list[Event] = []
    at_us = START_US
    for number in range(700):
        at_us += rng.choice([0, 1, 50, 150]) * MINUTE_US
        customer = f"c{rng.randrange(25)}" if rng.random() < 0.95 else ""
        more: dict[str, Any] = {"recordedtime": time(at_us)} if rng.random() < 0.03 else {}
        more |= {"profile": Profile("gold", tier="gold")} if rng.random() < 0.1 else {}
        case_id = f"k{rng.randrange(30)}"
        chance = rng.random()
        if chance < 0.05:
            events.append(event("crm.case.agent_reply", number, at_us, CaseData(case_id), customer, **more))
            continue
        # An edit has a revision, or an id of its own and that of the first answer as a label.
        edited = (
            rng.choice([one for one in events if one.type == "survey.response"] or [None]) if chance < 0.2 else None
        )
        data = SurveyData(
            score=rng.choice([10.0] * 9 + [8.0] * 5 + [3.0, None, 11.0]),
            scale=rng.choice(["nps"] * 20 + ["odd"]),
            case_id=rng.choice([None, case_id]),
            labels={"response": edited.id} if edited is not None and chance < 0.15 else {},
        )
        first = number
        if edited is not None and chance >= 0.15:
            first, customer, more = int(edited.id[1:]), edited.subject, {**more, "rev": number}
        events.append(event("survey.response", first, at_us, data, customer, **more))
    return events


@pytest.mark.parametrize("late_hours", [0, 30])
@pytest.mark.parametrize("settings", ANSWERS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_the_same_is_told_as_when_every_answer_begins_a_life(
    seed: int, settings: dict[str, Any], late_hours: int
) -> None:
    rng = random.Random(seed)
    settings = {**settings, "urgency": {"severity": "info", "not_below": "info"}}
    compare(rng, answers(rng), "negative_survey", settings, late_hours)


@pytest.mark.parametrize("late_hours", [0, 30])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_the_same_is_told_as_when_every_closed_case_begins_a_life(
    seed: int, settings: dict[str, Any], late_hours: int
) -> None:
    rng = random.Random(seed)
    compare(rng, stream(rng), "residual_dissatisfaction", settings, late_hours)


def compare(rng: random.Random, events: list[Event], name: str, settings: dict[str, Any], late_hours: int) -> None:
    """Give events to a shard and to one that is sleepless, with restarts."""
    lags = {one.id: rng.randrange((late_hours if rng.random() < 0.1 else 0) * HOUR_US + HOUR_US) for one in events}
    arrivals = sorted(events, key=lambda one: one.time_us + lags[one.id])
    alive, shard = shard_of(settings, name, sleepless=True), shard_of(settings, name)
    log: dict[str, bytes] = {}
    newest_us, told = START_US, 0
    restarts = rng.random() < 0.7
    while arrivals:
        size = rng.choice([1, 5, 40, 250])
        part, arrivals = arrivals[:size], arrivals[size:]
        newest_us = max(newest_us, *(one.time_us for one in part))
        progress = Progress(newest_us - HOUR_US, newest_us - HOUR_US)
        wanted, found = alive.update(part, progress), shard.update(part, progress)
        assert (found.changes, found.findings) == (wanted.changes, wanted.findings)
        told += len(found.changes)
        if rng.random() < 0.5:
            written(shard, log, shard.keys()[: rng.choice([0, 3])])
        if restarts and rng.random() < 0.3:
            delta = written(shard, log)
            shard = shard_of(settings, name)
            shard.rebuild(delta.head, rng.sample(list(log.values()), len(log)))
        elif restarts and rng.random() < 0.05:
            state = shard.snapshot()
            shard = shard_of(settings, name)
            shard.restore(state)
            log.clear()
            written(shard, log, shard.keys())
    end = Progress(newest_us + 60 * DAY_US, newest_us + 60 * DAY_US)
    wanted, found = alive.update([], end), shard.update([], end)
    assert (found.changes, found.findings) == (wanted.changes, wanted.findings)
    assert told > 2
    written(shard, log)
    shard.update([], end)
    assert (len(shard), shard.keys()) == (0, [])


def written(shard: LivesShard, log: dict[str, bytes], also: list[str] | None = None) -> Delta:
    """Write what has changed into a log."""
    delta = shard.delta(also or ())
    log.update(delta.images)
    for gone in delta.gone:
        log.pop(gone, None)
    assert log.keys() == set(shard.keys())
    return delta


def test_closed_cases_alone_begin_no_life_and_are_written_once() -> None:
    shard = shard_of({})
    images = []
    for part in range(5):
        events = [closed(number, START_US + number, f"c{number % 7}") for number in range(part * 30, part * 30 + 30)]
        shard.update(events, Progress(events[0].time_us, events[0].time_us))
        images += shard.delta().images
    assert not shard._kept.lives
    assert len({name for name, _ in images}) == len(images) == 5
    assert all(len(image) < 30 * 120 for _, image in images)


def test_a_bad_answer_finds_all_the_cases_that_were_closed_before() -> None:
    shard = shard_of({})
    for number in range(3):
        at_us = START_US + number * DAY_US
        shard.update([closed(number, at_us)], Progress(at_us, at_us))
        delta = shard.delta()
        assert len(delta.images) == 1
    answer = event("survey.response", 9, START_US + 4 * DAY_US, SurveyData(score=1.0, scale="nps", case_id="k1"), "c1")
    (fired,) = shard.update([answer], Progress(answer.time_us + 1, answer.time_us + 1)).changes
    assert fired.labels["case_id"] == "k1"
    (life,) = shard._kept.lives.values()
    assert [fact.case_id for fact in life.facts] == ["k0", "k1", "k2", "k1"]


def test_what_nobody_asked_for_is_found_after_the_snapshot_that_has_it() -> None:
    shard = shard_of({})
    post = event("social.post", 0, START_US, SocialData(sentiment=-0.9), "c1")
    some = [closed(number, START_US + number, f"d{number}") for number in range(100)]
    shard.update([*some, post], Progress(START_US, START_US))
    many = [closed(number, START_US + number, f"c{number}") for number in range(2, 300)]
    shard.update(many, Progress(START_US, START_US))
    shard.delta()
    post = event("social.post", 999, START_US + HOUR_US, SocialData(sentiment=-0.9), "c7")
    (fired,) = shard.update([post], Progress(post.time_us + 1, post.time_us + 1)).changes
    assert fired.labels["case_id"] == "k7"


def test_a_case_that_is_closed_twice_counts_from_the_first_time() -> None:
    told = []
    for sleepless in (False, True):
        shard = shard_of({"window": "3d", "retention": "1d"}, sleepless=sleepless)
        hours = {0: closed(1, START_US), 31: closed(2, START_US + 31 * HOUR_US)}
        hours[48] = closed(3, START_US + 48 * HOUR_US, case_id="k1")
        hours[108] = event("social.post", 4, START_US + 108 * HOUR_US, SocialData(sentiment=-0.9), "c1")
        for hour in range(110):
            now = Progress(START_US + hour * HOUR_US, START_US + hour * HOUR_US)
            told += shard.update([hours[hour]] if hour in hours else [], now).changes
    assert not told


def test_of_a_customer_with_very_many_closed_cases_a_life_is_made() -> None:
    shard, alive = shard_of({}), shard_of({}, sleepless=True)
    for number in range(4 * MOST_ASLEEP):
        at_us = START_US + number * MINUTE_US
        known = Progress(at_us, at_us)
        for one in (shard, alive):
            one.update([closed(number, at_us, "shop"), closed(1000 + number, at_us, f"c{number}")], known)
    post = event("social.post", 9, at_us + 1, SocialData(sentiment=-0.9), "shop")
    said = [one.update([post], Progress(at_us + 2, at_us + 2)).changes for one in (shard, alive)]
    assert said[0] == said[1]
    assert len(said[0]) == 1
    assert list(shard._kept.lives) == ["shop"]


def test_a_customer_of_whom_nothing_more_is_heard_is_forgotten_after_the_window() -> None:
    shard = shard_of({"window": "3d", "retention": "1d"})
    shard.update([closed(1, START_US), closed(2, START_US + DAY_US, "c2")], Progress(START_US, START_US))
    shard.delta()
    shard.update([], Progress(START_US + 3 * DAY_US + 1, START_US + 3 * DAY_US + 1))
    assert shard.counts == {"closed": 1}
    late = event("social.post", 3, START_US + 3 * DAY_US, SocialData(sentiment=-0.9), "c1")
    assert not shard.update([late], Progress(START_US, START_US)).changes
    assert shard.counts == {"closed": 1, "late": 1}


def test_what_is_written_of_a_step_is_the_fact_of_it() -> None:
    read = shard_of({})._life.read
    steps = [one for one in stream(random.Random(5)) if one.type.startswith("crm.case.")]
    steps += [
        closed(1, START_US, text="so  bad", deadline=time(START_US)),
        closed(2, START_US, status="kept", priority="high", queue="q", service="tv", region="north", channel="web"),
        closed(3, START_US, to="x", reason="y", sentiment=1),
    ]
    plain, others = plain_steps(map(customer_key_of, steps), steps)
    written = write_piece((plain, [(key, read(one)) for key, one in others]))
    found = {(key, fact) for key, fact in read_piece(written).facts()}
    assert found == {(customer_key_of(one), read(one)) for one in steps}
    assert len(plain) > len(others) > 50


def customer_key_of(one: Event) -> str:
    return one.subject or "nobody"


def test_what_came_before_there_was_a_watermark_is_looked_at_when_it_ceases_to_count() -> None:
    never = Progress(NEVER_US, NEVER_US)
    told: list[list[str]] = []
    for restarts in (False, True):
        shard = shard_of({"window": "1d", "retention": "0s"})
        shard.update([closed(0, START_US, "k", case_id="kx")], never)
        shard.update([closed(n, START_US + HOUR_US, f"c{n}") for n in range(1, 101)], never)
        shard.update([closed(101, START_US + 21 * HOUR_US, "k", case_id="kx")], never)
        for hour in range(22, 31):
            shard.update([], Progress(START_US + hour * HOUR_US, START_US + hour * HOUR_US))
        if restarts:
            delta = shard.delta(shard.keys())
            shard = shard_of({"window": "1d", "retention": "0s"})
            shard.rebuild(delta.head, [image for _, image in delta.images])
        bad = event("survey.response", 102, START_US + 40 * HOUR_US, SurveyData(score=0.0, scale="nps"), "k")
        later_us = START_US + 41 * HOUR_US
        told.append([change.step for change in shard.update([bad], Progress(later_us, later_us)).changes])
        end_us = START_US + 10 * DAY_US
        shard.update([], Progress(end_us, end_us))
        assert shard._kept.dormant.index() == {}
    assert told == [[], []]


def test_what_begins_ahead_of_the_watermark_hides_nothing_that_comes_after_it() -> None:
    told: list[list[str]] = []
    for restarts in (False, True):
        shard = shard_of({"window": "1d", "retention": "0s"})
        hour, tenth = HOUR_US, 10 * MINUTE_US

        def at(us: int, *events: Event, shard: LivesShard = shard) -> list[str]:
            return [one.step for one in shard.update(events, Progress(START_US + us, START_US + us)).changes]

        at(0, closed(1, START_US, "first"))
        at(24 * hour + tenth, closed(2, START_US + 24 * hour + 2 * tenth, "ahead"))
        at(24 * hour + tenth, closed(3, START_US + 24 * hour + tenth + tenth // 2, "k", case_id="kx"))
        at(45 * hour, closed(4, START_US + 45 * hour, "k", case_id="kx"))
        for passed in range(46, 55):
            at(passed * hour)
        if restarts:
            delta = shard.delta(shard.keys())
            shard = shard_of({"window": "1d", "retention": "0s"})
            shard.rebuild(delta.head, [image for _, image in delta.images])
        bad = event("survey.response", 5, START_US + 64 * hour, SurveyData(score=0.0, scale="nps"), "k")
        told.append(at(65 * hour, bad, shard=shard))
    assert told == [[], []]


def test_a_late_sign_finds_a_beginning_that_comes_after_it_in_the_same_update() -> None:
    sign = event("social.post", 1, START_US, SocialData(sentiment=-0.9), "k")
    before = closed(2, START_US - MINUTE_US, "k")
    told = []
    for events in ([sign, before], [before, sign]):
        shard = shard_of({})
        shard.update([], Progress(START_US + HOUR_US, START_US + HOUR_US))
        told.append(
            [one.step for one in shard.update(events, Progress(START_US + HOUR_US, START_US + HOUR_US)).changes]
        )
    assert told == [["firing"], ["firing"]]
