"""Bringing dashboards to a Grafana: what is otherwise is changed, once; nothing else; and no token is ever shown."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from alerts.store import AlertStore
from config.grafana import GrafanaSettings
from config.secret import SecretMissingError
from dashboards.grafana.catalogue import BOARDS
from dashboards.grafana.client import Grafana, GrafanaError
from dashboards.grafana.push import Step, plan
from detectors.contract import AlertChange
from tests.cli.support import Finished, makegood
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.grafana import TOKEN, FakeGrafana, fake_grafana, said
from tests.support.http import Answer, refused_port
from tests.support.patience import PATIENCE_S

SOURCE_TOKEN = "canary-of-the-source"
UIDS = {f"makegood-{name}" for name in BOARDS}
NOW_US = START_US + 60 * MINUTE_US


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGrafana]:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("SOURCE_TOKEN", SOURCE_TOKEN)
    with fake_grafana() as server:
        yield server


def settings_of(server: FakeGrafana, **more: Any) -> GrafanaSettings:
    plain = {
        "url": server.url + server.prefix,
        "prometheus": {"url": "http://prometheus:9090"},
        "alertmanager": {"url": "http://console:8080/am", "token": {"env": "SOURCE_TOKEN"}},
        "console_url": "https://makegood.example/",
    }
    return GrafanaSettings.model_validate({**plain, **more})


def planned(settings: GrafanaSettings, alerts: list[AlertChange] | None = None, **more: Any) -> list[Step]:
    grafana = Grafana(settings.url, settings.secret_token(), PATIENCE_S)
    return plan(grafana, settings, alerts or [], now_us=NOW_US, message="makegood 1", **more)


def push(settings: GrafanaSettings, alerts: list[AlertChange] | None = None, **more: Any) -> list[str]:
    steps = planned(settings, alerts, **more)
    for step in steps:
        step.do()
    return [f"{step.act} {step.what} {step.name}" for step in steps]


def test_an_empty_grafana_gets_everything_and_the_second_push_changes_nothing(server: FakeGrafana) -> None:
    settings = settings_of(server)
    done = push(settings, [drop()])
    assert done[:3] == [
        "create folder makegood",
        "create data source makegood-prometheus",
        "create data source makegood-alerts",
    ]
    assert server.dashboards.keys() == UIDS
    assert set(server.placed.values()) == {"makegood"}
    assert len(server.annotations) == 1
    assert set(server.messages) == {"makegood 1"}
    before = copy.deepcopy(server.dashboards)
    server.writes.clear()
    assert push(settings, [drop()]) == []
    assert server.writes == []
    assert server.dashboards == before


def test_a_grafana_below_a_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with fake_grafana("/tools/grafana") as server:
        push(settings_of(server, alertmanager=None, url=f"{server.url}/tools/grafana/"))
        assert server.dashboards.keys() == UIDS


def test_dashboards_ask_the_prometheus_of_the_settings_and_link_to_its_console(server: FakeGrafana) -> None:
    push(settings_of(server))
    for model in server.dashboards.values():
        variables = {one["name"]: one for one in model["templating"]["list"]}
        assert variables["ds"]["current"]["value"] == "makegood-prometheus"
        assert variables["console"]["query"] == "https://makegood.example"
    assert server.sources["makegood-prometheus"]["url"] == "http://prometheus:9090"
    alerts = server.sources["makegood-alerts"]
    assert (alerts["type"], alerts["jsonData"]["implementation"]) == ("alertmanager", "prometheus")
    assert server.secrets["makegood-alerts"] == {"httpHeaderValue1": f"Bearer {SOURCE_TOKEN}"}


def test_what_was_changed_by_hand_is_mended_and_the_diff_says_what(server: FakeGrafana) -> None:
    settings = settings_of(server)
    push(settings)
    server.dashboards["makegood-now"]["title"] = "Mine"
    server.placed["makegood-tuning"] = ""
    server.folders["makegood"]["title"] = "Ours"
    server.sources["makegood-prometheus"]["url"] = "http://elsewhere:9090"
    server.sources["makegood-prometheus"]["basicAuth"] = True
    steps = planned(settings)
    assert [(step.act, step.what, step.name) for step in steps] == [
        ("update", "folder", "makegood"),
        ("update", "data source", "makegood-prometheus"),
        ("update", "dashboard", "makegood-now"),
        ("update", "dashboard", "makegood-tuning"),
    ]
    assert '-  "title": "Mine",' not in steps[0].diff
    assert any("Mine" in line and line.startswith("-") for line in steps[2].diff)
    assert any('"Makegood: now"' in line and line.startswith("+") for line in steps[2].diff)
    assert '-  "folder": "",' in steps[3].diff
    push(settings)
    assert planned(settings) == []
    assert server.folders["makegood"]["title"] == "Makegood"
    assert server.sources["makegood-prometheus"]["basicAuth"] is True, "what we do not know of is left as it is"


def test_tokens_of_data_sources_are_written_again_only_when_asked_or_when_there_is_none(server: FakeGrafana) -> None:
    settings = settings_of(server)
    push(settings)
    steps = planned(settings, renew_secrets=True)
    assert [(step.what, step.name) for step in steps] == [("data source", "makegood-alerts")]
    assert steps[0].diff == ["+ httpHeaderValue1: (a secret)"]
    server.secrets["makegood-alerts"].clear()
    assert push(settings) == ["update data source makegood-alerts"]
    assert server.secrets["makegood-alerts"] == {"httpHeaderValue1": f"Bearer {SOURCE_TOKEN}"}


def drop(step: str = "firing", *, at_us: int = START_US, service: str = "checkout") -> AlertChange:
    one = change("SentimentDrop", step=step, at_us=at_us, service=service, summary="Anna is angry")
    return msgspec.structs.replace(one, labels={**one.labels, "detector": "sentiment_drop"})


def test_an_alert_becomes_an_annotation_that_ends_with_it_and_names_no_customer(server: FakeGrafana) -> None:
    settings = settings_of(server)
    push(settings, [drop()])
    (first,) = server.annotations.values()
    assert first["text"].splitlines() == [
        "SentimentDrop (warning), service checkout: fires",
        f"https://makegood.example/a/{drop().fingerprint}",
    ]
    assert first["time"] == first["timeEnd"] == START_US // 1000
    assert {"makegood", "alert", "warning"} < set(first["tags"])
    resolved = drop("resolved", at_us=START_US + 5 * MINUTE_US)
    episode = f"makegood:{drop().fingerprint}:{START_US}"
    assert push(settings, [resolved]) == [f"update annotation {episode}"]
    (second,) = server.annotations.values()
    assert second["timeEnd"] - second["time"] == 5 * 60_000
    assert "resolved" in second["text"]
    assert push(settings, [resolved]) == []


def test_annotations_are_of_the_newest_alerts_that_match_and_not_older_than_is_asked(server: FakeGrafana) -> None:
    settings = settings_of(server, annotations={"back": "30m", "at_most": 2})
    times = [NOW_US - minutes * MINUTE_US for minutes in (40, 20, 10, 5)]
    alerts = [msgspec.structs.replace(drop(service=f"s{index}"), starts_at_us=time) for index, time in enumerate(times)]
    customer = change("SlaBreach", starts_at_us=NOW_US)
    customer = msgspec.structs.replace(customer, labels={**customer.labels, "detector": "sla_breach"})
    push(settings, [customer, *alerts])
    assert sorted(one["time"] * 1000 for one in server.annotations.values()) == times[2:]
    assert push(settings_of(server, annotations={"at_most": 0}), alerts) == []


def test_annotations_of_other_people_are_left_alone(server: FakeGrafana) -> None:
    server.annotations[7] = {"id": 7, "time": 1, "timeEnd": 2, "tags": ["makegood", "alert"], "text": "by hand"}
    push(settings_of(server), [drop()])
    assert server.annotations[7]["text"] == "by hand"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (said(403, {"message": "You'll need additional permissions"}), "needs the role Admin"),
        (said(500, {"message": "database is locked"}), "database is locked"),
        (Answer(200, {"Content-Type": "application/json"}, b"<html>"), r"check `grafana\.url`"),
        (Answer(drop=True), r"check `grafana\.url`"),
    ],
)
def test_a_refusal_says_what_was_asked_and_what_to_do_and_no_secret(
    server: FakeGrafana, answer: Answer, told: str
) -> None:
    server.refuses[r"GET /api/folders/([\w-]+)"] = answer
    with pytest.raises(GrafanaError, match=told) as raised:
        planned(settings_of(server))
    assert "folder makegood" in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_wrong_token_and_a_grafana_that_is_away_are_told_apart(server: FakeGrafana) -> None:
    with pytest.raises(GrafanaError, match=r"does not know the token \(401\); check `grafana\.token`"):
        Grafana(server.url, SecretStr("wrong"), PATIENCE_S).folder("x")
    with refused_port() as port, pytest.raises(GrafanaError, match="could not be asked"):
        Grafana(f"http://127.0.0.1:{port}", SecretStr(TOKEN), PATIENCE_S).folder("x")


def test_a_grafana_that_does_not_answer_is_left_after_the_timeout(server: FakeGrafana) -> None:
    server.refuses[r"GET /api/folders/([\w-]+)"] = Answer(hold=True)
    with pytest.raises(GrafanaError, match="look for the folder x") as raised:
        Grafana(server.url, SecretStr(TOKEN), 0.2).folder("x")
    assert TOKEN not in str(raised.value)


def test_a_token_that_is_not_there_is_said_before_anything_is_asked(
    server: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_TOKEN")
    with pytest.raises(SecretMissingError, match="SOURCE_TOKEN"):
        planned(settings_of(server))


def test_the_token_is_where_the_settings_say_or_else_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("from the file\n")
    settings = GrafanaSettings.model_validate({"token": {"file": tmp_path / "token"}})
    assert settings.secret_token().get_secret_value() == "from the file"
    with pytest.raises(SecretMissingError, match="GRAFANA_TOKEN"):
        GrafanaSettings().secret_token()
    monkeypatch.setenv("GRAFANA_TOKEN", "from the environment")
    assert GrafanaSettings().secret_token().get_secret_value() == "from the environment"


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(
    server: FakeGrafana, store: AlertStore, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", redis_url)
    path = tmp_path / "makegood.yaml"
    path.write_text(f"""
