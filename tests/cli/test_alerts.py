"""``makegood alerts`` over a real Redis."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.store import AlertStore
from tests.cli.support import makegood
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.redis import fresh_store, redis_client, redis_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def config(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings over a store with a firing alert, a critical one, and a resolved one."""
    with redis_client(url) as client:
        store: AlertStore = fresh_store(client)
        store.apply(
            [
                change("SlaBreach", case_id="c1", summary="Case c1 waits"),
                change(
                    "SlaBreach", severity="critical", at_us=START_US + MINUTE_US, case_id="c2", summary="Case c2 waits"
                ),
                change("SentimentDrop", service="app", summary="app is cursed"),
                change("SentimentDrop", step="resolved", at_us=START_US + MINUTE_US, service="app"),
            ]
        )
        monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
        path = tmp_path / "m.yaml"
        path.write_text(f"store: {{prefix: '{store.settings.prefix}'}}\n")
        yield path


def names(config: Path, *arguments: str) -> list[tuple[str, str]]:
    done = makegood("alerts", "--config", config, "--json", *arguments)
    assert (done.returncode, done.defect) == (0, None)
    return [(told["status"], told["labels"]["alertname"]) for told in json.loads(done.stdout)]


def test_firing_alerts_are_listed_newest_first(config: Path) -> None:
    done = makegood("alerts", "--config", config)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["status", "firing", "firing"]
    assert "critical" in lines[1]
    assert "Case c2 waits" in lines[1]
    assert "Case c1 waits" in lines[2]


def test_the_status_can_be_chosen(config: Path) -> None:
    assert names(config, "--status", "resolved") == [("resolved", "SentimentDrop")]
    assert len(names(config, "--status", "all")) == 3


@pytest.mark.parametrize(
    ("matcher", "count"), [('severity="critical"', 1), ("case_id=~c.*", 2), ("case_id!=c1", 1), ("alertname=Other", 0)]
)
def test_labels_can_be_matched(matcher: str, count: int, config: Path) -> None:
    assert len(names(config, "--match", matcher)) == count


def test_one_alert_is_shown_with_its_history_and_notifications(config: Path) -> None:
    listed = json.loads(makegood("alerts", "--config", config, "--json", "--status", "resolved").stdout)
    print_ = listed[0]["fingerprint"]
    shown = json.loads(makegood("alerts", "--config", config, "--json", print_).stdout)
    assert [step["step"] for step in shown["history"]] == ["firing", "resolved"]
    assert shown["notifications"] == [], "nothing has been decided of it yet"
    text = makegood("alerts", "--config", config, print_).stdout
    assert text.splitlines()[0].startswith("resolved  ")
    assert "history" in text


def test_an_alert_that_is_not_there_is_told(config: Path) -> None:
    done = makegood("alerts", "--config", config, "0000000000000000")
    assert (done.returncode, done.defect) == (1, None)
    assert "there is no alert 0000000000000000" in done.stderr


@pytest.mark.parametrize("wrong", [["--status", "open"], ["--match", "nonsense"]])
def test_a_filter_that_cannot_be_used_is_named(wrong: list[str], config: Path) -> None:
    done = makegood("alerts", "--config", config, *wrong)
    assert (done.returncode, done.defect) == (2, None)
    assert wrong[0] in done.stderr


def test_a_store_that_is_away_is_told_without_traceback(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    done = makegood("alerts", "--config", config)
    assert (done.returncode, done.defect) == (1, None)
    assert "hunter2" not in done.stderr


def test_no_alerts_is_said(config: Path) -> None:
    assert makegood("alerts", "--config", config, "--match", "alertname=Other").stdout == "no alerts\n"
