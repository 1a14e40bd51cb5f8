import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from config.callbacks import CallbackSettings
from sinks.outbox import Outbox
from sinks.stages.transport import Step
from sinks.twilio_status import receipt_of
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.dispatch import dispatch
from tests.support.forked import CONTEXT
from tests.support.http import Answer, http_server
from tests.support.killed_notifier import main
from tests.support.patience import PATIENCE_S
from tests.support.receipts import BEN, sms
from tests.support.twilio import TOKEN, fake_twilio


class Runs:
    """Starts notifiers on one outbox, one after the other, and counts what the far side gets.

    Leases and tries have more time than a busy machine can take from them; those of one that was killed end at once.
    """

    def __init__(self, store: AlertStore, url: str, channels: dict[str, Any]) -> None:
        self.store = store
        tiers = [{"channel": name, "first_wait": "1ms", "deadline": "10m"} for name in channels]
        patient = {name: {"timeout": "5m", **channel} for name, channel in channels.items()}
        self.order = {"url": url, "prefix": store.settings.prefix, "channels": patient, "tiers": tiers, "lease": "10m"}

    def run(self, step: str = "", skip: int = 0, **more: Any) -> int:
        # A fork of a server that has imported everything already, and runs no threads: a new process in milliseconds.
        process = CONTEXT.Process(target=main, args=({**self.order, **more, "step": step, "skip": skip},))
        process.start()
        process.join(PATIENCE_S)
        assert process.exitcode in {0, -signal.SIGKILL}
        if process.exitcode:
            self._end_leases()
        return process.exitcode

    def _end_leases(self) -> None:
        client: Any = self.store.client
        for name in map(self.store.keys.named, ("leased", "groups:leased")):
            for held in client.zrange(name, 0, -1):
                client.zadd(name, {held: 1})


SENDING = frozenset(Step) - {Step.LOOKED, Step.ROUTED, Step.DECIDED, Step.WRITTEN}


@pytest.mark.parametrize("step", list(Step))
def test_a_notifier_killed_at_any_step_loses_nothing_and_repeats_only_what_it_could_not_record(
    step: Step, store: AlertStore, redis_url: str
) -> None:
    alerts = [change(), change("Other"), change(step="resolved", at_us=START_US + MINUTE_US)]
    with http_server() as server:
        runs = Runs(store, redis_url, {"web": {"type": "webhook", "url": server.url}})
        store.apply(alerts[:2])
        if step in SENDING:
            dispatch(store)
        store.apply(alerts[2:])
        assert runs.run(step, skip=1 if step in SENDING else 0) == -signal.SIGKILL
        assert runs.run() == 0
        keys = Counter(request.headers["idempotency-key"] for request in server.requests)
        order = [r.json["status"] for r in server.requests if r.json["commonLabels"]["alertname"] == "SlaBreach"]
        texts = [request.json["text"] for request in server.requests]
    # What had resolved before it was decided of, was told once, as over.
    expected = len(alerts) if step in SENDING else 2
    assert len(keys) == expected
    # Only a death between the send and its record repeats, and the repeat has the same key and says so.
    assert sum(keys.values()) == expected + (1 if step == Step.SENT else 0)
    said = sum("It may have reached you already" in text for text in texts)
    assert said == (1 if step in {Step.SENDING, Step.SENT} else 0)
    assert sorted(order, key=["firing", "resolved"].index) == order
    assert store.counts()["pending"] == 0
    statuses = [note.status for record in store.list_alerts() for note in _notes(store, record.current.fingerprint)]
    assert statuses == ["delivered"] * expected


@pytest.mark.parametrize("step", [Step.SENT, Step.RECORDED])
def test_a_notifier_killed_between_the_acceptance_of_a_message_and_its_receipt_goes_by_the_receipt(
    step: Step, store: AlertStore, redis_url: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    told = CallbackSettings(listen="127.0.0.1:0", public_url="https://alerts.example.com")
    with fake_twilio() as twilio, http_server() as server:
        phone = {**sms(twilio), "auth_token": {"file": str(token)}}
        runs = Runs(store, redis_url, {"sms": phone, "web": {"type": "webhook", "url": server.url}})
        store.apply([change()])
        assert runs.run(step, callbacks=told) == -signal.SIGKILL
        assert len(twilio.sent) == 1, "it has taken the message"
        (note,) = _notes(store, change().fingerprint)
        one = receipt_of("sms", BEN, "SM" + f"{1:032x}", "delivered", None, time.time_ns() // 1000, "callback")
        assert Outbox(store).receipt(one, note.key) == "taken"
        assert runs.run(callbacks=told) == 0
        assert (len(twilio.sent), len(server.requests)) == (1, 0), "nobody is told twice"
    (note,) = _notes(store, change().fingerprint)
    assert note.status == "delivered"
    assert note.note == "by tier 1 (sms)"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_notifiers_killed_at_random_lose_nothing(store: AlertStore, redis_url: str) -> None:
    seed = 20150221
    rng = random.Random(seed)
    alerts = [change(case_id=str(number)) for number in range(150)]
    kills = 0
    with http_server(Answer(200)) as server:
        runs = Runs(store, redis_url, {"web": {"type": "webhook", "url": server.url}})
        for one in alerts:
            store.apply([one])
            kills += runs.run(str(rng.choice(list(Step))), skip=rng.randrange(4)) == -signal.SIGKILL
        assert runs.run() == 0
        assert store.counts()["pending"] == 0
        keys = Counter(request.headers["idempotency-key"] for request in server.requests)
    assert kills > 50
    assert len(keys) == len(alerts), f"seed {seed}"
    assert sum(keys.values()) - len(keys) <= kills


def _notes(store: AlertStore, fingerprint: str) -> list[Any]:
    detail = store.get(fingerprint)
    return [] if detail is None else detail.notifications
