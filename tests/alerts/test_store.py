import random
import threading
from pathlib import Path

import pytest
import redis

from alerts.connection import StoreError, StoreUnavailableError, connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.store import AlertStore
from config.delivery import StoreSettings
from config.matchers import parse_matcher
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.dispatch import dispatch
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store


def test_a_change_becomes_state_history_and_one_pending_notification(store: AlertStore) -> None:
    one = change()
    assert store.apply([one]) == 1
    detail = store.get(one.fingerprint)
    assert detail is not None
    assert (detail.current, detail.history) == (one, [one])
    dispatch(store)
    detail = store.get(one.fingerprint)
    assert detail is not None
    assert [(note.changes, note.status, note.tries) for note in detail.notifications] == [
        ((one.change_id,), "pending", [])
    ]
    assert store.counts() == {"firing": 1, "resolved": 0, "pending": 1, "undelivered": 0}


def test_a_change_applied_again_has_no_effect(store: AlertStore) -> None:
    changes = [change(case_id=str(number)) for number in range(5)]
    assert store.apply(changes) == 5
    assert store.apply([*changes, *changes]) == 0
    assert store.counts()["pending"] == 5
    assert [record.changes for record in store.list_alerts()] == [1] * 5


def test_any_order_of_arrival_gives_the_same_state(client: "redis.Redis") -> None:
    changes = [
        change(),
        change(step="updated:2", at_us=START_US + MINUTE_US),
        change(step="updated:10", at_us=START_US + MINUTE_US),
        change(step="resolved", at_us=START_US + 2 * MINUTE_US),
        change(at_us=START_US + 5 * MINUTE_US, starts_at_us=START_US + 5 * MINUTE_US),
        change(step="updated:1", at_us=START_US + 6 * MINUTE_US, starts_at_us=START_US + 5 * MINUTE_US),
    ]
    rng = random.Random(4)
    for _ in range(20):
        store = fresh_store(client)
        for one in rng.sample(changes, len(changes)):
            store.apply([one])
        detail = store.get(changes[0].fingerprint)
        assert detail is not None
        assert detail.current == changes[-1]
        assert detail.history == changes


def test_a_step_counts_by_its_number_not_by_its_text(store: AlertStore) -> None:
    store.apply([change(step="updated:10"), change(step="updated:9")])
    assert store.list_alerts()[0].current.step == "updated:10"


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (["suspected", "retracted", "suspected:2", "confirmed:2"], "firing"),
        (["suspected", "moved", "suspected:2", "moved:2"], "resolved"),
        (["confirmed", "resolved", "reinstated:1"], "firing"),
        (["confirmed", "resolved", "reinstated:1", "corrected:2"], "resolved"),
        (["confirmed", "updated:2", "resolved", "retracted", "confirmed:2", "updated:2:2", "updated:10:2"], "firing"),
    ],
)
def test_steps_at_one_moment_count_in_the_order_in_which_they_happen(
    store: AlertStore, steps: list[str], status: str
) -> None:
    changes = [change(step=step) for step in steps]
    for one in random.Random(len(steps)).sample(changes, len(changes)):
        store.apply([one])
    detail = store.get(changes[0].fingerprint)
    assert detail is not None
    assert [one.step for one in detail.history] == steps
    assert (detail.current.step, detail.current.status) == (steps[-1], status)


def test_an_older_episode_that_fires_is_not_hidden_by_the_retraction_of_a_later_one(store: AlertStore) -> None:
    late, early = START_US + 10 * MINUTE_US, START_US + 5 * MINUTE_US
    now = START_US + 20 * MINUTE_US
    moved = change(at_us=now, starts_at_us=early)
    store.apply([change(at_us=late, starts_at_us=late), moved, change(step="retracted", at_us=now, starts_at_us=late)])
    assert store.list_alerts()[0].current == moved
    assert store.counts()["firing"] == 1


def test_alerts_are_found_by_status_and_matchers(store: AlertStore) -> None:
    store.apply(
        [change(service="pay"), change(service="web"), change(service="web", step="resolved"), change(case_id="7")]
    )

    def services(*matchers: str, status: object = None) -> set[str]:
        found = store.list_alerts(status=status, matchers=[parse_matcher(text) for text in matchers])  # type: ignore[arg-type]
        return {record.current.labels.get("service", "") for record in found}

    assert services() == {"pay", "web", ""}
    assert services(status="firing") == {"pay", ""}
    assert services(status="resolved") == {"web"}
    assert services('service="pay"') == {"pay"}
    assert services('service!="pay"') == {"web", ""}
    assert services('service=~"p.*|w"') == {"pay"}
    assert services('service!~"p.*"', "service!=") == {"web"}


