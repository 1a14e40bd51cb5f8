"""``makegood routes``: the tree, where an alert would go, and what would hide it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.silences import SilenceBook
from alerts.store import AlertStore
from tests.cli.support import makegood
from tests.support.alertmanager import accepted_by_amtool, needs_amtool, routed_by_amtool
from tests.support.alerts import change
from tests.support.redis import fresh_store, redis_client, redis_server
from tests.support.silences import HOUR_US, NOW_US

SETTINGS = """
store: {{prefix: "{prefix}", dir: "{dir}"}}
channels:
  screen: {{type: console}}
  pager: {{type: webhook, url: "https://pager.example.com/v1/alerts"}}
receivers:
  ops: {{tiers: [{{channel: screen}}]}}
  on-call: {{tiers: [{{channel: pager}}, {{channel: screen}}]}}
  audit: {{tiers: [{{channel: screen}}]}}
route:
  receiver: ops
  group_by: [service, region]
  routes:
    - {{matchers: [team=audit], receiver: audit, continue: true}}
    - matchers: ['severity="critical"']
      receiver: on-call
      group_wait: 10s
      routes:
        - {{matchers: ['service=~"pay.*"'], group_by: ['...']}}
inhibit_rules:
  - {{source_matchers: [alertname=RegionDown], target_matchers: [alertname!=RegionDown], equal: [region]}}
maintenance_windows:
  patches: {{matchers: [service=shop], zone: UTC, start: 2026-03-01T02:00:00, rrule: FREQ=WEEKLY, duration: 4h}}
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[AlertStore]:
    with redis_client(url) as client:
        yield fresh_store(client)


@pytest.fixture
def config(store: AlertStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
    path = tmp_path / "m.yaml"
    path.write_text(SETTINGS.format(prefix=store.settings.prefix, dir=tmp_path / "var"))
    return path


def test_the_tree_is_drawn_with_what_holds_at_each_route(config: Path) -> None:
    done = makegood("routes", "tree", "--config", config)
    assert (done.returncode, done.defect) == (0, None)
    assert done.stdout == (
        "{} (everything) → ops  by region, service  first told after 30s, changes every 5m, "
        "again after 4h without any\n"
        '├── {team="audit"} → audit  by region, service  first told after 30s, changes every 5m, '
        "again after 4h without any  continue\n"
        '└── {severity="critical"} → on-call  by region, service  first told after 10s, changes every 5m, '
        "again after 4h without any\n"
        '    └── {service=~"pay.*"} → on-call  each alert alone  first told after 10s, changes every 5m, '
        "again after 4h without any\n"
    )


def test_the_tree_is_told_to_machines(config: Path) -> None:
    told = json.loads(makegood("routes", "tree", "--config", config, "--json").stdout)
    assert [(one["depth"], one["route"], one["receiver"], one["continue"]) for one in told] == [
        (0, "{}", "ops", False),
        (1, '{}/{team="audit"}', "audit", True),
        (1, '{}/{severity="critical"}', "on-call", False),
        (2, '{}/{severity="critical"}/{service=~"pay.*"}', "on-call", False),
    ]
    assert told[3]["channels"] == ["pager", "screen"]
    assert (told[3]["group_by"], told[3]["group_wait"], told[3]["repeat_interval"]) == (["..."], "10s", "4h")


def test_an_alert_goes_to_every_route_that_takes_it(config: Path) -> None:
    done = makegood(
        "routes", "test", "--config", config, "--no-store", "severity=critical", 'service="payments"', "team=audit"
    )
    assert (done.returncode, done.defect) == (0, None)
    assert done.stdout == (
        "audit  (screen)\n"
        '  route       {}/{team="audit"}\n'
        '  group       {}/{team="audit"}:{service="payments"}\n'
        "  times       first told after 30s, changes every 5m, again after 4h without any\n"
        "on-call  (pager → screen)\n"
        '  route       {}/{severity="critical"}/{service=~"pay.*"}\n'
        '  group       {}/{severity="critical"}/{service=~"pay.*"}:'
        '{service="payments", severity="critical", team="audit"}\n'
        "  times       first told after 10s, changes every 5m, again after 4h without any\n"
    )


def test_every_route_is_explained(config: Path) -> None:
    done = makegood("routes", "test", "--config", config, "--no-store", "--explain", "severity=critical", "team=x")
    assert done.stdout.split("every route:\n")[1] == (
        "  │ {} (everything) → ops: passes it on\n"
        '    ✗ {team="audit"} → audit: team="audit" does not match: team is "x"\n'
        '    ● {severity="critical"} → on-call: takes it\n'
        '      ✗ {service=~"pay.*"} → on-call: service=~"pay.*" does not match: there is no service\n'
    )


@pytest.mark.parametrize(("verify", "status"), [("audit,on-call", 0), ("on-call", 1), ("on-call,audit", 1)])
def test_receivers_can_be_verified(verify: str, status: int, config: Path) -> None:
    done = makegood(
        *("routes", "test", "--config", config, "--no-store", "--verify", verify, "severity=critical", "team=audit")
    )
    assert done.returncode == status
    assert ("it goes to audit, on-call" in done.stderr) is bool(status)


def test_what_would_hide_it_at_that_time_is_named(config: Path, store: AlertStore) -> None:
    store.apply([change("RegionDown", region="eu")])
    silence = SilenceBook(store).add(
        ["service=shop"], starts_us=NOW_US, ends_us=NOW_US + HOUR_US, author="kim", comment="moving", now_us=NOW_US
    )

    def mutes(at: str) -> list[tuple[str, str]]:
        done = makegood(
            *("routes", "test", "--config", config, "--json", "--at", at, "service=shop", "region=eu", "alertname=A")
        )
        assert (done.returncode, done.defect) == (0, None)
        return [(one["kind"], one["by"]) for one in json.loads(done.stdout)["mutes"]]

    assert mutes("2026-03-02T10:30:00Z") == [("inhibited", "1"), ("silenced", silence.id)]
    assert mutes("2026-03-02T12:00:00Z") == [("inhibited", "1")]
    assert mutes("2026-03-08T03:00:00Z") == [("inhibited", "1"), ("maintenance", "patches")]
    text = makegood("routes", "test", "--config", config, "--at", "2026-03-02T10:30:00Z", "service=shop").stdout
    assert "hidden at 2026-03-02 10:30:00Z:\n" in text
    assert f"  silenced by {silence.id}: moving (kim), until 2026-03-02T11:00:00Z\n" in text


def test_the_labels_can_be_those_of_an_alert(config: Path, store: AlertStore) -> None:
    made = change(severity="critical", service="payments")
    store.apply([made])
    done = makegood("routes", "test", "--config", config, "--alert", made.fingerprint[:6], "--json")
    assert json.loads(done.stdout)["labels"] == made.labels
    assert makegood("routes", "test", "--config", config, "--alert", "ffff").returncode == 1
    assert makegood("routes", "test", "--config", config, "--alert", "ffff", "--no-store").returncode == 2


def test_without_the_store_routes_are_told_all_the_same(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", "redis://127.0.0.1:1/0")
    done = makegood("routes", "test", "--config", config, "team=audit")
    assert (done.returncode, done.defect) == (0, None)
    assert "silences and what fires are not known" in done.stderr
    assert done.stdout.startswith("audit")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["severity"], "expected a label NAME=VALUE"),
        (["severity!=x"], "expected a label NAME=VALUE"),
        (["severity=~x"], "expected a label NAME=VALUE"),
        (["a=b", "a=c"], "given twice"),
        (["--at", "yesterday", "a=b"], "expected a time with its offset"),
        (["--at", "2026-03-02T10:00:00", "a=b"], "expected a time with its offset"),
    ],
)
def test_what_cannot_be_read_is_refused(arguments: list[str], says: str, config: Path) -> None:
    done = makegood("routes", "test", "--config", config, "--no-store", *arguments)
    assert (done.returncode, done.defect) == (2, None)
    assert says in done.stderr


