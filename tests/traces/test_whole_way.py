"""The real flow and the real notifier, a real Redis, a real collector: one alert, one trace."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from alerts.model import AlertRecord
from alerts.store import AlertStore
from config.matchers import parse_matcher
from config.settings import Settings
from pipeline.assembly import load_settings
from pipeline.run import run_flow
from pipeline.stopping import Drain
from sinks.service import run_notifier
from tests.support.events import HOUR_US, MINUTE_US, START_US, raw_event
from tests.support.http import Answer, http_server
from tests.support.otlp import Collector, Seen, collector, named, tree
from tests.support.patience import until
from tests.support.redis import fresh_store, redis_client, redis_server
from tests.support.traces import opened

OPENED_US = START_US + 8 * HOUR_US
DUE_US = OPENED_US + HOUR_US
SECRETS = ("canary-collector-key", "canary-webhook-path", "canary-customer", "canary-far-side", "canary-text")
SETTINGS = """
time: {{lateness: 10m, idle_after: 30m}}
feeds:
  crm: {{type: file, path: crm.jsonl, format: jsonl, follow: true}}
detectors:
  sla_breach:
    type: sla_breach
    annotations: {{runbook: canary-text}}
    promises:
      - {{name: first_reply, kind: first_reply, target: 60, unit: minutes, at_risk: []}}
channels:
  hook: {{type: webhook, url_secret: {{env: HOOK_URL}}, timeout: 5m}}
  file: {{type: file, path: told.jsonl}}
receivers:
  ops: {{tiers: [{{channel: hook, deadline: 10m}}, {{channel: file, deadline: 10m}}]}}
route: {{receiver: ops, group_by: ["..."], group_wait: 0s, group_interval: 1ms}}
flow: {{epoch: 50ms}}
notifier: {{lease: 10m}}
store: {{dir: {var}}}
traces:
  endpoint: {endpoint}
  headers: {{x-key: {{env: COLLECTOR_KEY}}}}
"""


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def store() -> Iterator[AlertStore]:
    with redis_server() as url, redis_client(url) as client:
        yield fresh_store(client)


def settings_of(folder: Path, endpoint: str) -> Settings:
    config = folder / "makegood.yaml"
    config.write_text(SETTINGS.format(var=folder / "var", endpoint=endpoint), encoding="utf-8")
    return load_settings(config).settings


def case_opened(folder: Path, at_us: int) -> None:
    data = {"case_id": "c-1", "labels": {"note": "canary-text"}}
    raw = raw_event("crm.case.opened", "e-1", at_us, data, subject="canary-customer")
    (folder / "crm.jsonl").write_bytes(raw + b"\n")


def flow(settings: Settings, store: AlertStore, until_stored: int) -> None:
    """Run the flow, an hour after the case was opened, until so many changes are stored."""
    drain = Drain()
    looks = 0

    def clock_us() -> int:
        nonlocal looks
        looks += 1
        if store.counts()["pending"] >= until_stored:
            drain.request()
        return (OPENED_US if looks < 20 else DUE_US + 5 * MINUTE_US) + looks * 25_000

    with opened(settings, "flow") as traces:
        run_flow(settings, store, clock_us=clock_us, drain=drain, tracing=traces.tracing)


def notifier(settings: Settings, store: AlertStore, ended: Callable[[], object]) -> None:
    """Run the notifier until something holds."""
    stop = threading.Event()
    running = threading.Thread(
        target=run_notifier, args=(store, settings, stop), kwargs={"registry": CollectorRegistry()}
    )
    running.start()
    try:
        until(lambda: ended() or not running.is_alive(), "the end of the notification")
        assert running.is_alive(), "the notifier has died"
    finally:
        stop.set()
        running.join()


def broken(store: AlertStore) -> AlertRecord:
    (found,) = store.list_alerts(matchers=[parse_matcher("alertname=SlaBreach")])
    return found


def delivered(store: AlertStore) -> bool:
    detail = store.get(broken(store).current.fingerprint)
    return detail is not None and [note.status for note in detail.notifications] == ["delivered"]


def play(folder: Path, store: AlertStore, collected: Collector) -> Settings:
    settings = settings_of(folder, collected.url)
    case_opened(folder, OPENED_US)
    flow(settings, store, 1)
    notifier(settings, store, lambda: delivered(store))
    return settings


def test_an_alert_is_one_trace_from_the_event_to_its_delivery_by_the_second_tier(
    tmp_path: Path, store: AlertStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLECTOR_KEY", "canary-collector-key")
    with (
        collector() as collected,
        http_server(Answer(404, body=b'{"error": "canary-far-side"}')) as hook,
        capture_logs() as logs,
    ):
        monkeypatch.setenv("HOOK_URL", f"{hook.url}/canary-webhook-path")
        play(tmp_path, store, collected)
    spans = collected.trace("alert SlaBreach")
    record = broken(store)
    root = named(spans, "alert SlaBreach")
    assert tree(spans) == (
        "alert SlaBreach",
        ["decide sla_breach", ("notify ops", ["group wait", "send file", "send hook"]), "receive crm", "store"],
    )
    assert root.start_us == DUE_US
    assert root.about["makegood.alert.fingerprint"] == record.current.fingerprint
    assert {span.resource["makegood.part"] for span in spans} == {"flow", "notifier"}
    assert {span.resource["service.name"] for span in spans} == {"makegood"}
    _taken_in(named(spans, "receive crm"))
    _delivered(spans, store)
    assert {request.headers["x-key"] for request in collected.requests} == {"canary-collector-key"}
    sent = b"".join(request.body for request in collected.requests).decode("utf-8", "replace") + json.dumps(logs)
    assert [secret for secret in SECRETS if secret in sent] == []


def _taken_in(span: Seen) -> None:
    assert span.about["messaging.operation.type"] == "receive"
    assert (span.about["makegood.feed"], span.about["makegood.offset.first"]) == (
        "crm",
        span.about["makegood.offset.last"],
    )
    assert span.about["messaging.batch.message_count"] == 1
    assert span.start_us == OPENED_US


def _delivered(spans: list[Seen], store: AlertStore) -> None:
    detail = store.get(broken(store).current.fingerprint)
    assert detail is not None
    (note,) = detail.notifications
    told, first, second = (named(spans, name) for name in ("notify ops", "send hook", "send file"))
    assert (first.error, first.about["error.type"], first.about["makegood.tier"]) == ("bad_recipient",) * 2 + (1,)
    assert (second.error, second.about["makegood.outcome"], second.about["makegood.tier"]) == ("", "delivered", 2)
    assert [span.start_us for span in (first, second)] == [one.at_us for one in note.tries]
    assert [span.end_us - span.start_us for span in (first, second)] == [one.took_us for one in note.tries]
    assert (told.about["makegood.failover"], told.about["makegood.channel"]) == (True, "file")
    assert told.start_us == note.accepted_us
    assert [name for name, _, _ in told.events] == ["claimed", "failover"]
    assert told.events[1][2]["makegood.from.channel"] == "hook"
