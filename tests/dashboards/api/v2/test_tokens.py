"""Programs log in with tokens, behind the access that the product has: by Basic or Bearer, and never by a page."""

import hashlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.marks import marks
from dashboards.access.wiring import open_access
from dashboards.server import build_app
from tests.dashboards.api.v2.conftest import SETTINGS, application, now_us
from tests.support.alertmanager import needs_amtool
from tests.support.patience import PATIENCE_S
from tests.support.served import served

TOKENS = {"looks": "canary-token-of-a-viewer", "answers": "canary-token-of-a-responder"}


@pytest.fixture
def url(store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ANNA_HASH", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("canary"))
    users = {"anna": {"role": "admin", "password_hash": {"env": "ANNA_HASH"}}}  # so that somebody has to log in
    tokens = {
        name: {"sha256": hashlib.sha256(token.encode()).hexdigest(), "role": role}
        for (name, token), role in zip(TOKENS.items(), ("viewer", "responder"), strict=True)
    }
    settings = Settings.model_validate({**SETTINGS, "console": {"users": users, "tokens": tokens}})
    app = build_app(store, settings, access=open_access(settings, store, now_us), now_us=now_us, build="test")
    with served(app) as address:
        yield address


@needs_amtool
def test_amtool_logs_in_by_either_way_and_may_what_its_token_may(url: str, tmp_path: Path) -> None:
    def run(token: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        address = url.replace("http://", f"http://any:{token}@") if token else url
        return subprocess.run(
            ["amtool", f"--alertmanager.url={address}", "--no-version-check", *arguments],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    add = ("silence", "add", "--author=kim", "--comment=x", "service=pay")
    assert run(TOKENS["answers"], *add).returncode == 0
    assert run(TOKENS["answers"], "alert", "add", "Up", "a=b").returncode == 0
    looked = run(TOKENS["looks"], "silence", "query", "-q")
    assert len(looked.stdout.split()) == 1
    for token, status in ((TOKENS["looks"], 403), ("wrong", 401), ("", 401)):
        refused = run(token, *add)
        assert refused.returncode == 1
        assert str(status) in refused.stderr
        assert "panic" not in refused.stderr
    bearer = tmp_path / "http.yml"
    bearer.write_text(json.dumps({"authorization": {"credentials": TOKENS["looks"]}}))
    assert run("", f"--http.config.file={bearer}", "silence", "query", "-q").stdout == looked.stdout


def test_nobody_is_told_so_in_json_everywhere(url: str) -> None:
    for path in ("/api/v2/alerts", "/am/api/v2/alerts", "/api/v2/status", "/metrics"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url + path, timeout=PATIENCE_S)  # noqa: S310
        assert refused.value.code == 401, path
        assert "/login" not in refused.value.url
        assert isinstance(json.loads(refused.value.read()), str)
    for path in ("/-/healthy", "/-/ready", "/am/-/healthy"):
        with urllib.request.urlopen(url + path, timeout=PATIENCE_S) as answer:  # noqa: S310
            assert answer.read() == b"OK"


def test_every_route_says_who_may_use_it(store: AlertStore) -> None:
    ours = [mark for mark in marks(application(store)) if mark.path.startswith(("/api/v2", "/am", "/-/", "/metrics"))]
    assert len(ours) > 20
    assert [mark for mark in ours if not mark.marked] == []
