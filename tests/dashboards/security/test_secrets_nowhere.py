"""Secrets of the settings, of every kind, are searched for in everything that the program says."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY, generate_latest
from starlette.testclient import TestClient

from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.access.marks import marks
from dashboards.access.wiring import open_access
from dashboards.server import build_app
from pipeline.assembly import load_settings
from tests.cli.support import makegood
from tests.dashboards.security.conftest import NOW_US, plain_settings, token_of
from tests.support.access import BASE_URL, PASSWORD
from tests.support.alerts import change
from tests.support.patience import until

_KINDS = (
    *("SMTP", "SLACK", "HOOK", "TEAMS", "PAGERDUTY", "OPSGENIE", "TWILIO", "SIGNING", "BEARER", "APPRISE", "AM"),
    *("LINKS", "LINKS_OLD", "OIDC", "GRAFANA", "SOURCE", "INGEST", "SQL", "HEARTBEAT", "PSEUDONYMS", "PHONE", "WALL"),
    *("API", "SASL"),
)
"""Of each there is one in the settings below; its value has ``canary`` and its name in it."""


def canary(kind: str) -> str:
    secret = f"canary-{kind.lower().replace('_', '-')}-0123456789abcdef"
    return {
        "HOOK": f"http://127.0.0.1:1/{secret}",
        "TEAMS": f"http://127.0.0.1:1/{secret}",
        "APPRISE": f"json://user:{secret}@127.0.0.1:1/x",
        "SQL": f"postgresql://user:{secret}@127.0.0.1:1/db",
        "HEARTBEAT": f"http://127.0.0.1:1/{secret}",
        "PHONE": "+4915112345678",
        "TWILIO": "0123456789abcdefca9a9700000000aa",
        "SLACK": f"xoxb-{secret}",
        "PAGERDUTY": "canarypagerduty0123456789abcdef0"[:32],
    }.get(kind, secret)


def written(kind: str) -> dict[str, str]:
    return {"env": f"MG_CANARY_{kind}"}


def whole(folder: Path) -> dict[str, Any]:
    """Return settings with a secret in every place that has one."""
    plain = plain_settings(folder)
    plain["store"]["url"] = written("REDIS")
    plain["feeds"] |= {
        "hook": {"type": "http", "signature": {"scheme": "bearer", "secret": written("INGEST")}},
        "table": {"type": "sql", "url": written("SQL"), "table": "t", "mark": "id"},
    }
    plain["channels"] |= {
        "mail": {
            "type": "email",
            "host": "127.0.0.1",
            "port": 1,
            "sender": "a@b.c",
            "to": ["d@e.f"],
            "username": "u",
            "password": written("SMTP"),
        },
        "slack": {"type": "slack", "token": written("SLACK"), "to": ["C01234567"], "base_url": "http://127.0.0.1:1"},
        "hook": {"type": "webhook", "url_secret": written("HOOK"), "signing_secret": written("SIGNING"),
                 "bearer_token": written("BEARER")},
        "teams": {"type": "teams", "url_secret": written("TEAMS")},
        "pager": {"type": "pagerduty", "routing_key": written("PAGERDUTY"), "base_url": "http://127.0.0.1:1"},
        "genie": {"type": "opsgenie", "api_key": written("OPSGENIE"), "base_url": "http://127.0.0.1:1"},
        "sms": {"type": "sms_twilio", "account_sid": "AC" + "0" * 32, "auth_token": written("TWILIO"),
                "sender": "+15005550006", "to": ["+15005550009"], "base_url": "http://127.0.0.1:1"},
        "others": {"type": "apprise", "urls": {"one": written("APPRISE")}},
        "am": {"type": "alertmanager", "urls": ["http://127.0.0.1:1"], "bearer_token": written("AM")},
        "topic": {"type": "kafka", "bootstrap": "127.0.0.1:1", "topic": "t",
                  "properties": {"sasl.password": written("SASL")}},
    }  # fmt: skip
    plain["receivers"] = {"ops": {"tiers": [{"channel": name} for name in plain["channels"]]}}
    plain["people"] = {"ann": {"receiver": "ops", "phone": written("PHONE")}}
    plain["links"] = {
        "base_url": "https://mg.example.com",
        "secret": written("LINKS"),
        "previous": written("LINKS_OLD"),
    }
    plain["console"] |= {
        "oidc": {"issuer": "https://sso.example.com", "client_id": "x", "client_secret": written("OIDC"),
                 "default_role": "viewer"},
        "walls": {"noc": {"secret": written("WALL")}},
    }  # fmt: skip
    plain["console"]["tokens"]["robot"] = {"role": "viewer", "secret": written("API")}
    source = {"url": "http://127.0.0.1:1", "token": written("SOURCE")}
    plain["grafana"] = {"url": "http://127.0.0.1:1", "token": written("GRAFANA"), "alertmanager": source}
    plain["audit"] = {"heartbeat_url": written("HEARTBEAT")}
    plain["redaction"] = {"pseudonyms": written("PSEUDONYMS")}
    return plain


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Path:
    monkeypatch.setenv("MG_CANARY_REDIS", redis_url)
    for kind in _KINDS:
        monkeypatch.setenv(f"MG_CANARY_{kind}", canary(kind))
    path = tmp_path / "makegood.yaml"
    path.write_text(json.dumps(whole(tmp_path)))
    return path


def told(text: str) -> set[str]:
    """Return the secrets that are in a text."""
    secrets = {kind: re.sub(r"^[a-z]+://", "", canary(kind)).rpartition("@")[0] or canary(kind) for kind in _KINDS}
    found = {kind for kind, secret in secrets.items() if secret in text or canary(kind) in text}
    bare = {kind for kind in _KINDS if f"canary-{kind.lower().replace('_', '-')}-" in text}
    tokens = {role.name for role in Role if token_of(role) in text}
    return found | bare | tokens | ({"password"} if PASSWORD in text or "$argon2id$" in text else set())


def test_the_settings_of_this_test_have_a_secret_in_every_place_that_has_one(config: Path) -> None:
    text = config.read_text()
    assert {kind for kind in _KINDS if f"MG_CANARY_{kind}" not in text} == set()


def test_no_page_answer_metric_log_or_export_has_a_secret(
    config: Path, store: AlertStore, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(config).settings
    said: dict[str, str] = {"repr": repr(settings), "dump": settings.model_dump_json()}
    store.apply([change(service="pay")])
    Statuses(store).say(Status(kind="flow", name="0/1", at_us=NOW_US, every_us=60_000_000, well=True, report={}))
    access = open_access(settings, store, lambda: NOW_US)
    app = build_app(store, settings, access=access, now_us=lambda: NOW_US, build="test", config=None)
    headers = {"Authorization": f"Bearer {token_of(Role.ADMIN)}"}
    client = TestClient(app, base_url=BASE_URL, headers=headers, follow_redirects=False, raise_server_exceptions=False)
    for quiet in ("httpx", "httpx2"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    structlog.reset_defaults()
    there = {"name": "slack", "number": "1", "fingerprint": change(service="pay").fingerprint, "form": "json"}
    with client:
        until(lambda: app.state.makegood.mirror.complete)
        for mark in marks(app):
            for method in mark.methods:
                if mark.path == "/events" or (method == "GET" and mark.role is None and not mark.public):
                    continue
                path = re.sub(r"\{(\w+)[^}]*\}", lambda found: there.get(found[1], "1"), mark.path)
                for wrong in ({}, {"Authorization": f"Bearer {canary('API')}x"}, {"Authorization": "Bearer"}):
                    answer = client.request(method, path, headers=wrong)
                    said[f"{method} {path} {len(wrong)}"] = answer.text + str(answer.headers)
    for detail in ("/api/v1/openapi.json", "/api/v1/channels", "/api/v2/status", "/channels", "/detectors"):
        assert len(said[f"GET {detail} 0"]) > 100, f"{detail} was not shown"
    said["metrics"] = generate_latest(REGISTRY).decode() + generate_latest(app.state.metrics).decode()
    out, err = capfd.readouterr()
    said["logs"] = out + err + caplog.text
    assert {place: found for place, text in said.items() if (found := told(text))} == {}


@pytest.mark.parametrize(
    "command",
    [
        *(["check"], ["check", "--json"], ["routes", "tree"], ["routes", "tree", "--json"], ["routes", "export"]),
        *(
            ["duty"],
            ["duty", "--json"],
            ["channels", "check", "--timeout", "1"],
            ["channels", "check", "--timeout", "1", "--json"],
            ["dashboards", "push"],
        ),
    ],
    ids=" ".join,
)
def test_no_command_tells_a_secret(config: Path, command: list[str]) -> None:
    done = makegood(*command, "--config", config)
    assert told(done.stdout + done.stderr + repr(done.defect)) == set()


@pytest.mark.parametrize("kind", ["settings", "value"])
def test_settings_that_cannot_be_read_are_told_of_without_what_stands_where_a_secret_belongs(
    config: Path, kind: str
) -> None:
    text = config.read_text()
    wrong = text.replace('{"env": "MG_CANARY_SMTP"}', json.dumps(canary("SMTP")))
    assert wrong != text
    config.write_text(wrong if kind == "settings" else wrong.replace('"console"', '"consol"'))
    done = makegood("check", "--config", config)
    assert done.returncode != 0
    assert told(done.stdout + done.stderr + repr(done.defect)) == set()


def test_the_settings_can_be_shown_whole(config: Path) -> None:
    settings: Settings = load_settings(config).settings
    assert told(str(settings) + str(settings.model_dump())) == set()
