"""``makegood shadow``, ``promote``, ``rollback``, ``history`` and ``verdict`` over a real Redis."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.shadow_log import ShadowLog
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import ShadowDecision
from tests.cli.support import Finished, makegood
from tests.support.alerts import START_US, change
from tests.support.events import HOUR_US
from tests.support.logging_fixtures import logging_as_it_was
from tests.support.redis import redis_client, redis_server

__all__ = ["logging_as_it_was"]
SETTINGS = """
feeds:
  social: {{type: file, path: posts.jsonl}}
detectors:
  mood: {{type: sentiment_drop, group_by: [service], alert_budget: 2 per week}}
  sla:
    type: sla_breach
    promises: [{{name: reply, kind: first_reply, target: 60, unit: minutes}}]
store: {{prefix: '{prefix}'}}
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def config(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
    path = tmp_path / "m.yaml"
    path.write_text(SETTINGS.format(prefix=f"{tmp_path.name}:"))
    return path


def run(config: Path, *arguments: str) -> Finished:
    done = makegood(*arguments, "--config", config)
    assert done.defect is None
    return done


def told(config: Path, *arguments: str) -> Any:
    done = run(config, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def begin(config: Path, *changes: str) -> Any:
    options = [part for one in changes for part in ("--set", one)]
    return told(config, "shadow", "mood", *options, "--why", "false alarms", "--by", "ada")


def test_the_story_of_a_version_from_the_shadow_to_live_and_back(config: Path, tmp_path: Path) -> None:
    backtest = tmp_path / "backtest.json"
    backtest.write_text('{"alerts": 3}')
    first = told(
        config,
        *("shadow", "mood", "--set", "alert_budget=1 per week", "--set", "confirm=2 of 3"),
        *("--why", "two false alarms on Monday", "--by", "ada", "--backtest", str(backtest)),
    )
    assert (first["number"], first["version"], first["mode"]) == (1, 1, "shadow")
    assert first["changes"] == {"alert_budget": "1 per week", "confirm": "2 of 3"}
    assert (first["flows"], first["read"]) == (0, False)
    live = told(config, "promote", "mood", "--why", "nothing was lost", "--by", "bob")
    assert (live["version"], live["mode"], live["changes"]) == (1, "live", first["changes"])
    back = told(config, "rollback", "mood", "--why", "missed an outage", "--by", "eve")
    assert (back["version"], back["mode"], back["changes"]) == (0, "live", {})
    again = told(config, "rollback", "mood", "--to", "1", "--why", "it was no outage")
    assert (again["version"], again["mode"]) == (1, "live")

    (history,) = told(config, "history")
    assert (history["live"], history["before"], history["shadows"]) == (1, 0, [])
    assert [(row["by"], row["mode"], row["version"], row["why"]) for row in history["entries"]][:3] == [
        ("ada", "shadow", 1, "two false alarms on Monday"),
        ("bob", "live", 1, "nothing was lost"),
        ("eve", "live", 0, "missed an outage"),
    ]
    text = run(config, "history", "mood").stdout
    assert text.splitlines()[0] == "mood: live: version 1"
    assert "ada  version 1 shadow  alert_budget: 1 per week, confirm: 2 of 3" in text
    assert run(config, "history", "--backtest", "1").stdout == '{"alerts": 3}\n'


def test_a_candidate_is_what_is_live_with_something_changed(config: Path) -> None:
    begin(config, "alert_budget=1 per week")
    told(config, "promote", "mood", "--why", "better")
    second = begin(config, "confirm=2 of 3")
    assert second["changes"] == {"alert_budget": "1 per week", "confirm": "2 of 3"}
    third = begin(config, "p_value.fire=0.001")
    assert third["changes"] == {"p_value": {"fire": "0.001"}}, "one knob takes the place of the others"


def test_of_several_candidates_it_must_be_said_which(config: Path) -> None:
    begin(config, "confirm=2 of 3")
    begin(config, "confirm=3 of 3")
    done = run(config, "promote", "mood", "--why", "better")
    assert done.returncode == 2
    assert "versions 1, 2 are in the shadow: say which version to promote" in done.stderr
    assert told(config, "shadow", "mood", "--stop", "--version", "1", "--why", "no use")["mode"] == "stopped"
    assert told(config, "promote", "mood", "--why", "better")["version"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shadow", "mood", "--set", "window=2h", "--why", "x"], "window cannot be changed while the detector runs"),
        (["shadow", "mood", "--set", "alert_budget=few", "--why", "x"], "'few' is not a budget"),
        (["shadow", "mood", "--set", "confirm", "--why", "x"], "expected NAME=VALUE"),
        (["shadow", "mood", "--set", "confirm=2 of 3", "--set", "confirm=3 of 3", "--why", "x"], "given twice"),
        (["shadow", "mood", "--set", "alert_budget=2 per week", "--why", "x"], "decides so already"),
        (["shadow", "mood", "--set", "confirm=2 of 3"], "give --why TEXT"),
        (["shadow", "mood", "--why", "x"], "give one of --set NAME=VALUE"),
        (["shadow", "mood", "--stop", "--why", "x"], "in the shadow: none"),
        (["shadow", "sla", "--set", "confirm=2 of 3", "--why", "x"], "sla judges single cases"),
        (["shadow", "moo", "--set", "confirm=2 of 3", "--why", "x"], "the settings have no detector 'moo'"),
        (["shadow", "mood", "--show", "--version", "4"], "mood has no version 4; there are: none"),
        (["promote", "mood", "--why", "x"], "no version is in the shadow"),
        (["promote", "mood", "7", "--why", "x"], "mood has no version 7; there are 0"),
        (["promote", "mood", "0", "--why", "x"], "version 0 of mood is live already"),
        (["rollback", "mood", "--why", "x"], "there is nothing to go back to"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(arguments: list[str], said: str, config: Path) -> None:
    done = run(config, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert told(config, "history") == []


def test_nothing_changed_is_said(config: Path) -> None:
    assert run(config, "history").stdout == "nothing was changed: all detectors go by the settings file\n"


def decided(hour: int, service: str, step: Any, starts: int, live_step: Any, live_starts: int) -> ShadowDecision:
    return ShadowDecision(
        detector="mood",
        version=1,
        live_version=0,
        group={"service": service},
        start_us=START_US + (hour - 1) * HOUR_US,
        end_us=START_US + hour * HOUR_US,
        p_value=0.001,
        verdict="fires",
        step=step,
        starts_at_us=START_US + starts * HOUR_US if starts else 0,
        level=0.01,
        live_verdict="quiet",
        live_step=live_step,
        live_starts_at_us=START_US + live_starts * HOUR_US if live_starts else 0,
    )


def test_alerts_gained_and_lost_are_shown(config: Path, url: str) -> None:
    begin(config, "confirm=2 of 3")
    rows = [
        decided(4, "open-before", None, 0, "resolved", 1),
        decided(5, "gained", "firing", 5, None, 0),
        decided(6, "both", None, 0, "firing", 6),
        decided(7, "both", "firing", 7, None, 6),
        decided(8, "both", "resolved", 7, "resolved", 6),
        decided(9, "lost", None, 0, "firing", 9),
        decided(10, "lost", None, 0, "resolved", 9),
        decided(11, "lost", "firing", 11, None, 0),
        decided(12, "lost", "resolved", 11, None, 0),
    ]
    with redis_client(url) as client:
        ShadowLog(AlertStore(client, StoreSettings(prefix=f"{config.parent.name}:"))).write(rows)
    (shown,) = told(config, "shadow", "mood", "--show")
    assert [one["group"]["service"] for one in shown["gained"]] == ["gained", "lost"]
    assert [one["group"]["service"] for one in shown["lost"]] == ["lost"]
    assert [pair["shadow"]["group"]["service"] for pair in shown["both"]] == ["both"]
    assert (shown["running"], shown["gained"][0]["endsAt"]) == (True, None)
    text = run(config, "shadow", "mood", "--show").stdout
    assert "2 alerts gained, 1 lost, 1 by both" in text
    assert "gained: service=gained" in text


def test_a_verdict_is_kept_with_the_entry_that_alerted(config: Path, url: str) -> None:
    with redis_client(url) as client:
        store = AlertStore(client, StoreSettings(prefix=f"{config.parent.name}:"))
        store.apply([change("SentimentDrop", service="app"), change("SentimentDrop", service="web")])
        fingerprints = [record.current.fingerprint for record in store.list_alerts()]
    for print_, said in zip(fingerprints, ("noise", "useful"), strict=True):
        given = told(config, "verdict", print_[:8], said, "--by", "ada", "--note", "a campaign")
        assert given["fingerprint"] == print_
    (history,) = told(config, "history")
    assert history["verdicts"] == {"noise": 1, "useful": 1}
    assert "noise" in run(config, "verdict", fingerprints[0], "noise").stdout
    for wrong, status in (("", 1), ("zzz", 1)):
        assert run(config, "verdict", wrong, "noise").returncode == status
    assert run(config, "verdict", fingerprints[0], "meh").returncode == 2


def test_a_store_that_is_away_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", "redis://127.0.0.1:1/0")
    done = run(config, "shadow", "mood", "--set", "confirm=2 of 3", "--why", "x")
    assert done.returncode == 1
    assert "cannot be used now" in done.stderr


def test_a_verdict_repeats_what_the_alert_said_when_it_fired(config: Path, url: str) -> None:
    with redis_client(url) as client:
        store = AlertStore(client, StoreSettings(prefix=f"{config.parent.name}:"))
        store.apply([change("SentimentDrop", service="app", summary="app: posts are angry")])
        store.apply([change("SentimentDrop", step="resolved", service="app", summary="app: recovered")])
        (record,) = store.list_alerts()
    assert record.current.status == "resolved"
    assert "was noise: app: posts are angry" in run(config, "verdict", record.current.fingerprint, "noise").stdout
