"""Alerts that others send: told once each, and ended when nobody says any more that they fire."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.model import order_key
from alerts.pushing import Given, Pushes, to_pushed
from alerts.response_model import Said
from alerts.responses import Responses
from alerts.store import AlertStore
from detectors.fingerprint import fingerprint
from tests.support.alerts import MINUTE_US, START_US

LABELS = {"alertname": "HighLoad", "instance": "a:9100"}
PRINT = fingerprint(LABELS)
TIMEOUT_US = 5 * MINUTE_US


@pytest.fixture
def pushes(store: AlertStore) -> Pushes:
    return Pushes(store, TIMEOUT_US)


def alert(starts_us: int | None = START_US, ends_us: int | None = None, **annotations: str) -> Given:
    return Given(labels=dict(LABELS), annotations=annotations, starts_us=starts_us, ends_us=ends_us)


def told(store: AlertStore) -> list[str]:
    detail = store.get(PRINT)
    return [] if detail is None else [change.step for change in detail.history]


def fires(store: AlertStore) -> bool:
    detail = store.get(PRINT)
    return detail is not None and detail.current.status == "firing"


def test_a_repeat_tells_nothing_and_lets_it_fire_longer(store: AlertStore, pushes: Pushes) -> None:
    for minute in range(0, 20, 4):
        pushes.put([alert(summary="busy")], START_US + minute * MINUTE_US)
        assert pushes.end_due(START_US + (minute + 4) * MINUTE_US) == 0
    assert told(store) == ["firing"]
    assert pushes.end_due(START_US + 21 * MINUTE_US) == 1
    assert told(store) == ["firing", "resolved"]
    detail = store.get(PRINT)
    assert detail is not None
    assert detail.current.ends_at_us == START_US + 21 * MINUTE_US
    assert pushes.end_due(START_US + 90 * MINUTE_US) == 0


def test_another_process_ends_what_was_taken_before_a_restart(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert()], START_US)
    again = Pushes(AlertStore(store.client, store.settings), 99 * MINUTE_US)
    assert again.end_due(START_US + TIMEOUT_US - 1) == 0
    assert again.end_due(START_US + TIMEOUT_US) == 1
    assert not fires(store)


def test_other_annotations_are_an_update(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert(summary="busy")], START_US)
    pushes.put([alert(summary="very busy")], START_US + 1)
    pushes.put([alert(summary="very busy")], START_US + 2)
    pushes.put([alert(summary="busy")], START_US + 3)
    assert told(store) == ["firing", "updated:1", "updated:2"]
    detail = store.get(PRINT)
    assert detail is not None
    assert detail.current.annotations == {"summary": "busy"}


def test_an_end_that_has_come_resolves_it_and_resolving_what_never_fired_does_nothing(
    store: AlertStore, pushes: Pushes
) -> None:
    pushes.put([alert(ends_us=START_US - 1)], START_US)
    assert told(store) == []
    pushes.put([alert()], START_US)
    for _ in range(2):
        pushes.put([alert(ends_us=START_US + 1)], START_US + MINUTE_US)
    assert told(store) == ["firing", "resolved"]
    assert store.client.zcard(store.keys.named("pushed:until")) == 0


def test_it_fires_anew_with_the_same_beginning_or_another(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert(), alert(ends_us=START_US + 1), alert()], START_US + MINUTE_US)
    assert told(store) == ["firing", "resolved", "firing:2"]
    assert fires(store)
    pushes.put([alert(ends_us=START_US + 2)], START_US + 2 * MINUTE_US)
    pushes.put([alert(starts_us=START_US + 3 * MINUTE_US)], START_US + 3 * MINUTE_US)
    assert told(store)[-2:] == ["resolved:2", "firing:3"]
    assert fires(store)


def test_what_has_lapsed_unseen_is_ended_before_it_fires_anew(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert()], START_US)
    later_us = START_US + 60 * MINUTE_US
    pushes.put([alert(starts_us=later_us)], later_us)
    assert told(store) == ["firing", "resolved", "firing:2"]
    detail = store.get(PRINT)
    assert detail is not None
    assert detail.history[1].ends_at_us == START_US + TIMEOUT_US
    assert detail.current.starts_at_us == later_us


def test_without_a_beginning_it_goes_on_from_the_one_that_is_known(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert(starts_us=None)], START_US)
    pushes.put([alert(starts_us=None)], START_US + MINUTE_US)
    assert told(store) == ["firing"]
    pushes.put([alert(starts_us=None, ends_us=START_US + 30 * MINUTE_US)], START_US + MINUTE_US)
    known = pushes.put([alert(starts_us=None)], START_US + 2 * MINUTE_US)[PRINT].pushed
    assert (known.starts_us, known.ends_us) == (START_US, START_US + 30 * MINUTE_US)  # a named end counts


def test_what_a_person_has_resolved_stays_so_while_it_is_repeated(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert()], START_US)
    Responses(store).resolve(PRINT, Said(id="1", by="ann", via="cli", at_us=START_US + 1))
    pushes.put([alert()], START_US + MINUTE_US)
    pushes.put([alert(summary="new words")], START_US + 2 * MINUTE_US)
    assert not fires(store)
    later_us = START_US + 60 * MINUTE_US
    pushes.put([alert(starts_us=later_us)], later_us)
    assert fires(store)


def test_a_record_that_was_forgotten_does_not_keep_it_from_firing(store: AlertStore, pushes: Pushes) -> None:
    for _ in range(4):
        pushes.put([alert(), alert(ends_us=START_US + 1)], START_US + 2)
        store.client.delete(store.keys.alert(PRINT))
    pushes.put([alert()], START_US + 2)
    assert fires(store)


def test_a_clock_that_is_set_back_does_not_lose_a_resolve(store: AlertStore, pushes: Pushes) -> None:
    pushes.put([alert()], START_US + MINUTE_US)
    pushes.put([alert(ends_us=START_US)], START_US + 1)
    assert not fires(store)


def test_two_who_send_the_same_at_once_are_one(store: AlertStore, pushes: Pushes) -> None:
    several = [Pushes(AlertStore(store.client, store.settings), TIMEOUT_US) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.put([alert(summary="busy")] * 3, START_US), several * 5))
    assert told(store) == ["firing"]


def test_empty_labels_are_none(store: AlertStore, pushes: Pushes) -> None:
    found = pushes.put([Given(labels={**LABELS, "zone": ""})], START_US)
    assert list(found) == [PRINT]


MOVES = st.lists(
    st.tuples(
        st.integers(0, 4 * MINUTE_US),
        st.one_of(st.none(), st.integers(-3 * MINUTE_US, MINUTE_US)),
        st.one_of(st.none(), st.integers(-3 * MINUTE_US, 8 * MINUTE_US)),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(moves=MOVES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_known_and_what_fires_agree_whatever_is_sent(store: AlertStore, moves: list[tuple]) -> None:  # type: ignore[type-arg]
    store.client.flushdb()
    pushes = Pushes(store, TIMEOUT_US)
    now_us = START_US
    for passed, starts, ends, summary, look in moves:
        now_us += passed
        if look:
            pushes.end_due(now_us)
        starts_us = None if starts is None else now_us + starts
        ends_us = None if ends is None else now_us + ends
        pushes.put([alert(starts_us, ends_us, summary=summary)], now_us)
        text = store.client.hget(store.keys.alert(PRINT), "pushed")
        known = None if text is None else to_pushed.decode(text)
        assert fires(store) is (known is not None and known.firing)
        waited = store.client.zscore(store.keys.named("pushed:until"), PRINT)
        assert (waited is not None) is fires(store)
        detail = store.get(PRINT)
        if detail is not None:
            assert known is not None
            if known.firing:
                assert detail.current.starts_at_us == known.starts_us
            for start_us in {change.starts_at_us for change in detail.history}:
                episode = [order_key(change) for change in detail.history if change.starts_at_us == start_us]
                assert episode == sorted(episode)
            assert (ends_us is None or ends_us > now_us) is fires(store) or known.ends_us > now_us
