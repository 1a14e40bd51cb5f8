"""What karma, kthxbye and Grafana send, sent again as they send it; answers are decoded as strictly as they do it.

Taken from their sources: karma's ``internal/alertmanager``, ``internal/mapper/v017`` and ``cmd/karma/proxy.go``;
kthxbye's ``main.go``; Grafana's ``lotex_am.go``, ``proxyutil.go``, ``DataSource.ts`` and ``alertmanagerApi.ts``.
Go's decoder takes no number for a text, no time without a zone, and keeps what the element before had where a key
is missing: so every key is there, always.
"""

import base64
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import httpx
import msgspec
import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from alerts.store import AlertStore
from tests.dashboards.api.v2.conftest import TOKENS
from tests.support.alerts import change
from tests.support.patience import PATIENCE_S, until
from tests.support.served import served

T = TypeVar("T")
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]
BEARER = {"Authorization": f"Bearer {TOKENS['responder']}"}
BASIC = {"Authorization": "Basic " + base64.b64encode(f"any:{TOKENS['responder']}".encode()).decode()}
OF_A_BROWSER = {
    "Origin": "https://karma.example.com",
    "Referer": "https://karma.example.com/?q=%40state%3Dactive",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Cookie": "karma=1",
    "X-Forwarded-For": "192.0.2.7",
}
"""karma's proxy hands on whatever the browser has sent to karma, and says for whom."""
OF_GRAFANA = {
    **BEARER,
    "User-Agent": "Grafana/13.0.1",
    "X-Forwarded-For": "192.0.2.7",
    "X-Grafana-Referer": "https://grafana.example.com/alerting/groups",
    "Via": "1.1 grafana",
    "Accept": "application/json, text/plain, */*",
}


class Named(msgspec.Struct):
    name: str


class Matcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool


class SilenceStatus(msgspec.Struct):
    state: Literal["active", "pending", "expired"]


class Silence(msgspec.Struct, rename="camel"):
    id: str
    status: SilenceStatus
    matchers: list[Matcher]
    created_by: str
    comment: str
    starts_at: Zoned
    ends_at: Zoned
    updated_at: Zoned


class AlertStatus(msgspec.Struct, rename="camel"):
    state: Literal["active", "suppressed", "unprocessed"]
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str]


class Alert(msgspec.Struct, rename="camel"):
    fingerprint: str
    annotations: dict[str, str]
    labels: dict[str, str]
    receivers: list[Named]
    starts_at: Zoned
    ends_at: Zoned
    updated_at: Zoned
    status: AlertStatus
    generator_url: str = msgspec.field(default="", name="generatorURL")


class Group(msgspec.Struct, rename="camel"):
    labels: dict[str, str]
    receiver: Named
    alerts: list[Alert]


class Made(msgspec.Struct):
    silence_id: str = msgspec.field(name="silenceID")


@pytest.fixture
def http(store: AlertStore, guarded: Callable[[], FastAPI]) -> Iterator[httpx.Client]:
    """Us, with alerts of two services, behind a login."""
    store.apply([change("Outage", service=name, severity="critical", team="none") for name in ("pay", "app")])
    app = guarded()
    with served(app) as url, httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        until(lambda: len(app.state.makegood.mirror.alerts) == 2, "the alerts")
        yield http


