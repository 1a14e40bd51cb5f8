"""The auditor finds what was lost out of a real Redis, sends it once, and cries wolf never."""

import json
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.mutes import Mutes
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from sinks.audit.auditor import Auditor
from sinks.audit.report import load_report
from sinks.service import build_notifier
from tests.support.alerts import START_US, change
from tests.support.auditing import ROUTE, Audited
from tests.support.http import Answer, http_server
from tests.support.patience import until


@pytest.fixture
def rig(store: AlertStore, tmp_path: Path) -> Audited:
    made = Audited(store, tmp_path)
    assert made.audit().well  # the first audit learns by which routes is judged
    made.pass_time(200)
    return made


def test_what_is_told_as_it_should_be_is_well_and_is_not_looked_at_again(rig: Audited) -> None:
    rig.apply(change("A", service="shop"), change("B", service="mail"))
    rig.pass_time(60)
    first, second = rig.audit(), rig.audit()
    assert (first.well, first.alerts, first.looked, first.told_back) == (True, 2, 2, 2)
    assert (second.well, second.alerts, second.looked, second.told_back, second.ratio) == (True, 2, 0, 2, 1.0)


def test_an_alert_that_was_never_routed_is_told_once(rig: Audited) -> None:
    alert = change("A", service="shop")
    rig.apply(alert)
    for name in ("unrouted", "unrouted:order"):
        rig.client.delete(rig.key(name))
    rig.client.zrem(rig.key("pending"), f"change-{alert.change_id}")
    rig.pass_time(60)
    assert rig.told() == []
    report = rig.audit()
    assert (report.missing, report.well) == (1, False)
    assert alert.fingerprint in report.findings[0]
    assert rig.audit().missing == 0  # it waits for its tick
    rig.pass_time(60)
    assert rig.told() == [("firing", ["A"])]
    last = rig.audit()
    assert (last.well, last.missing_back, last.told_back, last.ratio) == (True, 1, 1, 0.5)
    assert rig.missing == 1


@pytest.mark.parametrize("gone", [["unrouted"], ["unrouted:order"], ["unrouted", "unrouted:order"]])
def test_a_change_that_nobody_finds_to_route_is_found_when_it_is_overdue(rig: Audited, gone: list[str]) -> None:
    rig.apply(change("A", service="shop"))
    rig.client.delete(*[rig.key(name) for name in gone])
    rig.clock.forward(60)
    rig.work()
    assert rig.audit().missing == 0  # it still may come
    rig.clock.forward(100)
    assert rig.audit().missing == 1
    rig.pass_time(60)
    assert rig.told() == [("firing", ["A"])]
    assert rig.audit().well


@pytest.mark.parametrize("gone", ["group:{g}", "news:{g}", "members:{g}", "groups:due"])
def test_a_change_whose_group_has_forgotten_it_is_told_once(rig: Audited, gone: str) -> None:
    rig.apply(change("A", service="shop"))
    rig.work()
    (group,) = rig.client.smembers(rig.key("groups"))
    rig.client.delete(rig.key(gone.format(g=group)))
    found = []
    for _ in range(10):
        rig.pass_time(60)
        found.append(rig.audit().missing)
    assert sum(found) == 1
    assert rig.told() == [("firing", ["A"])]
    assert rig.audit().well


def test_a_lost_account_is_made_up_for_without_a_second_message(rig: Audited) -> None:
    alert = change("A", service="shop")
    rig.apply(alert)
    rig.pass_time(60)
    rig.client.delete(rig.store.keys.accounts(alert.fingerprint))
    assert rig.audit().missing == 1
    rig.pass_time(120)
    last = rig.audit()
    assert (last.missing, last.well) == (0, True)
    assert rig.told() == [("firing", ["A"])]


def test_an_account_that_is_lost_after_it_was_audited_is_missed_all_the_same(rig: Audited) -> None:
    alert = change("A", service="shop")
    rig.apply(alert)
    rig.pass_time(60)
    assert rig.audit().well
    rig.client.delete(rig.store.keys.accounts(alert.fingerprint))
    assert rig.audit().missing == 1


def test_of_two_groups_the_one_whose_account_is_lost_is_made_up_for(rig: Audited) -> None:
    alert = change("A", service="shop", copy="yes")
    rig.apply(alert)
    rig.pass_time(60)
    accounts = rig.client.lrange(rig.store.keys.accounts(alert.fingerprint), 0, -1)
    assert {json.loads(text)["receiver"] for text in accounts} == {"ops", "copy"}
    rig.client.lrem(rig.store.keys.accounts(alert.fingerprint), 1, accounts[0])
    assert rig.audit().missing == 1
    rig.pass_time(120)
    assert rig.audit().well
    detail = rig.store.get(alert.fingerprint)
    assert detail is not None
    assert sorted(account.receiver for account in detail.accounts) == ["copy", "ops"]
    assert (rig.told(), rig.told("copy")) == ([("firing", ["A"])], [("firing", ["A"])])


