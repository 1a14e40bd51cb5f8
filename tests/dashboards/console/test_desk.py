"""Silences, feeds, detectors, channels, duty and the audit log as pages: what they show, and what they refuse."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from alerts.control_log import ControlLog
from alerts.silences import SilenceBook
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from alerts.trail import Trail
from dashboards.access.contract import Role
from dashboards.console.query import written
from dashboards.server import build_app
from detectors.contract import Finding
from pipeline.assembly import load_settings
from pipeline.findings.store import FindingStore
from sinks.drill.report import CaseResult, ReceiverResult, save_drill
from tests.support.alerts import START_US, change
from tests.support.patience import until
from tests.support.web import TOKEN, Somebody

HOUR_US = 3_600_000_000
XSS = '<script>alert("x")</script>'
PLAIN: dict[str, Any] = {
    "feeds": {"posts": {"type": "file", "path": "posts.jsonl"}},
    "detectors": {
        "drop": {"type": "sentiment_drop", "group_by": ["service"], "window": "1h", "alert_budget": "2 per week"},
        "bad": {"type": "negative_survey"},
    },
    "channels": {"log": {"type": "console"}},
    "people": {"ann": {"receiver": "ops"}},
    "schedules": {
        "first": {"zone": "UTC", "rotations": [{"people": ["ann"], "start": "2015-01-01T00:00:00", "shift": "1w"}]}
    },
    "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
    "route": {"receiver": "ops"},
    "urgency": {"by_severity": {"critical": "urgent", "warning": "normal", "info": "low"}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "makegood.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, "store": {"dir": str(tmp_path / "var")}}))
    return path


def client_of(store: AlertStore, config: Path, role: Role = Role.ADMIN) -> TestClient:
    settings = load_settings(config).settings
    app = build_app(store, settings, access=Somebody(role=role), now_us=lambda: START_US, build="1", config=config)
    return TestClient(app, headers={"X-CSRF-Token": TOKEN}, follow_redirects=False)


@pytest.fixture
def web(store: AlertStore, config: Path) -> Iterator[TestClient]:
    with client_of(store, config) as client:
        until(lambda: client.app.state.makegood.mirror.complete)  # type: ignore[attr-defined]
        yield client


def fire(store: AlertStore, web: TestClient, *alerts: Any) -> None:
    """Have alerts fire, and wait until the pages know."""
    store.apply(alerts)
    until(lambda: len(web.app.state.makegood.mirror.alerts) == len(alerts))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path", ["/silences", "/silences/new", "/feeds", "/dead-letters", "/detectors", "/channels", "/duty", "/audit"]
)
def test_every_page_says_something_where_there_is_nothing(web: TestClient, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 200
    assert "<h1>" in answer.text
    part = web.get(path, headers={"HX-Request": "true"})
    assert part.status_code == 200


def test_what_a_silence_would_hide_is_said_before_it_is_made(web: TestClient, store: AlertStore) -> None:
    fire(store, web, change(service="pay"), change(service="pay", region="eu"), change(service="web"))
    told = web.get("/silences/new", params={"m": "service=pay"}, headers={"HX-Request": "true"}).text
    assert "Would hide now: 2 alerts" in told
    assert "amtool silence add" in told
    wrong = web.get("/silences/new", params={"m": "service=~("}, headers={"HX-Request": "true"}).text
    assert "Would hide" not in wrong
    assert "strip late" in wrong


def test_the_form_of_a_silence_understands_what_the_page_of_an_alert_and_the_inbox_fill_into_it(
    web: TestClient, store: AlertStore
) -> None:
    this = change(service="pay", region="north west", severity="critical", summary="it is this one")
    fire(store, web, this, change(service="pay", region="eu", severity="critical"))
    for page in (f"/a/{this.fingerprint}", "/inbox?view=alerts"):
        links = [html.unescape(one) for one in re.findall(r'href="(/silences/new[^"]+)"', web.get(page).text)]
        told = [web.get(link, headers={"HX-Request": "true"}).text for link in links]
        assert any("Would hide now: 1 alert" in one and "it is this one" in one for one in told), page
    made = web.post("/silences", data={"m": written(this.labels), "for": "1h", "why": "known", "p1": "true"})
    assert made.status_code == 303
    (silence,) = SilenceBook(store).list(START_US)
    assert 'region="north west"' in silence.matchers
    assert silence.matches(this.labels)


def test_a_silence_is_made_lengthened_and_ended_and_all_of_it_is_on_record(web: TestClient, store: AlertStore) -> None:
    fire(store, web, change(service="pay"))
    made = web.post("/silences", data={"m": "service=pay", "for": "1h", "why": XSS})
    assert made.status_code == 303
    (silence,) = SilenceBook(store).list(START_US)
    assert (silence.matchers, silence.ends_us, silence.author) == (('service="pay"',), START_US + HOUR_US, "anna")
    page = web.get("/silences").text
    assert XSS not in page
    assert "&lt;script&gt;" in page
    web.post(f"/silences/{silence.id}/extend", data={"minutes": "60"})
    (longer,) = SilenceBook(store).list(START_US)
    assert longer.ends_us == START_US + 2 * HOUR_US
    web.post(f"/silences/{silence.id}/end")
    assert SilenceBook(store).list(START_US) == []
    actions = [kept.entry.action for kept in Trail(store).newest_first()]
    assert actions == ["silence.end", "silence.change", "silence.create"]


def test_a_silence_over_something_urgent_needs_a_second_word_and_is_short(web: TestClient, store: AlertStore) -> None:
    fire(store, web, change(service="pay", severity="critical"))
    asked = {"m": "service=pay", "for": "1h", "why": "known"}
    assert web.post("/silences", data=asked).status_code == 409
    assert web.post("/silences", data={**asked, "for": "1d", "p1": "true"}).status_code == 422
    assert SilenceBook(store).list(START_US) == []
    assert web.post("/silences", data={**asked, "p1": "true"}).status_code == 303


@pytest.mark.parametrize(
    "wrong",
    [
        {"m": "", "for": "1h", "why": "x"},
        {"m": "service=pay", "for": "1h", "why": " "},
        {"m": "service=pay", "for": "soon", "why": "x"},
        {"m": "service=pay", "until": "2015-03-29T02:30", "zone": "Europe/Berlin", "why": "x"},
        {"m": "service=pay", "until": "2015-03-29T12:30", "zone": "Nowhere/Land", "why": "x"},
        {"m": 'service=~".*"', "for": "1h", "why": "x"},
    ],
    ids=["nothing", "no reason", "no span", "a time that does not exist", "no zone", "everything"],
)
def test_what_makes_no_sense_is_refused(web: TestClient, store: AlertStore, wrong: dict[str, str]) -> None:
    assert web.post("/silences", data=wrong).status_code == 422
    assert SilenceBook(store).list(START_US) == []


def test_a_silence_ends_at_a_wall_time_in_a_zone(web: TestClient, store: AlertStore) -> None:
    asked = {"m": "service=pay", "until": "2015-02-21T18:00", "zone": "Europe/Berlin", "why": "x"}
    assert web.post("/silences", data=asked).status_code == 303
    (silence,) = SilenceBook(store).list(START_US)
    assert silence.ends_us == START_US + 5 * HOUR_US  # 12:00 UTC is 13:00 there


def test_the_knob_shows_what_it_would_do_and_goes_the_whole_way(
    web: TestClient, store: AlertStore, tmp_path: Path
) -> None:
    folder = tmp_path / "var"
    folder.mkdir(exist_ok=True)
    findings = FindingStore(folder / "findings.db")
    p_values = [0.5] * 40 + [0.002] + [0.5] * 40
    findings.add(
        [
            Finding(
                detector="drop",
                group={"service": XSS},
                start_us=START_US + (number - 1) * HOUR_US,
                end_us=START_US + number * HOUR_US,
                count=50,
                value=0.1,
                baseline=0.1,
                p_value=p_value,
                verdict="quiet",
            )
            for number, p_value in enumerate(p_values, start=1)
        ]
    )
    findings.close()
    told = web.get("/detectors/drop", params={"confirm": "3 of 4"})
    assert "1 → <strong>0</strong> alerts" in told.text
    assert "1 lost" in told.text
    assert XSS not in told.text
    assert web.post("/detectors/drop/shadow", data={"confirm": "3 of 4", "why": ""}).status_code == 422
    assert web.post("/detectors/drop/shadow", data={"confirm": "3 of 4", "why": "calmer"}).status_code == 303
    assert "Version 1" in web.get("/detectors/drop").text
    assert web.post("/detectors/drop/promote", data={"version": "1", "why": "nothing lost"}).status_code == 303
    assert "alerts go by version 1" in web.get("/detectors/drop").text
    assert web.post("/detectors/drop/rollback", data={"version": "0", "why": "missed one"}).status_code == 303
    assert "alerts go by the settings file" in web.get("/detectors/drop").text
    assert len(ControlLog(store).read().controls) == 3


def test_a_detector_of_cases_says_that_it_has_no_knob(web: TestClient) -> None:
    page = web.get("/detectors/bad").text
    assert "judges single cases" in page
    assert "Save as shadow" not in page
    assert web.get("/detectors/nobody").status_code == 404


def test_a_feed_is_shown_as_its_flow_said_and_as_unknown_when_that_is_silent(
    web: TestClient, store: AlertStore
) -> None:
    by_feed = {"posts": {"events": 1234, "partitions": 1, "last_at_us": START_US, "idle_after_us": 60_000_000}}
    report = {"flow": "running", "by_feed": by_feed}
    for at_us, state in ((START_US, "ok"), (START_US - 60_000_000, "NO DATA")):
        said = Status(kind="flow", name="0/1", at_us=at_us, every_us=2_000_000, well=True, report=report)
        Statuses(store).say(said)
        web.app.state.makegood.mirror.statuses = (said,)  # type: ignore[attr-defined]
        page = web.get("/feeds", headers={"HX-Request": "true"}).text
        assert state in page
        assert "1,234" in page


def test_the_last_drill_of_a_receiver_is_shown_case_by_case(web: TestClient, store: AlertStore) -> None:
    case = CaseResult(fault="refused", broken=("log",), tiers=(), tier=0, after_us=0)
    result = ReceiverResult(
        receiver="ops", at_us=START_US, dry=False, reached=False, cases=(case,), remarks=("log and log share a host",)
    )
    save_drill(store, result)
    page = web.get("/channels").text
    assert "nobody was told" in page
    assert "log and log share a host" in page


def test_who_is_on_duty_stands_on_the_page(web: TestClient) -> None:
    page = web.get("/duty").text
    assert "Now: <strong>ann</strong>" in page
    assert "all day" in page


def test_the_audit_log_is_found_through_exported_and_proved(web: TestClient, store: AlertStore) -> None:
    web.post("/silences", data={"m": "service=pay", "for": "1h", "why": XSS})
    page = web.get("/audit").text
    assert "The chain of hashes is whole: 1 entries" in page
    assert XSS not in page
    assert "No entry fits" in web.get("/audit", params={"who": "nobody"}).text
    exported = web.get("/audit/export.csv")
    assert exported.text.count("silence.create") == 1
    assert web.get("/audit", params={"since": "yesterday"}).status_code == 422


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.VIEWER, "/silences", 403),
        (Role.RESPONDER, "/detectors/drop/promote", 403),
        (Role.TUNER, "/channels/log/test", 403),
        (Role.TUNER, "/drills", 403),
    ],
)
def test_who_may_not_is_refused(store: AlertStore, config: Path, role: Role, path: str, status: int) -> None:
    with client_of(store, config, role) as client:
        assert client.post(path, data={"version": "1", "why": "x", "receiver": "ops"}).status_code == status
    with client_of(store, config, Role.TUNER) as client:
        assert client.get("/audit").status_code == 403


def test_a_form_without_the_token_of_the_page_changes_nothing(web: TestClient, store: AlertStore) -> None:
    refused = web.post(
        "/silences", data={"m": "service=pay", "for": "1h", "why": "x"}, headers={"X-CSRF-Token": "wrong"}
    )
    assert refused.status_code == 403
    assert SilenceBook(store).list(START_US) == []
