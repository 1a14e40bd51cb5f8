"""A real Prometheus sends its alerts to us: they begin, go on, change and end here, over restarts of either."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from alerts.pushing import Pushes
from alerts.store import AlertStore
from tests.dashboards.api.v2.conftest import TOKENS, now_us
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, need, prometheus
from tests.support.served import served

RESEND_S = 5
"""Prometheus names an end four times as far ahead; so long may nobody be held up."""
RULES = """\
groups:
  - name: mail
    rules:
      - alert: MailQueueOld
        expr: queue_age_seconds > 100
        labels: {severity: critical, team: mail, empty: ""}
        annotations: {summary: 'The queue "{{ $labels.queue }}" is {{ $value }} s old'}
"""
SITE = 'north "1", größer'


@contextmanager
def measured() -> Iterator[tuple[Gauge, int]]:
    """Give a figure, and the port at which it is asked."""
    registry = CollectorRegistry()
    gauge = Gauge("queue_age_seconds", "How old the oldest letter is", ["queue"], registry=registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield gauge, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings(port: int, target: int) -> dict[str, Any]:
    """Return sections of Prometheus' settings: it tells us as a responder, and once more with a token too weak."""

    def us(role: str) -> dict[str, Any]:
        return {
            "authorization": {"credentials": TOKENS[role]},
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }

    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"site": SITE}},
        "scrape_configs": [
            {"job_name": "mail", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]},
            {"job_name": "makegood-console", **us("viewer")},
        ],
        "alerting": {"alertmanagers": [us("responder"), {**us("viewer"), "path_prefix": "/am"}]},
    }


def alerts(port: int) -> list[dict[str, Any]]:
    """Return the alerts that we show."""
    asked = Request(f"http://127.0.0.1:{port}/api/v2/alerts", headers={"Authorization": f"Bearer {TOKENS['viewer']}"})
    with urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)
    return found


def figure(server: Prometheus, name: str, address: str) -> float:
    """Return a figure that Prometheus has of whom it tells; 0 before the first."""
    found = re.search(rf'^{name}{{alertmanager="{re.escape(address)}"}} (\S+)$', server.figures(), re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def steps(store: AlertStore, fingerprint: str) -> list[str]:
    detail = store.get(fingerprint)
    return [] if detail is None else [one.step for one in detail.history]


@pytest.mark.slow
def test_an_alert_of_a_prometheus_begins_changes_and_ends_over_restarts_of_both(
    store: AlertStore, guarded: Callable[[], FastAPI], tmp_path: Path
) -> None:
    need("prometheus")
    rules = tmp_path / "mail.rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    port = free_port()
    ours, theirs = f"http://127.0.0.1:{port}/api/v2/alerts", f"http://127.0.0.1:{port}/am/api/v2/alerts"
    options = [f"--rules.alert.resend-delay={RESEND_S}s", "--web.external-url=http://prometheus.example.com"]
    with ExitStack() as stack:
        gauge, target = stack.enter_context(measured())
        gauge.labels("bounces").set(50)
        gauge.labels("outgoing").set(150)
        us = ExitStack()
        stack.callback(us.close)
        us.enter_context(served(guarded(), port))
        server = stack.enter_context(
            prometheus(tmp_path / "prometheus", {}, [rules], more=settings(port, target), options=options)
        )
        until(lambda: sorted(server.told()) == sorted([ours, theirs]), "whom Prometheus tells")

        # It begins: as Prometheus has it, once, however many of its ways lead here.
        until(lambda: alerts(port), "the alert")
        (shown,) = alerts(port)
        (here,) = server.alerts()
        print_ = shown["fingerprint"]
        assert shown["labels"] == {
            "alertname": "MailQueueOld", "instance": f"127.0.0.1:{target}", "job": "mail", "queue": "outgoing",
            "severity": "critical", "site": SITE, "team": "mail",
        }  # fmt: skip
        assert shown["annotations"] == {"summary": 'The queue "outgoing" is 150 s old'}
        assert shown["generatorURL"].startswith("http://prometheus.example.com/graph?g0.expr=queue_age_seconds")
        assert shown["startsAt"][:23] == here["activeAt"][:23]
        assert shown["status"]["state"] == "active"
        assert [one["name"] for one in shown["receivers"]] == ["boss"]
        assert shown["endsAt"] > shown["updatedAt"]
        assert steps(store, print_) == ["firing"]

        # Who may only look is refused, and Prometheus says so; who may send is never refused.
        until(lambda: figure(server, "prometheus_notifications_errors_total", theirs), "the refusal")
        assert figure(server, "prometheus_notifications_errors_total", ours) == 0
        assert figure(server, "prometheus_notifications_sent_total", ours) > 0
        until(lambda: server.values('up{job="makegood-console"} == 1'), "our figures")
        (version,) = server.values("alertmanager_build_info")
        assert re.fullmatch(r"\d+\.\d+\.\d+", version[0]["version"])

        # It is sent again: the end moves on, and what has changed is an update.
        until(lambda: alerts(port)[0]["endsAt"] > shown["endsAt"], "a later end")
        assert steps(store, print_) == ["firing"]
        gauge.labels("outgoing").set(175)
        until(lambda: "175 s" in alerts(port)[0]["annotations"]["summary"], "the new value")
        assert steps(store, print_) == ["firing", "updated:1"]

        # We are away for a while: what Prometheus could not tell it tells again; the alert is the same.
        us.close()
        failed = figure(server, "prometheus_notifications_errors_total", ours)
        until(lambda: figure(server, "prometheus_notifications_errors_total", ours) > failed, "a failure")
        us.enter_context(served(guarded(), port))
        (before,) = alerts(port)
        assert before["startsAt"] == shown["startsAt"]
        until(lambda: alerts(port)[0]["updatedAt"] > before["updatedAt"], "to be told again")
        assert steps(store, print_) == ["firing", "updated:1"]

        # Prometheus begins anew, and says that it has only just seen it: here it goes on.
        server.stop()
        server.start()
        (before,) = alerts(port)
        until(lambda: alerts(port)[0]["updatedAt"] > before["updatedAt"], "to be told again")
        assert alerts(port)[0]["startsAt"] == shown["startsAt"]
        assert steps(store, print_) == ["firing", "updated:1"]

        # It is over.
        gauge.labels("outgoing").set(50)
        until(lambda: not alerts(port), "the end")
        assert steps(store, print_) == ["firing", "updated:1", "resolved"]

        # And again; then Prometheus falls silent for good: who does not say so again, ends it.
        gauge.labels("outgoing").set(200)
        until(lambda: alerts(port), "the next episode")
        assert steps(store, print_)[-1] == "firing:2"
        server.stop()
        assert Pushes(store, 300_000_000).end_due(now_us() + 5 * RESEND_S * 1_000_000) == 1
        until(lambda: not alerts(port), "the end")
        assert steps(store, print_)[-1] == "resolved:2"


def test_without_a_prometheus_the_test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match="apt-get install prometheus"):
        need("prometheus")