store: {{prefix: "{store.settings.prefix}"}}
grafana:
  url: {server.url}
  timeout: 2m
  prometheus: {{url: "http://prometheus:9090"}}
  alertmanager: {{url: "http://console:8080/am", token: {{env: SOURCE_TOKEN}}}}
  annotations: {{back: 20000d}}
""")
    return path


def command(config: Path, *options: str) -> Finished:
    done = makegood("dashboards", "push", "--config", config, *options)
    assert done.defect is None
    assert TOKEN not in done.stdout + done.stderr
    assert SOURCE_TOKEN not in done.stdout + done.stderr
    return done


def test_a_dry_run_shows_what_would_be_changed_and_changes_nothing(
    server: FakeGrafana, store: AlertStore, config: Path
) -> None:
    store.apply([drop()])
    shown = command(config, "--dry-run")
    assert shown.returncode == 1, "there is something to change"
    assert "create dashboard makegood-now" in shown.stdout
    assert '+  "uid": "makegood-now"' in shown.stdout
    assert "create annotation makegood:" in shown.stdout
    assert server.writes == []
    assert command(config).stdout.splitlines()[-1] == f"{server.url}: 9 changes"
    again = command(config, "--dry-run")
    assert (again.returncode, again.stdout) == (0, f"{server.url} is as it should be\n")


def test_the_result_can_be_had_as_json(server: FakeGrafana, config: Path) -> None:
    told = json.loads(command(config, "--json", "--no-annotations").stdout)
    assert (told["url"], told["dry_run"]) == (server.url, False)
    assert [one["name"] for one in told["changes"]][:2] == ["makegood", "makegood-prometheus"]
    assert json.loads(command(config, "--json", "--no-annotations").stdout)["changes"] == []


def test_a_push_that_fails_half_way_says_how_far_it_came(server: FakeGrafana, config: Path) -> None:
    server.refuses[r"POST /api/dashboards/db"] = said(403, {"message": "no"})
    done = command(config)
    assert done.returncode == 1
    assert "would not write the dashboard makegood-now: Client Error 403: no" in done.stderr
    assert "(3 of 8 changes were made)" in done.stderr


def test_the_files_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    done = makegood("dashboards", "build", "--dir", tmp_path / "a" / "b", "--json")
    told = json.loads(done.stdout)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == told["files"]
    assert {json.loads((tmp_path / "a" / "b" / name).read_text())["uid"] for name in told["files"]} == UIDS
