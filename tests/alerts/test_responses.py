"""What people say about alerts, over a real Redis."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest
import redis

from alerts.connection import StoreUnavailableError, connect
from alerts.response_model import Kind
from alerts.responses import Answer, ResponseError, Responses, Said
from alerts.store import AlertStore
from config.delivery import StoreSettings
from config.responses import ResponseSettings
from detectors.contract import AlertChange
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store

FIRST = change()
PRINT = FIRST.fingerprint
NEXT_US = START_US + 60 * MINUTE_US


def said(id_: str = "r1", *, by: str = "ann", at_us: int = START_US + MINUTE_US, episode_us: int | None = None) -> Said:
    return Said(id=id_, by=by, via="cli", at_us=at_us, episode_us=episode_us)


@pytest.fixture
def responses(store: AlertStore) -> Responses:
    store.apply([FIRST])
    return Responses(store)


def acknowledged(responses: Responses, now_us: int = START_US + 2 * MINUTE_US) -> bool:
    standing = responses.of(PRINT)
    assert standing is not None
    told = responses.acknowledgements([standing.current]).get(PRINT)
    assert told == standing.acknowledgement
    return standing.acknowledged(now_us)


def test_an_acknowledgement_says_who_when_and_by_which_way(responses: Responses) -> None:
    answer = responses.acknowledge(PRINT, said(), text="looking at it")
    assert (answer.result, answer.current) == ("done", FIRST)
    standing = responses.of(PRINT)
    assert standing is not None
    (kept,) = standing.responses
    assert kept == answer.response
    assert (kept.number, kept.kind, kept.by, kept.via, kept.at_us) == (1, "acknowledge", "ann", "cli", said().at_us)
    assert (kept.text, kept.episode_us) == ("looking at it", START_US)
    assert acknowledged(responses)


def test_an_acknowledgement_with_an_end_lapses_by_itself(responses: Responses) -> None:
    until_us = START_US + 30 * MINUTE_US
    responses.acknowledge(PRINT, said(), until_us=until_us)
    assert acknowledged(responses, until_us - 1)
    assert not acknowledged(responses, until_us)


def test_an_acknowledgement_holds_as_long_as_the_settings_say_unless_somebody_says(store: AlertStore) -> None:
    store.apply([FIRST])
    responses = Responses(store, ResponseSettings.model_validate({"acknowledged_for": "1h"}))
    (one, other) = (responses.acknowledge(PRINT, said("a")), responses.acknowledge(PRINT, said("b"), until_us=NEXT_US))
    assert [None if told.response is None else told.response.until_us for told in (one, other)] == [
        said().at_us + 60 * MINUTE_US,
        NEXT_US,
    ]


def test_an_acknowledgement_can_be_taken_back(responses: Responses) -> None:
    responses.acknowledge(PRINT, said("a"))
    assert responses.unacknowledge(PRINT, said("b", by="bob")).result == "done"
    assert not acknowledged(responses)
    assert responses.unacknowledge(PRINT, said("c")).result == "not_acknowledged"


def test_a_new_episode_is_unacknowledged(store: AlertStore, responses: Responses) -> None:
    responses.acknowledge(PRINT, said())
    store.apply([change(step="resolved", at_us=START_US + 5 * MINUTE_US)])
    assert not acknowledged(responses)
    store.apply([change(at_us=NEXT_US, starts_at_us=NEXT_US)])
    assert not acknowledged(responses)


def test_an_update_of_the_episode_leaves_it_acknowledged(store: AlertStore, responses: Responses) -> None:
    responses.acknowledge(PRINT, said())
    store.apply([change(step="updated:1", at_us=START_US + 3 * MINUTE_US)])
    assert acknowledged(responses)


def test_the_same_response_again_has_no_effect_and_answers_what_was_kept(responses: Responses) -> None:
    first = responses.acknowledge(PRINT, said())
    responses.unacknowledge(PRINT, said("r2"))
    again = responses.acknowledge(PRINT, said(by="bob"))
    assert (again.result, again.response) == ("repeated", first.response)
    assert not acknowledged(responses)


def test_what_was_said_of_an_episode_is_not_taken_for_a_later_one(store: AlertStore, responses: Responses) -> None:
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US), change(at_us=NEXT_US, starts_at_us=NEXT_US)])
    for act in (responses.acknowledge, responses.resolve):
        assert act(PRINT, said(episode_us=START_US)).result == "another_episode"
    assert responses.acknowledge(PRINT, said(episode_us=NEXT_US)).result == "done"


def test_there_is_nothing_to_acknowledge_or_resolve_once_it_has_resolved(
    store: AlertStore, responses: Responses
) -> None:
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
    assert responses.acknowledge(PRINT, said("a")).result == "resolved"
    assert responses.resolve(PRINT, said("b")).result == "resolved"
    assert responses.comment(PRINT, said("c"), "it was the load balancer").result == "done"
    standing = responses.of(PRINT)
    assert standing is not None
    assert [one.kind for one in standing.responses] == ["comment"]


def test_an_alert_that_there_is_not_is_unknown(responses: Responses) -> None:
    for kind in get_args(Kind):
        answer = responses.respond("0" * 16, kind, said(), to="x", text="x")
        assert (answer.result, answer.response, answer.current) == ("unknown", None, None)
    assert responses.of("0" * 16) is None


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda them: them.acknowledge(PRINT, said(by=" ")), "who responds"),
        (lambda them: them.acknowledge(PRINT, said(), until_us=said().at_us), "later time"),
        (lambda them: them.acknowledge(PRINT, said("")), "needs an id"),
        (lambda them: them.comment(PRINT, said(), " "), "needs a text"),
        (lambda them: them.comment(PRINT, said(), "x" * 5000), "at most 4000"),
        (lambda them: them.reassign(PRINT, said(), ""), "to whom"),
    ],
)
def test_a_response_that_nobody_can_have_given_is_refused(
    act: Callable[[Responses], Answer], why: str, responses: Responses
) -> None:
    with pytest.raises(ResponseError, match=why):
        act(responses)


def test_the_last_reassignment_of_the_episode_counts(store: AlertStore, responses: Responses) -> None:
    responses.reassign(PRINT, said("a"), "bob")
    responses.reassign(PRINT, said("b"), "payments-primary")
    standing = responses.of(PRINT)
    assert standing is not None
    assert standing.assignment is not None
    assert standing.assignment.to == "payments-primary"
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US), change(at_us=NEXT_US, starts_at_us=NEXT_US)])
    later = responses.of(PRINT)
    assert later is not None
    assert later.assignment is None


def test_resolved_by_hand_is_a_change_of_the_alert_that_is_told(store: AlertStore, responses: Responses) -> None:
    answer = responses.resolve(PRINT, said(), text="deployed a fix")
    assert answer.result == "done"
    detail = store.get(PRINT)
    assert detail is not None
    assert detail.current == answer.current
    assert (detail.current.status, detail.current.step) == ("resolved", "closed")
    assert detail.current.ends_at_us == said().at_us
    assert detail.current.annotations["reason"] == "Resolved by ann. deployed a fix"
    assert [one.step for one in detail.history] == ["firing", "closed"]
    assert store.counts()["pending"] == 2


LATER = [
    change(step="updated:1", at_us=START_US + 9 * MINUTE_US),
    change(step="confirmed", at_us=START_US),
    change(step="resolved", at_us=START_US + 9 * MINUTE_US),
    change(step="reinstated:1", at_us=START_US + 10 * MINUTE_US),
]


@pytest.mark.parametrize("before", range(len(LATER) + 1))
def test_an_episode_resolved_by_hand_is_not_revived_by_its_detector(
    before: int, store: AlertStore, responses: Responses
) -> None:
    known = LATER[:before]
    store.apply(known)
    if known and known[-1].step == "resolved":
        assert responses.resolve(PRINT, said()).result == "resolved"
        return
    assert responses.resolve(PRINT, said()).result == "done"
    for one in LATER[before:]:
        store.apply([one])
        assert store.list_alerts()[0].current.step == "closed"
    again = change(at_us=NEXT_US, starts_at_us=NEXT_US)
    store.apply([again])
    assert store.list_alerts(status="firing")[0].current == again


def test_a_new_episode_fires_though_its_events_are_older_than_the_hand_that_resolved(
    store: AlertStore, responses: Responses
) -> None:
    responses.resolve(PRINT, said(at_us=START_US + 30 * MINUTE_US))
    late = change(at_us=START_US + 20 * MINUTE_US, starts_at_us=START_US + 20 * MINUTE_US)
    store.apply([late])
    assert store.list_alerts()[0].current == late


def test_resolving_twice_is_one_change(store: AlertStore, responses: Responses) -> None:
    assert responses.resolve(PRINT, said("a")).result == "done"
    assert responses.resolve(PRINT, said("a")).result == "repeated"
    assert responses.resolve(PRINT, said("b")).result == "resolved"
    assert store.list_alerts()[0].changes == 2


@pytest.mark.parametrize("kind", ["acknowledge", "unacknowledge", "resolve", "comment", "reassign"])
def test_every_response_wakes_the_groups_of_the_alert_at_once(
    kind: Kind, store: AlertStore, responses: Responses, client: "redis.Redis"
) -> None:
    due = store.keys.named("groups:due")
    responses.acknowledge(PRINT, said("before"))
    client.sadd(store.keys.named(f"groups_of:{PRINT}"), "g1", "g2")
    client.zadd(due, {"g1": (START_US + 99 * MINUTE_US) // 1000, "other": 5})
    with client.pubsub() as listening:  # type: ignore[no-untyped-call]
        listening.subscribe(store.keys.named("wake"))
        assert listening.get_message(timeout=PATIENCE_S) is not None
        assert responses.respond(PRINT, kind, said(), to="bob", text="x").result == "done"
        assert listening.get_message(timeout=PATIENCE_S) is not None
    now_ms = said().at_us // 1000
    scores: Any = client.zrange(due, 0, -1, withscores=True)
    assert dict(scores) == {"g1": now_ms, "g2": now_ms, "other": 5}


def test_a_clock_that_is_ahead_does_not_make_the_groups_wait(
    store: AlertStore, responses: Responses, client: "redis.Redis"
) -> None:
    client.sadd(store.keys.named(f"groups_of:{PRINT}"), "g1")
    responses.acknowledge(PRINT, said(at_us=253_402_300_799_999_999))
    seconds, _ = client.time()
    score = client.zscore(store.keys.named("groups:due"), "g1")
    assert score is not None
    assert score <= (seconds + 60) * 1000


def test_the_groups_are_woken_when_an_acknowledgement_lapses(
    store: AlertStore, responses: Responses, client: "redis.Redis"
) -> None:
    until_us = START_US + 30 * MINUTE_US
    responses.acknowledge(PRINT, said(), until_us=until_us)
    client.sadd(store.keys.named(f"groups_of:{PRINT}"), "g1")
    assert responses.lapse(until_us - 1000) == 0
    assert client.zcard(store.keys.named("groups:due")) == 0
    assert responses.lapse(until_us) == 1
    assert client.zscore(store.keys.named("groups:due"), "g1") == until_us // 1000
    assert responses.lapse(until_us) == 0


@pytest.mark.parametrize("kind", ["unacknowledge", "resolve", "acknowledge"])
def test_nothing_lapses_that_was_taken_back_or_prolonged(kind: Kind, responses: Responses) -> None:
    responses.acknowledge(PRINT, said("a"), until_us=START_US + 30 * MINUTE_US)
    responses.respond(PRINT, kind, said("b"))
    assert responses.lapse(START_US + 90 * MINUTE_US) == 0


def test_responses_expire_with_their_alert_and_not_before(client: "redis.Redis") -> None:
    store = fresh_store(client, retention="1m")
    responses = Responses(store)
    store.apply([FIRST])
    responses.comment(PRINT, said("a"), "hm")
    key = store.keys.named(f"responses:{PRINT}")
    assert client.pttl(key) == -1
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
    assert 0 < client.pttl(key) <= 60_000
    responses.comment(PRINT, said("b"), "it was the cable")
    assert 0 < client.pttl(key) <= 60_000
    store.apply([change(at_us=NEXT_US, starts_at_us=NEXT_US)])
    assert client.pttl(key) == -1


def test_times_and_texts_come_back_exactly(store: AlertStore) -> None:
    far = 253_402_300_799_999_997
    odd = change(at_us=far, starts_at_us=far, summary='he said "starts_at_us":5|"x" \u2028 \N{GRINNING FACE}')
    store.apply([odd])
    responses = Responses(store)
    text = 'a|b|"starts_at_us":7 \N{GRINNING FACE}'
    responses.comment(odd.fingerprint, said("1|2:x", by="J|ö", at_us=far), text)
    standing = responses.of(odd.fingerprint)
    assert standing is not None
    (kept,) = standing.responses
    assert (kept.id, kept.by, kept.text, kept.at_us, kept.episode_us) == ("1|2:x", "J|ö", text, far, far)


def test_a_redis_that_is_away_is_a_typed_error(tmp_path: object) -> None:
    responses = Responses(AlertStore(connect(f"unix://{tmp_path}/no.sock"), StoreSettings()))
    kinds: list[Kind] = ["acknowledge", "resolve"]
    for kind in kinds:
        with pytest.raises(StoreUnavailableError):
            responses.respond(PRINT, kind, said())


def test_many_at_once_leave_one_order_without_gaps_and_every_id_once(
    redis_url: str, store: AlertStore, responses: Responses
) -> None:
    people, rounds = 6, 12
    kinds: list[Kind] = ["acknowledge", "unacknowledge", "comment", "reassign"]
    results: list[Answer] = []

    def respond(person: int) -> None:
        client = connect(redis_url, timeout_s=PATIENCE_S)
        mine = Responses(AlertStore(client, store.settings))
        for number in range(rounds):
            kind = kinds[(person + number) % len(kinds)]
            shared = f"{kind}-{number}"  # several give the same one: a link that is clicked by two
            results.append(mine.respond(PRINT, kind, said(shared, by=f"p{person}"), to="bob", text="x"))
        client.close()

    run([partial(respond, person) for person in range(people)])
    standing = responses.of(PRINT)
    assert standing is not None
    kept = standing.responses
    assert [one.number for one in kept] == list(range(1, len(kept) + 1))
    assert len({one.id for one in kept}) == len(kept) == sum(1 for one in results if one.result == "done")
    for one in results:
        assert one.result in {"done", "repeated", "not_acknowledged"}
        assert one.response is None or one.response == kept[one.response.number - 1]
    # What holds is what the last of them says, as a person reads the list.
    last = [one.kind for one in kept if one.kind in {"acknowledge", "unacknowledge"}][-1:]
    assert acknowledged(responses) == (last == ["acknowledge"])


def test_of_many_who_resolve_one_does_and_no_update_revives_it(
    redis_url: str, store: AlertStore, responses: Responses
) -> None:
    answers: list[Answer] = []

    def resolve(person: int) -> None:
        client = connect(redis_url, timeout_s=PATIENCE_S)
        answers.append(Responses(AlertStore(client, store.settings)).resolve(PRINT, said(f"r{person}")))
        client.close()

    def detect() -> None:
        client = connect(redis_url, timeout_s=PATIENCE_S)
        mine = AlertStore(client, store.settings)
        for number in range(1, 60):
            mine.apply([change(step=f"updated:{number}", at_us=START_US + number)])
        client.close()

    run([*[partial(resolve, person) for person in range(5)], detect])
    assert sorted(one.result for one in answers) == ["done"] + ["resolved"] * 4
    detail = store.get(PRINT)
    assert detail is not None
    assert (detail.current.status, detail.current.step) == ("resolved", "closed")
    assert len(detail.history) == 61


def run(jobs: list[Callable[[], None]]) -> None:
    """Run all at once."""
    failed: list[BaseException] = []
    barrier = threading.Barrier(len(jobs))

    def one(job: Callable[[], None]) -> None:
        barrier.wait()
        try:
            job()
        except BaseException as error:  # told by the main thread
            failed.append(error)

    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_change_that_closes_is_the_same_for_the_same_episode(responses: Responses) -> None:
    one: AlertChange | None = responses.resolve(PRINT, said()).current
    assert one is not None
    assert one.at_us == FIRST.at_us
    assert one.starts_at_us == FIRST.starts_at_us