def got(http: httpx.Client, path: str, kind: type[T], headers: dict[str, str] = BEARER) -> T:
    """Return what is answered, decoded."""
    answer = http.get(path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    return msgspec.json.decode(answer.content, type=kind)


def text(time: datetime) -> str:
    """Return a time as browsers write it."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def acknowledgement(**other: Any) -> dict[str, Any]:
    """Return what karma's page sends when somebody acknowledges a group of alerts."""
    now = datetime.now(UTC)
    return {
        "comment": "ACK! This alert was acknowledged using karma on Sun, 22 Nov 2026 10:00:00 GMT",
        "createdBy": "karma",
        "endsAt": text(now + timedelta(seconds=900)),
        "matchers": [
            {"isRegex": False, "name": "alertname", "value": "Outage", "isEqual": True},
            {"isRegex": True, "name": "service", "value": "(pay|shop)", "isEqual": True},
        ],
        "startsAt": text(now),
        **other,
    }


@pytest.mark.parametrize("prefix", ["", "/am"])
@pytest.mark.parametrize("login", [BEARER, BASIC])
def test_a_cycle_of_karma_finds_all_that_it_looks_for(http: httpx.Client, prefix: str, login: dict[str, str]) -> None:
    go = {**login, "User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
    made = http.post("/api/v2/silences", json=acknowledgement(), headers=BEARER)
    assert made.status_code == 200
    told = http.get(f"{prefix}/metrics", headers=go)
    (version,) = (
        sample.labels["version"]
        for family in text_string_to_metric_families(told.text)
        for sample in family.samples
        if sample.name == "alertmanager_build_info"
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", version), "karma stops at any other"
    status = http.get(f"{prefix}/api/v2/status", headers=go)
    assert status.status_code == 200
    silences = got(http, f"{prefix}/api/v2/silences", list[Silence], go)
    groups = got(http, f"{prefix}/api/v2/alerts/groups", list[Group], {**go, "Accept": "application/json"})
    by_id = {one.id: one for one in silences}
    assert len(by_id) == len(silences) == 1
    keys = [(one.receiver.name, tuple(sorted(one.labels.items()))) for one in groups]
    assert len(set(keys)) == len(keys) > 0, "a group is known by its receiver and its labels"
    of_pay = [alert for group in groups for alert in group.alerts if alert.labels["service"] == "pay"]
    assert {one.status.state for one in of_pay} == {"suppressed"}
    assert {id_ for one in of_pay for id_ in one.status.silenced_by} == set(by_id)


def test_what_somebody_does_in_karma_comes_through_its_proxy_with_a_token_in_a_header(http: httpx.Client) -> None:
    sent = {**OF_A_BROWSER, **BEARER, "Content-Type": "application/json"}
    answer = http.post("/api/v2/silences", json=acknowledgement(), headers=sent)
    made = msgspec.json.decode(answer.content, type=Made)
    (pay,) = got(http, '/api/v2/alerts?filter=service="pay"', list[Alert])
    assert (pay.status.state, pay.status.silenced_by) == ("suppressed", [made.silence_id])
    # Somebody makes it longer in karma's form: with its id, and what karma read with it.
    changed = acknowledgement(id=made.silence_id, endsAt=text(datetime.now(UTC) + timedelta(hours=2)))
    again = http.post("/api/v2/silences", json=changed, headers=sent)
    assert again.status_code == 200
    id_ = msgspec.json.decode(again.content, type=Made).silence_id
    ended = http.delete(f"/api/v2/silence/{id_}", headers={**OF_A_BROWSER, **BEARER})
    assert (ended.status_code, ended.content) == (200, b"")
    (pay,) = got(http, '/api/v2/alerts?filter=service="pay"', list[Alert])
    assert pay.status.state == "active"


def test_a_browser_s_request_with_a_password_is_refused_and_a_header_is_what_karma_is_to_be_given(
    http: httpx.Client,
) -> None:
    # A browser sends a password by itself, also with what another site made: nobody can tell karma's proxy from that.
    refused = http.post("/api/v2/silences", json=acknowledgement(), headers={**OF_A_BROWSER, **BASIC})
    assert refused.status_code == 403
    assert "Another site" in refused.json()
    assert got(http, "/api/v2/silences", list[Silence]) == []


def test_kthxbye_makes_an_acknowledgement_of_karma_last_while_the_alert_does(http: httpx.Client) -> None:
    soon = text(datetime.now(UTC) + timedelta(minutes=2))
    http.post("/api/v2/silences", json=acknowledgement(endsAt=soon), headers=BEARER)
    query = "silenced=true&inhibited=false&active=false&unprocessed=false"
    (silenced,) = got(http, f"/api/v2/alerts?{query}", list[Alert])
    (silence,) = got(http, "/api/v2/silences", list[Silence])
    assert silenced.status.silenced_by == [silence.id]
    assert silence.comment.startswith("ACK!")
    # It sends back all that it has read, with a later end.
    later = silence.ends_at + timedelta(minutes=15)
    sent = msgspec.to_builtins(msgspec.structs.replace(silence, ends_at=later))
    answer = http.post("/api/v2/silences", json=sent, headers={**BEARER, "User-Agent": "Go-http-client/1.1"})
    made = msgspec.json.decode(answer.content, type=Made)
    assert made.silence_id == silence.id
    (after,) = got(http, "/api/v2/silences", list[Silence])
    assert (after.id, after.ends_at, after.comment) == (silence.id, later, silence.comment)


def test_every_silence_has_every_key_whatever_has_become_of_it(http: httpx.Client) -> None:
    now = datetime.now(UTC)
    for starts, ends in ((0, 1), (1, 2), (0, 3)):
        span = {"startsAt": text(now + timedelta(hours=starts)), "endsAt": text(now + timedelta(hours=ends))}
        made = http.post("/api/v2/silences", json=acknowledgement(**span), headers=BEARER).json()["silenceID"]
    http.delete(f"/api/v2/silence/{made}", headers=BEARER)
    found = got(http, "/api/v2/silences", list[dict[str, Any]])
    keys = set(Silence.__struct_encode_fields__)
    of_matchers = set(Matcher.__struct_encode_fields__)
    assert [one["status"]["state"] for one in found] == ["active", "pending", "expired"]
    assert all(keys <= one.keys() for one in found)
    assert all(of_matchers == matcher.keys() for one in found for matcher in one["matchers"])


def test_grafana_s_data_source_is_well_and_shows_alerts_groups_and_silences(http: httpx.Client) -> None:
    # "Save & test": what answers the first of these would be taken for Mimir.
    assert http.get("/am/alertmanager/api/v2/status", headers=OF_GRAFANA).status_code == 404
    assert http.get("/am/api/v1/status/buildinfo", headers=OF_GRAFANA).status_code == 404
    status = http.get("/am/api/v2/status", headers=OF_GRAFANA).json()
    config = yaml.safe_load(status["config"]["original"])
    assert config["route"]["receiver"] in {one["name"] for one in config["receivers"]}
    # Names with anything but letters, digits and underscores stand in quotes, as values always do.
    filters = [("filter", 'service="pay"'), ("filter", '"team of, all"!="x"'), ("filter", 'alertname=~"Out.*"')]
    flags = [("silenced", "false"), ("active", "true"), ("inhibited", "false"), ("unprocessed", "true")]
    query = str(httpx.QueryParams([*filters, *flags]))
    (alert,) = got(http, f"/am/api/v2/alerts?{query}", list[Alert], OF_GRAFANA)
    assert alert.labels["service"] == "pay"
    groups = got(http, f"/am/api/v2/alerts/groups?{query}&receiver=boss", list[Group], OF_GRAFANA)
    assert {one.receiver.name for one in groups} == {"boss"}
    assert [one.labels["service"] for group in groups for one in group.alerts] == ["pay"]
    # Somebody makes a silence in Grafana, looks at it, and ends it.
    made = http.post("/am/api/v2/silences", json=acknowledgement(comment="x", createdBy="admin"), headers=OF_GRAFANA)
    id_ = msgspec.json.decode(made.content, type=Made).silence_id
    assert got(http, f"/am/api/v2/silence/{id_}", Silence, OF_GRAFANA).created_by == "admin"
    assert [one.id for one in got(http, "/am/api/v2/silences", list[Silence], OF_GRAFANA)] == [id_]
    assert http.delete(f"/am/api/v2/silence/{id_}", headers=OF_GRAFANA).status_code == 200
    assert got(http, f"/am/api/v2/silence/{id_}", Silence, OF_GRAFANA).status.state == "expired"