ESCALATING = """
channels: {screen: {type: console}}
receivers:
  ana: {tiers: [{channel: screen}]}
  ben: {tiers: [{channel: screen}]}
  desk: {tiers: [{channel: screen}]}
people: {ana: {receiver: ana}, ben: {receiver: ben}}
schedules:
  primary: {zone: UTC, rotations: [{people: [ana, ben], start: 2026-03-02T09:00, shift: 1w}]}
escalations:
  duty:
    steps:
      - {notify: [receiver: desk], wait: 5m}
      - {notify: [schedule: primary, person: ana], wait: 15m}
    repeat: 1
    then: desk
route: {receiver: desk, group_wait: 10s, escalation: duty}
"""


def test_the_steps_of_the_escalation_are_told_with_who_is_on_duty_when_they_are_due(tmp_path: Path) -> None:
    config = tmp_path / "m.yaml"
    config.write_text(ESCALATING)
    asked = ("routes", "test", "a=b", "--no-store", "--config", config, "--at")
    done = makegood(*asked, "2026-03-09T08:56:00Z")  # the second step is due after the handover
    assert (done.returncode, done.defect) == (0, None)
    assert done.stdout.splitlines()[4:] == [
        "  escalation  duty, unless somebody acknowledges:",
        "              at once  receiver desk",
        "              after 5m  schedule primary, person ana: ben, ana",
        "              all of it 2 times, while nobody acknowledges",
        "              after 40m  receiver desk (the last)",
    ]
    before = json.loads(makegood(*asked, "2026-03-01T00:00:00Z", "--json").stdout)["routes"][0]["escalation_steps"]
    assert [one["after_s"] for one in before] == [0, 300, 2400]
    assert before[1]["notes"] == ["Nobody is on duty in the schedule primary."]
    assert before[2]["last"]


def test_settings_without_a_route_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("{}\n")
    done = makegood("routes", "tree", "--config", tmp_path / "m.yaml")
    assert done.returncode == 2
    assert "have no `route`" in done.stderr


@needs_amtool
def test_the_routes_are_exported_as_a_configuration_that_alertmanager_takes(config: Path, tmp_path: Path) -> None:
    done = makegood("routes", "export", "--config", config)
    assert (done.returncode, done.defect) == (0, None)
    exported = tmp_path / "alertmanager.yml"
    exported.write_text(done.stdout)
    assert accepted_by_amtool(exported)
    assert "pager.example.com" not in done.stdout  # of receivers, names alone
    labels = {"severity": "critical", "service": "payments", "team": "audit"}
    assert routed_by_amtool(exported, labels) == ["audit", "on-call"]
