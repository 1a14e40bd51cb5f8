"""Prometheus' rules about Makegood itself, and what the compose file gives to Prometheus and Grafana."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.metrics.catalogue import BY_EXPOSED_NAME
from dashboards.grafana.catalogue import FOLDER
from tests.dashboards.grafana.promql import asked
from tests.deploy.tools import DEPLOY, REPO
from tests.metrics.test_declared import closed_values
from tests.support.prometheus import promtool

RULES_FILE = DEPLOY / "prometheus" / "makegood.rules.yml"
TESTS_FILE = DEPLOY / "prometheus" / "makegood.test.yml"
COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
TESTS: list[dict[str, Any]] = yaml.safe_load(TESTS_FILE.read_text(encoding="utf-8"))["tests"]
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
OF_PROMETHEUS = {"instance", "job"}


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", RULES_FILE)


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", TESTS_FILE.name, cwd=TESTS_FILE.parent)


def test_promtool_finds_nothing_wrong_with_the_settings_of_the_compose_file() -> None:
    promtool("check", "config", "--syntax-only", DEPLOY / "compose" / "prometheus.yml")


@EACH
def test_a_rule_asks_for_declared_metrics_by_values_that_they_have(rule: dict[str, Any]) -> None:
    for name, matchers in asked(rule["expr"]).metrics:
        if name == "up":
            continue
        labels = {label.name: label for label in BY_EXPOSED_NAME[name].labels}
        for label, op, value in matchers:
            closed = closed_values(labels[label])
            assert closed is None or set(value.split("|") if op == "MatchOp.Re" else [value]) <= closed


@EACH
def test_a_rule_has_a_severity_and_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert not rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")


@EACH
def test_every_rule_is_seen_to_fire_in_a_test(rule: dict[str, Any]) -> None:
    fired = {one["alertname"] for test in TESTS for one in test.get("alert_rule_test", ()) if one["exp_alerts"]}
    assert rule["alert"] in fired


def test_names_of_rules_are_unique_and_say_whose_they_are() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(name.startswith("Makegood") for name in names)


def mounted(service: str) -> dict[str, Path]:
    """Return what is mounted from the repository, by where it is found in the container."""
    split = [volume.split(":") for volume in COMPOSE[service]["volumes"] if volume.startswith("./")]
    assert all(options == ["ro"] for _, _, *options in split)
    return {target: REPO / source for source, target, *_ in split}


def test_prometheus_of_the_compose_file_has_the_rules_and_jobs_that_they_name() -> None:
    settings = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    (pattern,) = settings["rule_files"]
    folder, _, files = pattern.rpartition("/")
    assert list(mounted("prometheus")[folder].glob(files)) == [RULES_FILE]
    jobs = {job["job_name"] for job in settings["scrape_configs"]}
    assert {job for job in jobs if job.startswith("makegood-")} == jobs - {"prometheus"}


def test_grafana_of_the_compose_file_has_the_dashboards_that_are_kept() -> None:
    there = mounted("grafana")
    (file,) = there["/etc/grafana/provisioning/dashboards"].glob("*.yaml")
    (provider,) = yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    assert there[provider["options"]["path"]] == FOLDER
    assert provider["allowUiUpdates"] is False
    assert provider["folderUid"] == "makegood"
