"""``makegood drill`` and ``makegood audit``."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.store import AlertStore
from sinks.drill.report import load_drills
from tests.cli.support import REPO, makegood
from tests.support.alerts import change
from tests.support.redis import fresh_store, redis_client, redis_server

SETTINGS = """
store: {{prefix: "{prefix}"}}
channels:
  pager: {{type: webhook, url: "https://pager.example.com/a"}}
  second: {{type: webhook, url: "https://pager.example.com/b"}}
  log: {{type: file, path: "{folder}/log.jsonl"}}
  other: {{type: file, path: "{folder}/other/log.jsonl"}}
receivers:
  files: {{tiers: [{{channel: log}}, {{channel: other}}]}}
  alike: {{tiers: [{{channel: pager}}, {{channel: second}}]}}
route: {{receiver: files, group_wait: 0s, routes: [{{matchers: [team=web], receiver: alike}}]}}
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
    path.write_text(SETTINGS.format(prefix=store.settings.prefix, folder=tmp_path))
    return path


def test_a_drill_tells_tier_by_tier_what_delivered(config: Path, store: AlertStore) -> None:
    done = makegood("drill", "files", "--config", config, "--fault", "refused", "--fault", "intact")
    assert (done.returncode, done.defect) == (0, None)
    rows = [re.sub(r"\s{2,}", "  ", line).strip() for line in done.stdout.splitlines()]
    assert rows[:2] == ["files", "broken  how  tier  channel  what happened  after"]
    assert re.fullmatch(
        r"log  refuses connections  1  log  failed: unreachable: .* refused( \(\d tries\))?  \d+\.\d s", rows[2]
    )
    assert re.fullmatch(r"2  other  delivered  \d+\.\d s", rows[3])
    assert re.fullmatch(r"nothing  1  log  delivered  0\.\d s", rows[4])
    assert rows[5] == "2  other  not needed"
    assert done.stdout.endswith("every receiver is reached in every case\n")
    assert load_drills(store)["files"].reached


def test_a_drill_finds_a_failover_that_is_none_without_sending_anything(config: Path, store: AlertStore) -> None:
    done = makegood("drill", "alike", "--config", config, "--fault", "black_hole")
    assert (done.returncode, done.defect) == (1, None)
    assert "broken with it: it shares pager.example.com" in done.stdout
    assert "NOBODY WAS TOLD" in done.stdout
    assert "note: so there is no failover for pager; add a tier that needs nothing of it" in done.stdout
    assert not load_drills(store)["alike"].reached


def test_a_drill_for_machines_is_json_and_nothing_else(config: Path) -> None:
    done = makegood("drill", "files", "--config", config, "--fault", "refused", "--no-keep", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["files"]["reached"], told["files"]["cases"][0]["tier"]) == (0, True, 2)


def test_a_dry_drill_sends_and_keeps_nothing(config: Path, store: AlertStore) -> None:
    done = makegood("drill", "files", "--config", config, "--dry-run")
    assert (done.returncode, done.defect) == (0, None)
    assert "would deliver" in done.stdout
    assert load_drills(store) == {}
    assert not (config.parent / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "there is no receiver 'nobody'"),
        (["--fault", "fire"], "--fault fire: there is no such way to fail; there are: intact, refused"),
    ],
)
def test_a_drill_of_what_there_is_not_is_refused(config: Path, arguments: list[str], said: str) -> None:
    done = makegood("drill", *arguments, "--config", config)
    assert (done.returncode, done.defect) == (2, None)
    assert said in done.stderr


def test_check_warns_of_a_failover_that_shares_its_primarys_point_of_failure(config: Path) -> None:
    done = makegood("check", "--config", config)
    assert (done.returncode, done.defect) == (0, None)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("warning:") and "alike" in line]
    assert "second shares pager.example.com with pager: both can fail together" in line


def test_the_demo_is_drilled_as_it_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(REPO / "config" / "examples" / "demo.yaml", tmp_path / "demo.yaml")
    monkeypatch.chdir(tmp_path)
    done = makegood("drill", "--config", "demo.yaml", "--no-keep", "--fault", "refused")
    assert (done.returncode, done.defect) == (0, None)
    assert "[TEST]" in done.stdout
    assert "every receiver is reached in every case" in done.stdout


def test_without_an_audit_there_is_nothing_to_show(config: Path) -> None:
    done = makegood("audit", "--config", config)
    assert (done.returncode, done.defect) == (1, None)
    assert "there was no audit yet" in done.stderr


def test_an_audit_can_be_made_now_and_is_shown_afterwards(config: Path) -> None:
    first = makegood("audit", "--now", "--config", config)
    assert (first.returncode, first.defect) == (0, None)
    assert first.stdout.startswith("all is well: 0 alerts, nothing missing\n")
    told = json.loads(makegood("audit", "--config", config, "--json").stdout)
    assert (told["well"], told["late"], told["ratio"]) == (True, False, 1.0)


def test_an_audit_that_finds_something_says_what_and_ends_with_1(config: Path, store: AlertStore) -> None:
    alert = change("A", service="shop")
    store.apply([alert])
    client = store.client
    client.delete(store.keys.named("unrouted"), store.keys.named("unrouted:order"))
    client.zrem(store.keys.named("pending"), f"change-{alert.change_id}")
    done = makegood("audit", "--now", "--config", config)
    assert (done.returncode, done.defect) == (1, None)
    assert done.stdout.startswith("not all is well: 1 missing and sent\n")
    assert f"A {alert.fingerprint} firing: nothing was known of what became of it; it was put back" in done.stdout


def test_an_audit_that_is_too_old_is_not_well(config: Path, store: AlertStore) -> None:
    makegood("audit", "--now", "--config", config)
    name = store.keys.named("audit:last")
    report = json.loads(store.client.get(name))
    store.client.set(name, json.dumps(report | {"at_us": report["at_us"] - 3_600_000_000}))
    done = makegood("audit", "--config", config)
    assert (done.returncode, done.defect) == (1, None)
    assert "that is too long ago: is a notifier running?" in done.stdout
