"""What is answered is what Alertmanager's published description promises; what trips clients up is not there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from alerts.responses import Responses, Said
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.audit import trail_of
from dashboards.access.contract import Role
from dashboards.server import build_app
from tests.dashboards.api.v2.conftest import SETTINGS
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.patience import until
from tests.support.signed_in import access, client

SPEC = yaml.safe_load((Path(__file__).parents[3] / "data/alertmanager/openapi.yaml").read_text())
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LATER = "2015-02-21T13:00:00.000Z"
WINDOW = {"matchers": ["service=kept"], "zone": "UTC", "start": "2015-02-21T11:00:00", "duration": "4h"}


class World:
    """An application whose clock stands until it is moved."""

    def __init__(self, store: AlertStore, **settings: Any) -> None:
        self.now_us = START_US
        self.store = store
        made = Settings.model_validate({**SETTINGS, "maintenance_windows": {"patches": WINDOW}, **settings})
        self.app: FastAPI = build_app(store, made, access=access(), now_us=lambda: self.now_us, build="1.0.dev3")
        self.responder = client(self.app, Role.RESPONDER)

    def get(self, path: str) -> Any:
        answer = self.responder.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    def silence(self, **other: Any) -> dict[str, Any]:
        return {
            "matchers": [{"name": "service", "value": "pay", "isRegex": False}],
            "startsAt": "2015-02-21T12:00:00Z",
            "endsAt": LATER,
            "createdBy": "kim",
            "comment": "moving",
            **other,
        }


@pytest.fixture
def world(store: AlertStore, shown: None) -> Iterator[World]:
    made = World(store)
    with made.responder:
        until(lambda: made.app.state.makegood.mirror.complete, "the alerts")
        yield made


def checked(schema: dict[str, Any], answer: Any) -> None:
    """Check an answer against the description, and times closer than that does."""
    formats = jsonschema.FormatChecker(())
    formats.checks("date-time")(lambda text: RFC3339.fullmatch(str(text)) is not None)
    whole = {**schema, "definitions": SPEC["definitions"]}
    jsonschema.Draft4Validator(whole, format_checker=formats).validate(answer)


def schema_of(path: str, method: str = "get") -> dict[str, Any]:
    found: dict[str, Any] = SPEC["paths"][path][method]["responses"]["200"]["schema"]
    return found


def post(world: World, path: str, body: Any) -> Any:
    return world.responder.post(path, content=body if isinstance(body, bytes) else json.dumps(body).encode())


def firing(world: World, count: int) -> None:
    until(lambda: len(world.app.state.makegood.mirror.alerts) == count, f"{count} alerts")


def fill(world: World) -> None:
    """Have alerts of every kind: ours, of a Prometheus; acknowledged, silenced, inhibited, in maintenance."""
    ours = [
        change(service="pay", at_us=START_US, severity="warning"),
        change("Outage", service="pay", severity="critical"),
        change(service="kept", region='quo"te\n'),
        change(service="acked"),
    ]
    world.store.apply(ours)
    said = Said(id="1", by="ann", via="api", at_us=START_US)
    Responses(world.store).acknowledge(ours[3].fingerprint, said, until_us=START_US + MINUTE_US)
    firing(world, 4)
    pushed = {"labels": {"alertname": "Up", "service": "x"}, "annotations": None, "generatorURL": "http://p/g"}
    assert post(world, "/api/v2/alerts", [pushed]).status_code == 200
    for comment in ("one", "two"):
        assert post(world, "/api/v2/silences", world.silence(comment=comment)).status_code == 200
    mirror = world.app.state.makegood.mirror
    until(lambda: mirror.alerts[ours[3].fingerprint].acknowledgement, "the acknowledgement")
    firing(world, 5)


def test_every_answer_is_as_published(world: World) -> None:
    for path in ("/alerts", "/alerts/groups", "/silences"):
        assert world.get(f"/api/v2{path}") == []
    fill(world)
    for path in ("/alerts", "/alerts/groups", "/silences", "/status", "/receivers"):
        answer = world.get(f"/api/v2{path}")
        assert answer
        checked(schema_of(path), answer)
        assert world.get(f"/am/api/v2{path}") == answer
    for silence in world.get("/api/v2/silences"):
        checked(schema_of("/silence/{silenceID}"), world.get(f"/api/v2/silence/{silence['id']}"))


def test_an_alert_says_what_hides_it_and_who_has_it_in_hand(world: World) -> None:
    fill(world)
    alerts = {(one["labels"]["service"], one["labels"]["alertname"]): one for one in world.get("/api/v2/alerts")}
    pay, outage = alerts["pay", "SlaBreach"], alerts["pay", "Outage"]
    assert pay["status"]["state"] == "suppressed"
    assert pay["status"]["inhibitedBy"] == [outage["fingerprint"]]
    assert len(pay["status"]["silencedBy"]) == 2
    assert alerts["kept", "SlaBreach"]["status"]["mutedBy"] == ["patches"]
    assert alerts["kept", "SlaBreach"]["status"]["state"] == "suppressed"
    acked = alerts["acked", "SlaBreach"]
    assert acked["status"]["state"] == "active"
    assert acked["annotations"]["ack_by"] == "ann"
    assert acked["annotations"]["ack_until"] == "2015-02-21T12:01:00.000Z"
    assert alerts["x", "Up"]["generatorURL"] == "http://p/g"
    assert all(one["endsAt"] > "2015-02-21T12:04" for one in alerts.values())
    # An acknowledgement that has run out, and a silence that is over, are so by the clock alone.
    world.now_us = START_US + MINUTE_US
    (acked,) = world.get('/api/v2/alerts?filter=service="acked"')
    assert "ack_by" not in acked["annotations"]
    world.now_us = START_US + 60 * MINUTE_US
    (pay,) = world.get('/api/v2/alerts?filter=service="pay"&filter=alertname!="Outage"')
    assert pay["status"]["silencedBy"] == []
    assert {one["status"]["state"] for one in world.get("/api/v2/silences")} == {"expired"}
    assert world.get("/api/v2/silences?expired=false") == []


def test_only_what_is_asked_for_is_answered(world: World) -> None:
    fill(world)

    def found(query: str) -> set[str]:
        return {one["labels"]["service"] for one in world.get(f"/api/v2/alerts?{query}")}

    assert found("active=false") == {"pay", "kept"}
    assert found("silenced=false") == {"acked", "kept", "x"}
    assert found("silenced=false&inhibited=false&active=false") == {"kept"}
    assert found("active=&silenced=yes") == {"pay", "kept", "acked", "x"}
    assert found("receiver=bo.*") == {"pay"}
    assert found("receiver=bo") == set()
    assert found("receiver_matchers=team%3Dx") == set()
    assert found("filter=service%3D~p.%2B&filter=alertname!%3DOutage") == {"pay"}
    groups = world.get("/api/v2/alerts/groups?muted=false")
    assert {one["labels"].get("service") for one in groups} == {"acked", "x"}


def test_what_cannot_be_read_is_400_and_says_so_in_a_json_string(world: World) -> None:
    for path in (
        "alerts?filter=X",
        "alerts?filter=a%3Db&filter=",
        "alerts?filter=a%3D~%28",
        "alerts?receiver=%28",
        "alerts/groups?filter=X",
        "silences?filter=X",
        "receivers?receiver_matchers=X",
        "alerts?" + "&".join(["filter=a%3Db"] * 101),
    ):
        answer = world.responder.get(f"/api/v2/{path}")
        assert answer.status_code == 400, path
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json(), str)


def test_nothing_but_our_own_paths_is_answered(world: World) -> None:
    for path in ("/alertmanager/api/v2/status", "/am/alertmanager/api/v2/status", "/api/v2/nothing", "/am/api/v2"):
        assert world.responder.get(path).status_code == 404, path
    for path in ("alerts", "silences", "status", "receivers", "alerts/groups"):
        assert world.responder.get(f"/am/api/v1/{path}").status_code == 410
    assert world.responder.post("/am/api/v1/alerts", json=[]).status_code == 410
    for path in ("/-/healthy", "/-/ready", "/am/-/ready"):
        assert world.responder.get(path).text == "OK"


def test_karma_learns_a_version_that_it_understands(world: World) -> None:
    families = list(text_string_to_metric_families(world.responder.get("/metrics").text))
    (sample,) = [one for family in families for one in family.samples if one.name == "alertmanager_build_info"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", sample.labels["version"])
    assert sample.labels["version"] == world.get("/api/v2/status")["versionInfo"]["version"]


def test_who_may_not_is_told_in_json_and_never_sent_to_a_login_page(world: World) -> None:
    for role in (None, Role.VIEWER):
        asking = client(world.app, role)
        refused = 401 if role is None else 403
        reads = [
            asking.get(f"/api/v2/{path}") for path in ("alerts", "alerts/groups", "silences", "status", "receivers")
        ]
        assert {answer.status_code for answer in reads} == {401 if role is None else 200}
        writes = [
            asking.post("/api/v2/alerts", json=[{"labels": {"a": "b"}}]),
            asking.post("/am/api/v2/silences", json=world.silence()),
            asking.delete("/api/v2/silence/7d2dbcb1-0000-4000-8000-000000000000"),
        ]
        for answer in [*writes, *(answer for answer in reads if answer.status_code != 200)]:
            assert answer.status_code == refused
            assert isinstance(answer.json(), str)
        assert world.get("/api/v2/silences") == []


def test_alerts_that_are_well_are_kept_even_where_others_are_not(world: World) -> None:
    body = [
        {"labels": {"alertname": "Good", "empty": ""}, "startsAt": "0001-01-01T00:00:00.000Z"},
        {"labels": {"alertname": 5}},
        {"labels": {"": "x"}},
        {"labels": {"empty": ""}},
        {"labels": {"alertname": "Backwards"}, "startsAt": LATER, "endsAt": "2015-02-21T12:00:00Z"},
        {"labels": {"alertname": "When"}, "endsAt": "soon"},
        "text",
        {"labels": {"alertname": "Odd"}, "startsAt": "2015-02-21T13:59:59.123456789+02:00", "more": 1},
    ]
    answer = post(world, "/api/v2/alerts", body)
    assert answer.status_code == 400
    assert all(f"alert {number}: " in answer.json() for number in range(1, 7))
    found = {one["labels"]["alertname"]: one for one in world.get("/api/v2/alerts")}
    assert set(found) == {"Good", "Odd"}
    assert found["Good"]["labels"] == {"alertname": "Good"}
    assert found["Good"]["startsAt"] == "2015-02-21T12:00:00.000Z"
    assert found["Odd"]["startsAt"] == "2015-02-21T11:59:59.123Z"
    for wrong in (b"", b"null", b"{}", b"[", b"\xff", b'[{"labels":{"a":"\xff"}}]'):
        refused = post(world, "/api/v2/alerts", wrong)
        assert (refused.status_code, isinstance(refused.json(), str)) == (400, True), wrong


def test_a_repeat_is_no_change_and_moves_the_end(world: World) -> None:
    alert = {"labels": {"alertname": "Up"}, "annotations": {"summary": "x"}, "startsAt": "2015-02-21T11:00:00Z"}
    for minute in range(3):
        world.now_us = START_US + minute * MINUTE_US
        assert post(world, "/api/v2/alerts", [alert]).content == b""
        (found,) = world.get("/api/v2/alerts")
        assert found["endsAt"] == f"2015-02-21T12:0{5 + minute}:00.000Z"
        assert found["updatedAt"] == f"2015-02-21T12:0{minute}:00.000Z"
    detail = world.store.get(found["fingerprint"])
    assert detail is not None
    assert [one.step for one in detail.history] == ["firing"]
    (mine,) = (one.entry for one in trail_of(world.store).newest_first() if one.entry.action == "alerts.push")
    assert mine.count == 1


def test_silences_are_made_changed_and_ended(world: World) -> None:
    made = post(world, "/api/v2/silences", world.silence())
    assert made.status_code == 200
    silence_id = made.json()["silenceID"]
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", silence_id)
    changed = world.silence(id=silence_id, comment="longer", endsAt="2015-02-21T14:00:00+00:00", createdBy="ben")
    assert post(world, "/api/v2/silences", changed).json() == {"silenceID": silence_id}
    found = world.get(f"/api/v2/silence/{silence_id}")
    assert (found["comment"], found["endsAt"], found["createdBy"]) == ("longer", "2015-02-21T14:00:00.000Z", "ben")
    other = world.silence(
        id=silence_id, matchers=[{"name": "service", "value": "a|b", "isRegex": True, "isEqual": False}]
    )
    other["matchers"].append({"name": "zone", "value": "x", "isRegex": False})
    replacing = post(world, "/api/v2/silences", other).json()["silenceID"]
    assert replacing != silence_id
    assert world.get(f"/api/v2/silence/{silence_id}")["status"] == {"state": "expired"}
    assert world.get(f"/api/v2/silence/{replacing}")["matchers"] == [
        {"isEqual": False, "isRegex": True, "name": "service", "value": "a|b"},
        {"isEqual": True, "isRegex": False, "name": "zone", "value": "x"},
    ]
    for _ in range(2):
        ended = world.responder.delete(f"/api/v2/silence/{replacing}")
        assert (ended.status_code, ended.content) == (200, b"")
    assert [one["status"]["state"] for one in world.get("/api/v2/silences")] == ["expired", "expired"]
    actions = [one.entry.action for one in trail_of(world.store).newest_first()]
    assert sorted(actions) == ["silence.change", "silence.change", "silence.create", "silence.end"]


SENSELESS: list[tuple[int, dict[str, Any]]] = [
    (404, {"id": "7d2dbcb1-0000-4000-8000-000000000000"}),
    (400, {"endsAt": "2015-02-21T12:00:00Z"}),
    (400, {"startsAt": "2015-02-21T10:00:00Z", "endsAt": "2015-02-21T11:00:00Z"}),
    (400, {"endsAt": "0001-01-01T00:00:00Z"}),
    (400, {"endsAt": "tomorrow"}),
    (400, {"matchers": []}),
    (400, {"matchers": [{"name": "a", "value": "", "isRegex": False}]}),
    (400, {"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}),
    (400, {"matchers": [{"name": "a", "value": "(", "isRegex": True}]}),
    (400, {"matchers": [{"name": "", "value": "x", "isRegex": False}]}),
    (400, {"matchers": [{"name": "a"}]}),
    (400, {"matchers": None}),
    (400, {"comment": None}),
    (400, {"comment": ""}),
]


def test_silences_that_make_no_sense_are_refused(world: World) -> None:
    for status, other in SENSELESS:
        answer = post(world, "/api/v2/silences", world.silence(**other))
        assert (answer.status_code, isinstance(answer.json(), str)) == (status, True), (other, answer.text)
    assert world.get("/api/v2/silences") == []


def test_a_program_gives_whole_ids_and_older_ones_stay(world: World) -> None:
    book = SilenceBook(world.store, lambda: "0123abcd")
    old = book.add(["a=b"], ends_us=START_US + MINUTE_US, author="kim", comment="x", now_us=START_US)
    until(lambda: world.app.state.makegood.mirror.silences, "the silence")
    assert world.get(f"/api/v2/silence/{old.id}")["id"] == "0123abcd"
    for begins in ("0123", "", "../silences"):
        assert world.responder.delete(f"/api/v2/silence/{begins}").status_code in {404, 405}
    assert world.responder.get("/api/v2/silence/0123").status_code == 404
    assert world.responder.delete("/api/v2/silence/0123abcd").status_code == 200


@pytest.mark.usefixtures("shown")
def test_without_routes_there_is_a_configuration_all_the_same(store: AlertStore) -> None:
    world = World(store, route=None, receivers={}, inhibit_rules=[], maintenance_windows={})
    with world.responder:
        config = yaml.safe_load(world.get("/api/v2/status")["config"]["original"])
        assert config["route"]["receiver"] == config["receivers"][0]["name"]
        assert post(world, "/api/v2/alerts", [{"labels": {"a": "b"}}]).status_code == 200
        (alert,) = world.get("/api/v2/alerts")
        assert alert["receivers"] == []
        assert world.get("/api/v2/alerts/groups") == []


def test_every_route_of_both_addresses_is_the_same_and_unknown_methods_are_refused(world: World) -> None:
    assert world.responder.put("/api/v2/alerts", json=[]).status_code == 405
    assert isinstance(TestClient(world.app).get("/api/v2/alerts").json(), str)
