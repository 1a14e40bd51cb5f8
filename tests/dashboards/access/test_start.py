"""Nothing is open on an address that others reach, without a login."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from alerts.store import AlertStore
from config.console import ConsoleSettings
from dashboards.access.passwords import NoLoginError
from tests.support.access import served, users


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:8080", "makegood.internal:80"])
def test_others_could_reach_it_and_nobody_could_log_in(store: AlertStore, listen: str) -> None:
    with pytest.raises(NoLoginError, match=r"console\.users.*makegood users hash"):
        served(store, {"listen": listen})


@pytest.mark.parametrize("more", [{"public_url": "https://mg.example.com"}, {"trusted_proxies": ["127.0.0.1"]}])
def test_a_proxy_on_this_machine_counts_as_others(store: AlertStore, more: dict[str, Any]) -> None:
    with pytest.raises(NoLoginError, match="behind a proxy"):
        served(store, more)


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "localhost:0", "127.8.8.8:1"])
def test_on_this_machine_nobody_has_to_log_in_and_that_is_said(store: AlertStore, listen: str) -> None:
    with capture_logs() as logs:
        made = served(store, {"listen": listen})
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["nobody_has_to_log_in"]
    assert made.client().get("/").json()["kind"] == "anonymous"
    assert "admin here" in made.client().get("/login").text


def test_where_there_are_people_everybody_logs_in_on_this_machine_as_well(store: AlertStore, tmp_path: Path) -> None:
    made = served(store, {"users": users(tmp_path, rob="responder")})
    assert made.client().get("/").status_code == 303


def test_tokens_alone_are_enough_for_programs(store: AlertStore) -> None:
    made = served(store, {"listen": "0.0.0.0:8080", "tokens": {"karma": {"sha256": "0" * 64}}})
    assert made.client().get("/api/v1/look").status_code == 401
    assert "console.users" in made.client().get("/login").text


@pytest.mark.parametrize(
    ("console", "told"),
    [
        ({"users": {"a b": {"role": "viewer", "password_hash": {"env": "X"}}}}, "pattern"),
        ({"users": {"anna": {"role": "root", "password_hash": {"env": "X"}}}}, "viewer"),
        ({"users": {"anna": {"role": "viewer", "password_hash": "plain"}}}, "password_hash"),
        ({"tokens": {"karma": {}}}, "exactly one of sha256"),
        ({"tokens": {"karma": {"sha256": "0" * 64, "secret": {"env": "X"}}}}, "exactly one of sha256"),
        ({"tokens": {"karma": {"sha256": "0" * 64, "expires": "2026-01-01T00:00:00"}}}, "timezone"),
        ({"tokens": {"noc": {"sha256": "0" * 64}}, "walls": {"noc": {"sha256": "1" * 64}}}, "name of two"),
        ({"trusted_proxies": ["everywhere"]}, "no address or network"),
        ({"oidc": {"issuer": "http://id.example.com", "client_id": "x", "default_role": "viewer"}}, "needs https"),
        ({"oidc": {"issuer": "https://id.example.com", "client_id": "x"}}, "nobody could log in"),
        (
            {
                "listen": "0.0.0.0:1",
                "oidc": {"issuer": "https://id.example.com", "client_id": "x", "default_role": "viewer"},
            },
            "public_url",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(console: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ConsoleSettings.model_validate(console)
