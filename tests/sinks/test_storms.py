"""Too much at once: what is most urgent goes first, the rest becomes a digest that counts it."""

from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from tests.support.alerts import change
from tests.support.http import Answer, http_server
from tests.support.notifier import Rig


def _rig(store: AlertStore, tmp_path: Path, url: str, **receiver: Any) -> Rig:
    web = {"type": "webhook", "url": url, "timeout": "1m", "max_per_minute": 60}
    return Rig(store, tmp_path, {"web": web}, tier={"deadline": "10m"}, receiver={"digest_above": 20, **receiver})


def test_what_waits_in_a_storm_becomes_one_digest_that_counts_all_of_it(store: AlertStore, tmp_path: Path) -> None:
    alerts = [change(case_id=str(number), service=("pay", "shop")[number % 2]) for number in range(500)]
    with http_server() as server:
        rig = _rig(store, tmp_path, server.url)
        store.apply(alerts)
        rig.run(300, step_s=5)
        bodies = [request.json for request in server.requests]
    digests = [body for body in bodies if "digest" in body["title"]]
    alone = {body["alerts"][0]["fingerprint"] for body in bodies if body not in digests}
    statuses = [rig.status(alert.fingerprint) for alert in alerts]
    assert statuses.count(["digested"]) == len(alerts) - len(alone)
    assert statuses.count(["delivered"]) == len(alone)
    assert 0 < len(digests) < 10
    told = sum(int(body["title"].split("digest] ")[1].split(" ")[0].replace(",", "")) for body in digests)
    assert told == statuses.count(["digested"])
    assert rig.registry.get_sample_value("makegood_notifications_digested_total", {"receiver": "ops"}) == told
    assert store.counts()["pending"] == 0


def test_the_first_word_about_each_service_goes_out_by_itself_and_the_urgent_ones_before_all(
    store: AlertStore, tmp_path: Path
) -> None:
    many = [change(case_id=str(number), service="shop") for number in range(200)]
    firsts = [change("Late", service=f"s{number}", severity="critical") for number in range(8)]
    with http_server() as server:
        rig = _rig(store, tmp_path, server.url)
        store.apply([*many[:50], *firsts, *many[50:]])
        rig.run(60, step_s=1)
        bodies = [request.json for request in server.requests]
    prints = [body["alerts"][0]["fingerprint"] for body in bodies if "digest" not in body["title"]]
    assert set(prints[: len(firsts)]) == {alert.fingerprint for alert in firsts}
    assert many[0].fingerprint in prints or len(set(prints) & {one.fingerprint for one in many}) >= 1


def test_a_resolve_in_a_digest_does_not_overtake_its_firing(store: AlertStore, tmp_path: Path) -> None:
    alerts = [change(case_id=str(number)) for number in range(60)]
    with http_server(Answer(503)) as server:
        rig = _rig(store, tmp_path, server.url)
        store.apply(alerts)
        rig.drain()
        store.apply([change(case_id=str(number), step="resolved") for number in range(60)])
        rig.run(30, step_s=1)
        server.script = [Answer(200)]
        rig.run(1800, step_s=5)
    for alert in alerts:
        assert set(rig.status(alert.fingerprint)) <= {"digested", "delivered"}
        assert len(rig.status(alert.fingerprint)) == 2
    assert store.counts()["pending"] == 0


@pytest.mark.parametrize("setting", ["off", None])
def test_a_far_side_that_keeps_incidents_gets_each_by_itself(store: AlertStore, tmp_path: Path, setting: str) -> None:
    alerts = [change(case_id=str(number)) for number in range(80)]
    with http_server() as server:
        rig = _rig(store, tmp_path, server.url, digest_above=setting)
        store.apply(alerts)
        rig.run(240, step_s=5)
        assert len(server.requests) == len(alerts)


def test_what_stands_in_a_line_behind_a_digest_waits_for_it(store: AlertStore, tmp_path: Path) -> None:
    alerts = [change(case_id=str(number)) for number in range(60)]
    with http_server(Answer(503)) as server:
        web = {"type": "webhook", "url": server.url, "max_per_minute": 600, "breaker_failures": 1000}
        rig = Rig(store, tmp_path, {"web": web}, receiver={"digest_above": 20})
        store.apply(alerts)
        rig.run(10, step_s=1)
        assert any("digest" in request.json["title"] for request in server.requests), "it was tried, and waits"
        refused = len(server.requests)
        store.apply([change(case_id=str(number), step="resolved") for number in range(5)])
        server.script = [Answer(200)]
        rig.run(90, step_s=1)
        bodies = [request.json for request in server.requests[refused:]]
    digest = next(place for place, body in enumerate(bodies) if "digest" in body["title"])
    resolved = {
        body["alerts"][0]["fingerprint"]: place for place, body in enumerate(bodies) if body["status"] == "resolved"
    }
    fired = {
        body["alerts"][0]["fingerprint"]
        for body in bodies
        if body["status"] == "firing" and "digest" not in body["title"]
    }
    assert len(resolved) == 5
    assert all(place > digest for fingerprint, place in resolved.items() if fingerprint not in fired)
    assert resolved.keys() - fired, "of some the digest told that they fire"
    assert store.counts()["pending"] == 0
    assert store.client.hlen(store.keys.named("behind")) == 0


def test_what_waits_for_a_digest_goes_on_when_nobody_takes_the_digest(
    store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [change(case_id=str(number)) for number in range(60)]
    with http_server(Answer(503)) as server:
        web = {"type": "webhook", "url": server.url, "max_per_minute": 600, "breaker_failures": 1000}
        rig = Rig(store, tmp_path, {"web": web}, receiver={"digest_above": 20})
        store.apply(alerts)
        rig.run(10, step_s=1)
        monkeypatch.setattr(server, "answer", lambda one: Answer(400 if "digest" in one.json["title"] else 200))
        store.apply([change(case_id=str(number), step="resolved") for number in range(5)])
        rig.run(90, step_s=1)
        assert store.client.hlen(store.keys.named("behind")) > 0
        rig.run(1200, step_s=5)
        over = {one.json["alerts"][0]["fingerprint"] for one in server.requests if one.json["status"] == "resolved"}
    assert len(over) == 5
    assert store.client.hlen(store.keys.named("behind")) == 0
    assert store.counts()["undelivered"] > 0, "the digest goes on being tried"


def test_what_waits_for_a_digest_goes_on_when_the_digest_is_gone(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(503)) as server:
        web = {"type": "webhook", "url": server.url, "max_per_minute": 600, "breaker_failures": 1000}
        rig = Rig(store, tmp_path, {"web": web}, receiver={"digest_above": 20})
        store.apply([change(case_id=str(number)) for number in range(60)])
        rig.run(10, step_s=1)
        for digest in set(store.client.hvals(store.keys.named("behind"))):
            store.client.delete(store.keys.note(digest))
        store.apply([change(case_id=str(number), step="resolved") for number in range(5)])
        server.script = [Answer(200)]
        rig.run(120, step_s=1)
        over = {one.json["alerts"][0]["fingerprint"] for one in server.requests if one.json["status"] == "resolved"}
    assert len(over) == 5
    assert store.client.hlen(store.keys.named("behind")) == 0
