"""``makegood audit log|verify|head`` and ``makegood users``, and what other commands leave in the audit log."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.trail_check import verify
from config.console import SessionSettings, UserSettings
from dashboards.access.contract import Role
from dashboards.access.passwords import Passwords
from dashboards.access.sessions import Sessions
from dashboards.access.tokens import digest_of
from pipeline.cli import app
from tests.cli.support import makegood
from tests.support.alerts import change
from tests.support.redis import fresh_store, redis_client, redis_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[AlertStore]:
    with redis_client(url) as client:
        store = fresh_store(client)
        store.apply([change(case_id="1"), change(case_id="2")])
        yield store


@pytest.fixture
def config(store: AlertStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
    monkeypatch.setenv("LOGNAME", "anna")
    path = tmp_path / "makegood.yaml"
    settings = {
        "store": {"prefix": store.settings.prefix},
        "console": {"tokens": {"karma": {"sha256": digest_of("token").hex()}}},
    }
    path.write_text(json.dumps(settings))
    return path


def entries(store: AlertStore) -> list[Any]:
    return [kept.entry for kept in Trail(store).newest_first()]


def test_answers_by_command_line_are_in_the_audit_log(config: Path, store: AlertStore) -> None:
    prints = [one.current.fingerprint for one in store.list_alerts()]
    assert makegood("ack", *prints, "--config", config, "--note", "on it").returncode == 0
    assert (
        makegood("comment", prints[0], "--text", "the vendor knows", "--by", "ben", "--config", config).returncode == 0
    )
    said, acked = entries(store)
    assert (acked.action, acked.object, acked.count, acked.why) == ("alert.acknowledge", "alerts", 2, "on it")
    assert (acked.who, acked.via) == ("anna", "cli")
    assert sorted(acked.after["fingerprints"]) == sorted(prints)
    assert (said.action, said.object, said.who) == ("alert.comment", f"alert:{prints[0]}", "ben")


def test_what_was_not_done_is_not_in_the_audit_log(config: Path, store: AlertStore) -> None:
    (first, _) = store.list_alerts()
    assert makegood("unack", first.current.fingerprint, "--config", config).returncode == 1
    assert makegood("ack", "ffff", "--config", config).returncode != 0
    assert entries(store) == []


def test_a_silence_is_in_the_audit_log_from_its_making_to_its_end(config: Path, store: AlertStore) -> None:
    common = ("--config", config)
    done = makegood("silence", "add", *common, "service=shop", "--for", "2h", "--comment", "CHG-1", "--json")
    silence = json.loads(done.stdout)["id"]
    assert makegood("silence", "edit", *common, silence, "--for", "3h").returncode == 0
    assert makegood("silence", "expire", *common, silence).returncode == 0
    ended, changed, made = entries(store)
    assert [made.action, changed.action, ended.action] == ["silence.create", "silence.change", "silence.end"]
    assert {made.object, changed.object, ended.object} == {f"silence:{silence}"}
    assert made.before is None
    assert made.why == "CHG-1"
    assert changed.before["ends_at"] < changed.after["ends_at"]
    assert changed.after == ended.before


def test_the_log_is_shown_filtered_and_exported(config: Path, store: AlertStore) -> None:
    prints = [one.current.fingerprint for one in store.list_alerts()]
    makegood("ack", prints[0], "--config", config, "--by", "ben")
    makegood("comment", prints[0], "--text", "x", "--config", config)
    shown = makegood("audit", "log", "--config", config, "--action", "alert.ack").stdout
    assert "ben (cli)" in shown
    assert "comment" not in shown
    lines = makegood("audit", "log", "--config", config, "--format", "json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [2, 1]
    table = makegood("audit", "log", "--config", config, "--format", "csv", "--limit", "1").stdout
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["action"] == "alert.comment"
    assert "nothing that fits" in makegood("audit", "log", "--config", config, "--who", "nobody").stdout
    assert makegood("audit", "log", "--config", config, "--format", "xml").returncode == 2
    assert "nothing that fits" in makegood("audit", "log", "--config", config, "--to", "2020-01-01").stdout


def test_a_log_that_was_changed_is_noticed(config: Path, store: AlertStore) -> None:
    prints = [one.current.fingerprint for one in store.list_alerts()]
    makegood("ack", prints[0], "--config", config)
    head = makegood("audit", "head", "--config", config).stdout.strip()
    done = makegood("audit", "verify", "--config", config, "--noted", head)
    assert (done.returncode, "as it was written" in done.stdout) == (0, True)
    store.client.delete(store.keys.named("trail"), store.keys.named("trail:head"))
    assert makegood("audit", "verify", "--config", config).returncode == 0
    cut = makegood("audit", "verify", "--config", config, "--noted", head)
    assert cut.returncode == 1
    assert "cut off" in cut.stdout
    told = json.loads(makegood("audit", "verify", "--config", config, "--noted", head, "--json").stdout)
    assert told["well"] is False
    assert makegood("audit", "verify", "--config", config, "--noted", "nonsense").returncode == 2


def test_the_audit_of_what_was_told_is_still_there(config: Path) -> None:
    done = makegood("audit", "--config", config)
    assert done.returncode == 2
    assert "no route" in done.stderr
    assert "--config" in makegood("audit").stderr


def test_a_password_is_hashed_for_the_settings(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["users", "hash"], input="correct horse battery staple\n")
    assert done.exit_code == 0
    assert done.stdout.startswith("$argon2id$")
    path = tmp_path / "hash"
    path.write_text(done.stdout)
    user = UserSettings.model_validate({"role": "tuner", "password_hash": {"file": str(path)}})
    passwords = Passwords({"anna": user})
    assert passwords.check("anna", "correct horse battery staple") == Role.TUNER
    assert passwords.check("anna", "correct horse battery stapler") is None
    short = CliRunner().invoke(app, ["users", "hash"], input="short\n")
    assert short.exit_code == 2


def test_a_token_is_made_with_the_hash_for_the_settings() -> None:
    told = json.loads(makegood("users", "token", "--json").stdout)
    assert digest_of(told["token"]).hex() == told["sha256"]
    assert told["token"] in makegood("users", "token", "--json").stdout or told["token"].startswith("mg_")


def test_a_token_is_revoked_by_its_name(config: Path, store: AlertStore) -> None:
    assert makegood("users", "revoke", "karma", "--config", config, "--why", "leaked").returncode == 0
    assert "before" in makegood("users", "revoke", "karma", "--config", config).stdout
    assert makegood("users", "revoke", "karm", "--config", config).returncode == 2
    assert store.client.smembers(store.keys.named("access:revoked")) == {digest_of("token").hex()}
    (entry,) = entries(store)
    assert (entry.action, entry.object, entry.why) == ("token.revoke", "token:karma", "leaked")


def test_somebody_is_logged_out_everywhere(config: Path, store: AlertStore) -> None:
    sessions = Sessions(store, SessionSettings())
    keys = [sessions.start("anna", Role.VIEWER, "password", now_us=1)[0] for _ in range(2)]
    assert "2 sessions ended" in makegood("users", "logout", "anna", "--config", config).stdout
    assert [sessions.find(key, 1) for key in keys] == [None, None]
    assert verify(Trail(store)).well