def test_a_lost_notification_is_sent_again_once_with_a_word_about_it(rig: Audited) -> None:
    alert, other = change("A", service="shop"), change("B", service="shop")
    rig.apply(alert, other)
    rig.work()
    rig.clock.forward(15)
    rig.decide()
    (key,) = [name for name in rig.client.zrange(rig.key("pending"), 0, -1) if name.startswith("mg-")]
    rig.client.delete(rig.store.keys.note(key))
    rig.client.delete(rig.key("ready"), *rig.client.keys(rig.key("line:*")))
    rig.client.zrem(rig.key("pending"), key)
    report = rig.audit()
    assert (report.missing, report.well) == (1, False)
    assert rig.audit().missing == 0
    rig.pass_time(10)
    assert [(status, sorted(names)) for status, names in rig.told()] == [("firing", ["A", "B"])]
    assert "lost" in (rig.folder / "ops.jsonl").read_text()
    assert rig.audit().well


def test_a_lost_notification_is_sent_with_how_things_are_now(rig: Audited) -> None:
    rig.apply(change("A", service="shop"))
    rig.work()
    rig.clock.forward(15)
    rig.decide()
    (key,) = [name for name in rig.client.zrange(rig.key("pending"), 0, -1) if name.startswith("mg-")]
    rig.client.delete(rig.store.keys.note(key), rig.key("ready"), *rig.client.keys(rig.key("line:*")))
    rig.apply(change("A", service="shop", step="resolved", at_us=START_US + 1_000_000))
    assert rig.audit().missing == 1
    rig.pass_time(200)
    assert {status for status, _ in rig.told()} == {"resolved"}


@pytest.mark.parametrize("gone", ["ready", "line"])
def test_a_notification_that_no_line_knows_goes_out_when_it_is_overdue(rig: Audited, gone: str) -> None:
    rig.apply(change("A", service="shop"))
    rig.work()
    rig.clock.forward(15)
    rig.decide()
    rig.client.delete(rig.key("ready"), *(rig.client.keys(rig.key("line:*")) if gone == "line" else []))
    rig.pass_time(60)
    assert (rig.told(), rig.audit().missing) == ([], 0)
    rig.pass_time(200)
    assert rig.audit().missing == 1
    rig.pass_time(20)
    assert rig.told() == [("firing", ["A"])]
    assert rig.audit().well


def test_an_alert_that_is_hidden_no_longer_and_is_not_told_is_told_in_the_end(rig: Audited) -> None:
    ends_us = rig.clock() + 300_000_000
    SilenceBook(rig.store).add(["service=shop"], ends_us=ends_us, author="ann", comment="x", now_us=rig.clock())
    rig.apply(change("A", service="shop"))
    rig.pass_time(120)
    assert rig.audit().well
    assert rig.told() == []
    rig.client.delete(rig.key("silences:edges"), rig.key("groups:due"))  # nothing will wake its group
    rig.pass_time(300)
    assert rig.audit().missing == 0  # it has just been seen
    rig.pass_time(250)
    assert rig.told() == []
    assert rig.audit().missing == 1
    rig.pass_time(120)
    assert rig.told() == [("firing", ["A"])]
    assert rig.audit().well


def test_what_is_merely_late_is_overdue_and_not_sent_twice(rig: Audited) -> None:
    rig.apply(change("A", service="shop"))
    rig.clock.forward(1000)  # no notifier at work
    report = rig.audit()
    assert (report.missing, report.overdue, report.well) == (0, 1, False)
    rig.pass_time(60)
    assert rig.told() == [("firing", ["A"])]
    assert rig.audit().well


def test_what_no_tier_can_deliver_is_not_well(store: AlertStore, tmp_path: Path) -> None:
    (tmp_path / "ops.jsonl").mkdir()
    rig = Audited(store, tmp_path)
    rig.apply(change("A", service="shop"))
    rig.pass_time(60)
    report = rig.audit()
    assert (report.undelivered, report.missing, report.well) == (2, 0, False)  # this one, and that the channel fails


