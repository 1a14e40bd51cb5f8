"""Alerts over the API: what is open is listed from memory, and answers go where those of the command line go."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from alerts.control_log import ControlLog
from alerts.responses import Responses
from alerts.store import AlertStore
from alerts.trail import Trail
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.server import build_app
from tests.support import signed_in
from tests.support.alerts import START_US, change
from tests.support.patience import until

SETTINGS = Settings.model_validate(
    {
        "route": {"receiver": "ops"},
        "people": {"ann": {"receiver": "ops", "zone": "Europe/Berlin"}},
        "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
        "channels": {"log": {"type": "console"}},
    }
)


@pytest.fixture
def api(store: AlertStore) -> Iterator[TestClient]:
    app = build_app(store, SETTINGS, access=signed_in.access(), now_us=lambda: START_US, build="1")
    with signed_in.client(app, Role.RESPONDER) as client:
        until(lambda: app.state.makegood.mirror.complete)
        yield client


def open_(client: TestClient, count: int) -> list[dict[str, object]]:
    """Return the alerts that are listed, when there are so many."""
    until(lambda: len(client.get("/api/v1/alerts").json()["items"]) == count)
    items: list[dict[str, object]] = client.get("/api/v1/alerts").json()["items"]
    return items


def test_what_fires_is_listed_the_most_urgent_first(api: TestClient, store: AlertStore) -> None:
    store.apply([change(service=f"s{number}") for number in range(5)])
    store.apply([change(service="down", severity="critical")])
    found = open_(api, 6)
    assert found[0]["labels"]["service"] == "down"  # type: ignore[index]
    assert {one["state"] for one in found} == {"open"}
    assert found[0]["receivers"] == ["ops"]


def test_pages_hold_every_alert_once(api: TestClient, store: AlertStore) -> None:
    store.apply([change(service=f"s{number}", starts_at_us=START_US + number % 3) for number in range(25)])
    open_(api, 25)
    seen: list[str] = []
    after = ""
    while True:
        page = api.get("/api/v1/alerts", params={"limit": 7, "after": after}).json()
        assert page["total"] == 25
        seen += [one["fingerprint"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 25


def test_matchers_choose_and_a_bad_one_says_so(api: TestClient, store: AlertStore) -> None:
    store.apply([change(service="pay", region="eu"), change(service="web", region="us")])
    open_(api, 2)
    found = api.get("/api/v1/alerts", params={"match": ['service=~"pa.*"', "region!=us"]}).json()
    assert [one["labels"]["service"] for one in found["items"]] == ["pay"]
    refused = api.get("/api/v1/alerts", params={"match": "service=~("})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert "match" in refused.json()["detail"]


def test_a_list_that_has_not_changed_is_not_sent_again(api: TestClient, store: AlertStore) -> None:
    store.apply([change(service="pay")])
    open_(api, 1)
    first = api.get("/api/v1/alerts")
    again = api.get("/api/v1/alerts", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_acknowledgement_holds_as_long_as_was_said_and_is_on_record(api: TestClient, store: AlertStore) -> None:
    alert = change(service="pay")
    store.apply([alert])
    answer = api.post(f"/api/v1/alerts/{alert.fingerprint}/acknowledge", json={"minutes": 30, "text": "mine"})
    assert answer.json()["result"] == "done"
    standing = Responses(store).of(alert.fingerprint)
    assert standing is not None
    assert standing.acknowledgement is not None
    assert standing.acknowledgement.by == "test-responder"
    assert standing.acknowledgement.until_us == START_US + 30 * 60_000_000
    until(lambda: api.get(f"/api/v1/alerts/{alert.fingerprint}").json()["alert"]["state"] == "acknowledged")
    (kept,) = Trail(store).newest_first()
    assert (kept.entry.action, kept.entry.object) == ("alert.acknowledge", f"alert:{alert.fingerprint}")


def test_the_same_answer_with_the_same_key_is_one_answer(api: TestClient, store: AlertStore) -> None:
    alert = change(service="pay")
    store.apply([alert])
    for expected in ("done", "repeated", "repeated"):
        answer = api.post(
            f"/api/v1/alerts/{alert.fingerprint}/comment", json={"text": "hello"}, headers={"Idempotency-Key": "k1"}
        )
        assert answer.json()["result"] == expected
    standing = Responses(store).of(alert.fingerprint)
    assert standing is not None
    assert [one.text for one in standing.responses] == ["hello"]
    assert len(list(Trail(store).newest_first())) == 1


def test_a_verdict_with_the_same_key_is_counted_once(api: TestClient, store: AlertStore) -> None:
    alert = change(service="pay")
    store.apply([alert])
    path = f"/api/v1/alerts/{alert.fingerprint}/verdict"
    first = api.post(path, json={"verdict": "noise"}, headers={"Idempotency-Key": "v"})
    again = api.post(path, json={"verdict": "noise"}, headers={"Idempotency-Key": "v"})
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = api.post(path, json={"verdict": "useful"}, headers={"Idempotency-Key": "v"})
    assert other.status_code == 422
    assert len(ControlLog(store).read().controls) == 1


def test_an_alert_that_nobody_knows_is_not_found(api: TestClient) -> None:
    assert api.get("/api/v1/alerts/0123456789abcdef").status_code == 404
    refused = api.post("/api/v1/alerts/0123456789abcdef/acknowledge", json={})
    assert (refused.status_code, refused.json()["title"]) == (404, "Not Found")


def test_nobody_is_given_an_alert_who_is_not_in_the_settings(api: TestClient, store: AlertStore) -> None:
    alert = change(service="pay")
    store.apply([alert])
    path = f"/api/v1/alerts/{alert.fingerprint}/assign"
    assert api.post(path, json={"to": "ann"}).json()["result"] == "done"
    refused = api.post(path, json={"to": "bob"})
    assert refused.status_code == 422
    assert "ann" in refused.json()["detail"]


def test_what_has_resolved_keeps_its_link(api: TestClient, store: AlertStore) -> None:
    alert = change(service="pay")
    store.apply([alert, change(service="pay", step="resolved", at_us=START_US + 5)])
    found = api.get(f"/api/v1/alerts/{alert.fingerprint}").json()
    assert (found["alert"]["state"], len(found["history"])) == ("resolved", 2)
    listed = api.get("/api/v1/alerts", params={"state": "resolved"}).json()
    assert [one["fingerprint"] for one in listed["items"]] == [alert.fingerprint]