def test_a_resolved_alert_expires_and_a_firing_one_does_not(client: "redis.Redis") -> None:
    store = fresh_store(client, retention="1m")
    store.apply([change(), change("Other"), change("Other", step="resolved")])
    firing, resolved = (store.keys.alert(record.current.fingerprint) for record in store.list_alerts(status=None))
    times = sorted(client.pttl(key) for key in (firing, resolved))
    assert times[0] == -1
    assert 0 < times[1] <= 60_000


def test_an_alert_that_fires_again_no_longer_expires(store: AlertStore, client: "redis.Redis") -> None:
    again = change(at_us=START_US + 9, starts_at_us=START_US + 9)
    store.apply([change(), change(step="resolved"), again])
    assert {client.pttl(key) for key in client.keys(f"{store.keys.prefix}*:{again.fingerprint}")} == {-1}


def test_a_script_that_the_server_has_forgotten_is_loaded_again(store: AlertStore, client: "redis.Redis") -> None:
    store.apply([change()])
    client.script_flush()
    assert store.apply([change("Other")]) == 1


def test_times_beyond_the_exact_range_of_doubles_stay_exact(store: AlertStore) -> None:
    far = 253_402_300_799_999_998  # in the year 9999
    store.apply([change(at_us=far + 1, starts_at_us=far, step="updated:1"), change(at_us=far, starts_at_us=far)])
    assert store.list_alerts()[0].current.at_us == far + 1


def test_an_unknown_or_malformed_fingerprint_is_nothing(store: AlertStore) -> None:
    assert store.get("0" * 16) is None
    assert store.get("*") is None


def test_a_redis_that_is_away_is_a_typed_error_without_its_address(tmp_path: Path) -> None:
    store = AlertStore(connect(f"unix://:hunter2@{tmp_path}/no.sock"), StoreSettings())
    with pytest.raises(StoreUnavailableError) as caught:
        store.apply([change()])
    assert "hunter2" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_an_address_that_cannot_be_read_is_not_repeated_in_the_error() -> None:
    with pytest.raises(StoreError) as caught:
        connect("http://:hunter2@localhost")
    assert "hunter2" not in str(caught.value)


def test_while_redis_is_away_apply_waits_and_then_loses_and_doubles_nothing(tmp_path: Path) -> None:
    first = EmbeddedRedis(tmp_path)
    client = connect(first.start(), timeout_s=PATIENCE_S)
    store = AlertStore(client, StoreSettings())
    store.apply([change(case_id="0")])
    first.close()
    waits: list[float] = []
    second = EmbeddedRedis(tmp_path)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 8:
            second.start()
        return False

    changes = [change(case_id=str(number)) for number in range(3)]
    assert store.apply_waiting(changes, wait=wait) == 2
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert store.counts()["pending"] == 3
    client.close()
    second.close()


def test_waiting_ends_with_the_error_when_the_program_stops(tmp_path: Path) -> None:
    store = AlertStore(connect(f"unix://{tmp_path}/no.sock"), StoreSettings())
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoreUnavailableError):
        store.apply_waiting([change()], wait=stop.wait)


def test_a_connection_lost_after_the_script_ran_and_before_the_answer_doubles_nothing(
    store: AlertStore, client: "redis.Redis"
) -> None:
    changes = [change(case_id=str(number)) for number in range(4)]
    real = store._scripts.run_many
    calls = []

    def lossy(name: str, arguments: list[tuple[str | int, ...]]) -> list[object]:
        answer = real(name, arguments)
        calls.append(name)
        if len(calls) == 1:
            msg = "gone"
            raise StoreUnavailableError(msg)
        return answer

    store._scripts.run_many = lossy  # type: ignore[method-assign,assignment]
    assert store.apply_waiting(changes, wait=lambda _s: False) == 0
    assert store.counts()["pending"] == 4
    assert len(calls) == 2


def test_every_script_is_one_that_redis_can_compile(client: "redis.Redis") -> None:
    scripts = [path for folder in ("alerts", "sinks") for path in Path(folder).glob("*.lua")]
    assert scripts
    for path in scripts:
        assert client.script_load(path.read_text(encoding="utf-8"))
