"""The application with Alertmanager's API, and beside it the real Alertmanager with the same settings."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from argon2 import PasswordHasher
from fastapi import FastAPI

from alerts.exporting import alertmanager_config
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.wiring import open_access
from dashboards.server import build_app
from tests.support.alertmanager import Alertmanager, alertmanager
from tests.support.redis import fresh_store, redis_client, redis_server
from tests.support.served import EverybodyResponds, served
from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]

SETTINGS: Mapping[str, Any] = {
    "receivers": {name: {"tiers": [{"channel": "screen"}]} for name in ("ops", "boss", "web-team", "audit")},
    "route": {
        "receiver": "ops",
        "group_by": ["service"],
        "group_wait": "1s",
        "group_interval": "2s",
        "routes": [
            {"matchers": ['severity="critical"'], "receiver": "boss", "continue": True},
            {
                "matchers": ["team=~web|shop"],
                "receiver": "web-team",
                "routes": [
                    {"matchers": ['service!~"pay.*"', 'zone!="a"'], "receiver": "audit", "repeat_interval": "90m"}
                ],
            },
        ],
    },
    "inhibit_rules": [
        {"source_matchers": ["alertname=Outage"], "target_matchers": ["severity=warning"], "equal": ["service"]}
    ],
}

TOKENS = {"viewer": "canary-token-of-a-viewer", "responder": "canary-token-of-a-responder"}
"""Of programs, by their role."""


def now_us() -> int:
    return time.time_ns() // 1000


def application(store: AlertStore, **settings: Any) -> FastAPI:
    made = Settings.model_validate({**SETTINGS, **settings})
    return build_app(store, made, access=EverybodyResponds(), now_us=now_us, build="test")


@pytest.fixture
def guarded(store: AlertStore, shown: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], FastAPI]:
    """What makes an application behind the access that the product has, as often as it is asked."""
    monkeypatch.setenv("ANNA_HASH", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("canary"))
    users = {"anna": {"role": "admin", "password_hash": {"env": "ANNA_HASH"}}}  # so that somebody has to log in
    tokens = {
        role: {"sha256": hashlib.sha256(token.encode()).hexdigest(), "role": role} for role, token in TOKENS.items()
    }
    settings = Settings.model_validate({**SETTINGS, "console": {"users": users, "tokens": tokens}})
    return lambda: build_app(store, settings, access=open_access(settings, store, now_us), now_us=now_us, build="test")


class Both(NamedTuple):
    """The two, as clients see them."""

    ours: str
    theirs: Alertmanager
    store: AlertStore


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    with redis_server() as url, redis_client(url) as connection, alertmanager(folder) as theirs:
        store = fresh_store(connection)
        app = application(store)
        theirs.configure(alertmanager_config(app.state.makegood.settings))
        assert yaml.safe_load(theirs.config.read_text())["route"]["receiver"] == "ops"
        with served(app) as ours:
            yield Both(ours, theirs, store)
