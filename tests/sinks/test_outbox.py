import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alerts.store import AlertStore
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings
from config.settings import Settings
from sinks.outbox import LeaseLostError, Outbox
from sinks.progress import Progress
from sinks.service import build_notifier
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.dispatch import dispatch
from tests.support.http import Answer, http_server
from tests.support.notifier import AT_ONCE, Clock, channel_settings
from tests.support.patience import until

LEASE_US = 10_000_000
LASTING = {"deadline": "10m"}
"""Of a tier: a busy machine is no reason to give a try up."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(store: AlertStore, clock: Clock) -> Outbox:
    return Outbox(store, clock_us=clock)


def test_two_notifiers_do_not_get_the_same_notification(store: AlertStore, clock: Clock, outbox: Outbox) -> None:
    store.apply([change(case_id=str(number)) for number in range(6)])
    dispatch(store, clock)
    other = Outbox(store, clock_us=clock)
    mine = [claim.key for claim in outbox.claim(4, LEASE_US)]
    others = [claim.key for claim in other.claim(4, LEASE_US)]
    assert len(mine) == 4
    assert len(others) == 2
    assert not set(mine) & set(others)


def test_a_lease_that_ends_is_taken_over_and_its_first_holder_may_not_send(
    store: AlertStore, clock: Clock, outbox: Outbox
) -> None:
    store.apply([change()])
    dispatch(store, clock)
    (first,) = outbox.claim(1, LEASE_US)
    assert outbox.claim(1, LEASE_US) == []
    clock.forward(10)
    (second,) = outbox.claim(1, LEASE_US)
    assert second.key == first.key
    lates: list[Callable[[], None]] = [
        lambda: outbox.begin(first, LEASE_US, "x"),
        lambda: outbox.later(first, 1, Progress(), undelivered=False),
    ]
    for late in lates:
        with pytest.raises(LeaseLostError):
            late()
    outbox.begin(second, LEASE_US, "tier 1 (web)")


def test_beginning_a_send_holds_the_lease_until_it_must_be_over(
    store: AlertStore, clock: Clock, outbox: Outbox
) -> None:
    store.apply([change()])
    dispatch(store, clock)
    (claim,) = outbox.claim(1, LEASE_US)
    clock.forward(9)
    outbox.begin(claim, 2 * LEASE_US, "tier 1 (web)")
    clock.forward(19)
    assert outbox.claim(1, LEASE_US) == []
    clock.forward(1)
    assert outbox.claim(1, LEASE_US)[0].sending == "tier 1 (web)"


def test_only_the_first_of_a_line_can_be_claimed_in_order(store: AlertStore, clock: Clock, outbox: Outbox) -> None:
    names = ("suspected", "confirmed", "resolved")
    steps = [change(step=name, at_us=START_US + number) for number, name in enumerate(names)]
    for one in steps:
        store.apply([one])
        dispatch(store, clock)
    seen = []
    while claims := outbox.claim(5, LEASE_US):
        assert len(claims) == 1
        seen.append(claims[0].draft.alerts[0].step)
        outbox.finish(claims[0], "delivered", "")
    assert seen == ["suspected", "confirmed", "resolved"]


def test_a_line_that_waits_wakes_at_its_time_and_keeps_its_progress(
    store: AlertStore, clock: Clock, outbox: Outbox
) -> None:
    store.apply([change()])
    dispatch(store, clock)
    (claim,) = outbox.claim(1, LEASE_US)
    outbox.later(claim, 5_000_000, Progress(tier=1, causes=["why"]), undelivered=True)
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
    dispatch(store, clock)
    clock.forward(4.9)
    assert outbox.claim(1, LEASE_US) == []
    assert store.counts()["undelivered"] == 1
    clock.forward(0.1)
    (again,) = outbox.claim(1, LEASE_US)
    assert (again.draft.alerts[0].step, again.progress.tier, again.progress.causes) == ("firing", 1, ["why"])


def test_ending_a_notification_twice_has_no_effect(store: AlertStore, clock: Clock, outbox: Outbox) -> None:
    store.apply([change()])
    dispatch(store, clock)
    store.apply([change(step="resolved", at_us=START_US + 1)])
    dispatch(store, clock)
    (claim,) = outbox.claim(1, LEASE_US)
    outbox.finish(claim, "delivered", "")
    outbox.finish(claim, "delivered", "")
    assert store.counts()["pending"] == 1


def test_several_notifiers_at_work_send_each_notification_once(store: AlertStore, tmp_path: Path) -> None:
    alerts = [change(case_id=str(number)) for number in range(60)]
    stop = threading.Event()
    with http_server() as server:
        notifiers = [
            build_notifier(
                store,
                Settings(
                    channels=channel_settings({"web": {"type": "webhook", "url": server.url}}),
                    receivers={"ops": ReceiverSettings.model_validate({"tiers": [LASTING | {"channel": "web"}]})},
                    route=RootRouteSettings.model_validate({"receiver": "ops", **AT_ONCE}),
                    notifier=NotifierSettings.model_validate({"poll": "5ms", "lease": "10m"}),
                ),
                registry=CollectorRegistry(),
                wait=stop.wait,
            )
            for _ in range(3)
        ]
        threads = [threading.Thread(target=notifier.run, args=(stop,)) for notifier in notifiers]
        for thread in threads:
            thread.start()
        for one in alerts:
            store.apply([one])
        until(lambda: store.counts()["pending"] == 0)
        stop.set()
        for thread in threads:
            thread.join()
        for notifier in notifiers:
            notifier.close()
        keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(keys) == len(set(keys)) == len(alerts)


def test_a_channel_that_hangs_does_not_hold_up_the_others(store: AlertStore, tmp_path: Path) -> None:
    stop = threading.Event()
    slow = [change("Slow", case_id=str(number)) for number in range(20)]
    with http_server(Answer(hold=True)) as hanging, http_server() as server:
        entries: dict[str, dict[str, Any]] = {
            "hanging": {"type": "webhook", "url": hanging.url, "timeout": "5m", "max_concurrent": 2},
            "web": {"type": "webhook", "url": server.url},
        }
        notifier = build_notifier(
            store,
            Settings(
                channels=channel_settings(entries),
                receivers={
                    "slow": ReceiverSettings.model_validate({"tiers": [LASTING | {"channel": "hanging"}]}),
                    "ops": ReceiverSettings.model_validate({"tiers": [LASTING | {"channel": "web"}]}),
                },
                route=RootRouteSettings.model_validate(
                    {"receiver": "ops", **AT_ONCE, "routes": [{"matchers": ["alertname=Slow"], "receiver": "slow"}]}
                ),
                notifier=NotifierSettings.model_validate({"poll": "5ms", "workers": 4}),
            ),
            registry=CollectorRegistry(),
            wait=stop.wait,
        )
        thread = threading.Thread(target=notifier.run, args=(stop,))
        thread.start()
        store.apply(slow)
        store.apply([change(case_id=str(number)) for number in range(20)])
        until(lambda: len(server.requests) == 20)
        assert len(hanging.requests) <= 2
        stop.set()
        hanging._released.set()
        thread.join()
        notifier.close()


@pytest.mark.parametrize("back_s", [3, 3600, 86_400])
def test_a_clock_that_is_set_back_makes_nothing_wait_longer(
    store: AlertStore, clock: Clock, outbox: Outbox, back_s: int
) -> None:
    store.apply([change(case_id=str(number)) for number in range(2)])
    dispatch(store, clock)
    waits, dies = outbox.claim(2, LEASE_US)
    outbox.later(waits, 30_000_000, Progress(), undelivered=False)
    clock.forward(5)
    assert outbox.claim(5, LEASE_US) == []
    clock.forward(-back_s)
    assert outbox.claim(5, LEASE_US) == []
    clock.forward(5)
    assert [claim.key for claim in outbox.claim(5, LEASE_US)] == [dies.key], "its lease ends when it would have"
    clock.forward(19)
    assert waits.key not in {claim.key for claim in outbox.claim(5, LEASE_US)}
    clock.forward(1)
    assert waits.key in {claim.key for claim in outbox.claim(5, LEASE_US)}


def test_a_notifier_at_work_keeps_its_lease_when_the_clock_is_set_back(
    store: AlertStore, clock: Clock, outbox: Outbox
) -> None:
    store.apply([change()])
    dispatch(store, clock)
    (claim,) = outbox.claim(1, LEASE_US)
    clock.forward(-3600)
    outbox.begin(claim, LEASE_US, "tier 1 (web)")
    clock.forward(9)
    assert outbox.claim(1, LEASE_US) == []
    clock.forward(1)
    assert len(outbox.claim(1, LEASE_US)) == 1