def test_other_routes_make_nothing_missing(rig: Audited, store: AlertStore, tmp_path: Path) -> None:
    rig.apply(change("A", service="shop", copy="yes"), change("B", service="mail"))
    rig.pass_time(60)
    route = {**ROUTE, "routes": [{"matchers": ["alertname=B"], "receiver": "copy", "continue": True}, *ROUTE["routes"]]}
    other = Audited(store, tmp_path, route=route, clock=rig.clock)
    for _ in range(3):
        assert other.audit().missing == 0
        other.pass_time(200)
    assert other.audit().well


def test_the_last_result_is_kept(rig: Audited) -> None:
    report = rig.audit()
    assert load_report(rig.store) == report


def test_the_heartbeat_is_sent_only_when_all_is_well(
    store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_server() as server:
        monkeypatch.setenv("GOOD", f"{server.url}/ping/abc")
        monkeypatch.setenv("BAD", f"{server.url}/ping/abc/fail")
        urls = {"heartbeat_url": {"env": "GOOD"}, "heartbeat_fail_url": {"env": "BAD"}}
        rig = Audited(store, tmp_path, audit=urls)
        assert rig.audit().heartbeat == "sent"
        rig.apply(change("A", service="shop"))
        rig.clock.forward(1000)
        assert rig.audit().heartbeat == "sent that not all is well"
        assert [request.path for request in server.requests] == ["/ping/abc", "/ping/abc/fail"]
        assert b"1 overdue" in server.requests[1].body
        quiet = Audited(store, tmp_path, audit={"heartbeat_url": {"env": "GOOD"}}, clock=rig.clock)
        assert quiet.audit().heartbeat == "held back"
        assert len(server.requests) == 2


def test_a_heartbeat_that_cannot_be_sent_is_said_and_names_no_address(
    store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Audited(store, tmp_path, audit={"heartbeat_url": {"env": "GOOD"}})
    assert rig.audit().heartbeat.startswith("not sent: the environment variable GOOD is not set")
    with http_server(Answer(503)) as server:
        monkeypatch.setenv("GOOD", f"{server.url}/secret")
        report = rig.audit()
        assert report.heartbeat == "refused: HTTP 503"
        assert report.well


def test_audits_beside_a_notifier_at_work_find_nothing_missing(store: AlertStore, tmp_path: Path) -> None:
    route = {**ROUTE, "group_wait": "50ms", "group_interval": "100ms"}
    rig = Audited(store, tmp_path, route=route, clock=None)
    stop = threading.Event()
    working = build_notifier(store, rig.settings, registry=CollectorRegistry(), wait=stop.wait)
    auditor = Auditor(store, rig.settings, hiding=Mutes(store), timer_us=lambda: 0)
    thread = threading.Thread(target=working.run, args=(stop,))
    thread.start()
    try:
        for round_ in range(12):
            at_us = START_US + round_ * 1_000_000
            step = "resolved" if round_ % 4 == 3 else f"updated:{round_}"
            store.apply([change(f"A{n}", service=f"s{n % 7}", copy="yes", step=step, at_us=at_us) for n in range(60)])
            for _ in range(3):
                assert auditor.run(time.time_ns() // 1000).missing == 0
        until(lambda: not store.counts()["pending"])
        report = auditor.run(time.time_ns() // 1000)
    finally:
        stop.set()
        thread.join()
        working.close()
    assert (report.missing_back, report.well) == (0, True)


def test_a_notifier_goes_on_when_a_notification_is_gone_from_its_line(rig: Audited) -> None:
    rig.apply(change("A", service="shop"), change("B", service="mail"))
    rig.work()
    rig.clock.forward(15)
    rig.decide()
    key = next(name for name in rig.client.zrange(rig.key("pending"), 0, -1) if name.startswith("mg-"))
    rig.client.delete(rig.store.keys.note(key))
    rig.work()
    assert len(rig.told()) == 1
    assert rig.audit().missing == 1
    rig.pass_time(20)
    assert sorted(name for _, names in rig.told() for name in names) == ["A", "B"]
    assert rig.audit().well


def test_a_notification_that_cannot_be_made_again_is_reported_once(rig: Audited) -> None:
    rig.apply(change("A", service="shop"))
    rig.pass_time(60)
    rig.clock.forward(4 * 3600 + 120)
    rig.decide()  # it is repeated: no account names that
    (key,) = [name for name in rig.client.zrange(rig.key("pending"), 0, -1) if name.startswith("mg-")]
    rig.client.delete(rig.store.keys.note(key))
    rig.work()
    first, second = rig.audit(), rig.audit()
    assert (first.missing, first.well, key in first.findings[0]) == (1, False, True)
    assert second.well
