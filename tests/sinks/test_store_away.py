import threading
from pathlib import Path

from prometheus_client import CollectorRegistry

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.store import AlertStore
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings, StoreSettings
from config.settings import Settings
from sinks.service import build_notifier
from tests.support.alerts import change
from tests.support.http import http_server
from tests.support.notifier import AT_ONCE, channel_settings
from tests.support.patience import PATIENCE_S, until


def test_a_redis_that_stops_and_comes_back_costs_neither_a_notification_nor_a_repeat(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    store = AlertStore(connect(first.start(), timeout_s=PATIENCE_S), StoreSettings())
    stop, pause = threading.Event(), threading.Event()
    looks = threading.Semaphore(0)
    alerts = [change(case_id=str(number)) for number in range(40)]
    with http_server() as server:
        notifier = build_notifier(
            store,
            Settings(
                channels=channel_settings({"web": {"type": "webhook", "url": server.url, "timeout": "30s"}}),
                receivers={"ops": ReceiverSettings.model_validate({"tiers": [{"channel": "web"}]})},
                route=RootRouteSettings.model_validate({"receiver": "ops", **AT_ONCE}),
                notifier=NotifierSettings.model_validate({"poll": "5ms", "lease": "4s"}),
            ),
            registry=CollectorRegistry(),
            wait=stop.wait,
        )
        thread = threading.Thread(target=notifier.run, args=(stop, looks.release))
        thread.start()
        store.apply(alerts[:20])
        first.close()  # while they are being delivered
        while looks.acquire(blocking=False):
            pass
        goes_on = looks.acquire(timeout=PATIENCE_S) and looks.acquire(timeout=PATIENCE_S)
        waits: list[float] = []

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            if len(waits) == 3:
                second.start()
            return pause.wait(seconds)

        store.apply_waiting(alerts[20:], wait=wait)
        until(lambda: store.counts()["pending"] == 0)
        stop.set()
        thread.join()
        notifier.close()
        keys = [request.headers["idempotency-key"] for request in server.requests]
    assert waits
    assert goes_on, "the notifier says that it lives while the store is away"
    assert len(keys) == len(set(keys)) == len(alerts)
    assert store.counts() == {"firing": 40, "resolved": 0, "pending": 0, "undelivered": 0}
    store.client.close()
    second.close()


def test_a_notifier_that_begins_while_redis_is_away_waits_and_goes_on(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    store = AlertStore(connect(server.url, timeout_s=PATIENCE_S), StoreSettings())
    stop, looks = threading.Event(), threading.Semaphore(0)
    with http_server() as far:
        notifier = build_notifier(
            store,
            Settings(
                channels=channel_settings({"web": {"type": "webhook", "url": far.url}}),
                receivers={"ops": ReceiverSettings.model_validate({"tiers": [{"channel": "web"}]})},
                route=RootRouteSettings.model_validate({"receiver": "ops", **AT_ONCE}),
                notifier=NotifierSettings.model_validate({"poll": "5ms"}),
            ),
            registry=CollectorRegistry(),
            wait=stop.wait,
        )
        thread = threading.Thread(target=notifier.run, args=(stop, looks.release))
        thread.start()
        lives = looks.acquire(timeout=PATIENCE_S) and looks.acquire(timeout=PATIENCE_S)
        server.start()
        store.apply([change()])
        until(lambda: store.counts()["pending"] == 0)
        stop.set()
        thread.join()
        notifier.close()
        assert len(far.requests) == 1
    assert lives
    store.client.close()
    server.close()
