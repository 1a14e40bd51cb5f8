"""Programs log in with tokens, behind the access that the product has: by Basic or Bearer, and never by a page."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from alerts.store import AlertStore
from dashboards.access.marks import marks
from tests.dashboards.api.v2.conftest import TOKENS, application
from tests.support.alertmanager import needs_amtool
from tests.support.patience import PATIENCE_S
from tests.support.served import served


@pytest.fixture
def url(guarded: Callable[[], FastAPI]) -> Iterator[str]:
    with served(guarded()) as address:
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
    assert run(TOKENS["responder"], *add).returncode == 0
    assert run(TOKENS["responder"], "alert", "add", "Up", "a=b").returncode == 0
    looked = run(TOKENS["viewer"], "silence", "query", "-q")
    assert len(looked.stdout.split()) == 1
    for token, status in ((TOKENS["viewer"], 403), ("wrong", 401), ("", 401)):
        refused = run(token, *add)
        assert refused.returncode == 1
        assert str(status) in refused.stderr
        assert "panic" not in refused.stderr
    bearer = tmp_path / "http.yml"
    bearer.write_text(json.dumps({"authorization": {"credentials": TOKENS["viewer"]}}))
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
