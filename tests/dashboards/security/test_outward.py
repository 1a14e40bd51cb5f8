"""Which addresses the program goes to by itself: each place is known, with who says the address, and what guards it.

A message is sent to where the settings say, and nobody changes settings over the API; what alerts and events say is
never gone to. Requests of channels go through the rule of :mod:`sinks.addresses`.
"""

import re
from pathlib import Path

import pytest

from dashboards.access.contract import Role
from dashboards.access.oidc import _safe
from tests.dashboards.security.conftest import World
from tests.support.http import http_server

_PRODUCT = ("alerts", "config", "dashboards", "detectors", "pipeline", "sinks")
_ROOT = Path(__file__).parents[3]
_CLIENTS = {
    *("aiohttp", "apprise", "ftplib", "grafana_client", "http.client", "httpx", "niquests", "requests", "smtplib"),
    *("telnetlib", "twilio", "urllib.request", "urllib3", "websockets"),
}
_KNOWN = {
    "alerts/traces/otlp.py": "the settings",
    "dashboards/access/oidc.py": "the settings; what the provider names is judged by _safe",
    "dashboards/grafana/client.py": "the settings",
    "pipeline/commands/explainsource.py": "whoever runs the command (--at)",
    "pipeline/demo/following.py": "this machine",
    "sinks/apprise_client.py": "a secret of the settings; apprise connects by itself, and follows no redirects",
    "sinks/callbacks/twilio.py": "none: it checks signatures",
    "sinks/smtp_session.py": "the settings",
    "sinks/twilio_client.py": "the settings, through sinks.http",
}
"""Who says the address. A new entry here is a decision: an address that a stranger can write goes through
:class:`sinks.addresses.AddressRule`, with ``trust_written=False``."""


_IMPORT = re.compile(rf"^\s*(?:import|from) ({'|'.join(map(re.escape, sorted(_CLIENTS)))})\b", re.MULTILINE)
_FROM_URLLIB = re.compile(r"^\s*from (urllib import .*\brequest|http import .*\bclient)\b", re.MULTILINE)
_OPENING = re.compile(r"\.(create_connection|open_connection|connect_ex)\(")


def having(*patterns: "re.Pattern[str]") -> set[str]:
    """Return the modules of the product whose text has one of these."""
    paths = (path for part in _PRODUCT for path in (_ROOT / part).rglob("*.py"))
    texts = {path.relative_to(_ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return {path for path, text in texts.items() if any(pattern.search(text) for pattern in patterns)}


def test_nothing_connects_to_an_address_but_what_is_known_here() -> None:
    found = having(_IMPORT, _FROM_URLLIB)
    plugins = {path for path in found if path.startswith("sinks/channels/")}  # they only name errors and types
    assert found - plugins - set(_KNOWN) == set()
    assert set(_KNOWN) - found == set(), "no longer there: take it from the list"


def test_connections_of_channels_are_opened_in_one_place_which_judges_the_address() -> None:
    assert having(_OPENING) == {"sinks/guarded.py"}


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://sso.example.com/keys", True),
        ("https://keys.example.org/keys", True),
        ("http://sso.example.com/keys", False),
        ("https://127.0.0.1/keys", False),
        ("http://localhost:8080/keys", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("https://10.0.0.5/keys", False),
        ("https://2130706433/keys", False),
        ("https://0x7f.1/keys", False),
        ("https://[::1]/keys", False),
        ("https://[::ffff:10.0.0.1]/keys", False),
        ("https://user@10.0.0.5/keys", False),
        ("https://[::1/keys", False),
        ("https://sso.example.com:99999/keys", False),
        ("file:///etc/passwd", False),
        ("gopher://127.0.0.1/", False),
        ("//127.0.0.1/keys", False),
        (None, False),
        (7, False),
    ],
)
def test_what_an_identity_provider_names_leads_to_no_address_inside(url: object, fine: bool) -> None:
    assert _safe(url, "https://sso.example.com/realm") is fine


def test_a_provider_inside_may_name_its_own_host_and_no_other_inside() -> None:
    assert _safe("http://127.0.0.1:9000/keys", "http://127.0.0.1:9000")
    assert _safe("https://10.0.0.5/token", "https://10.0.0.5/realm")
    assert not _safe("https://10.0.0.6/token", "https://10.0.0.5/realm")
    assert not _safe("http://localhost:6379/", "http://127.0.0.1:9000")


@pytest.mark.usefixtures("shown")
def test_addresses_that_others_send_are_never_gone_to(world: World) -> None:
    with http_server() as far:
        alert = {
            "labels": {"alertname": "A", "instance": far.url},
            "annotations": {"runbook_url": f"{far.url}/run", "summary": f"{far.url}/s", "icon": f"{far.url}/i"},
            "generatorURL": f"{far.url}/g",
        }
        client = world.ask(Role.ADMIN)
        assert client.post("/api/v2/alerts", json=[alert]).status_code == 200
        print_ = next(
            one["fingerprint"]
            for one in client.get("/api/v2/alerts").json()
            if one["labels"].get("instance") == far.url
        )
        for path in (f"/a/{print_}", "/inbox?view=alerts", "/wall", f"/api/v1/alerts/{print_}"):
            assert client.get(path).status_code == 200
        assert far.requests == []
