"""The console of docker-compose.yml, run here with its own settings: who the settings know gets in, and nobody else."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dashboards.access.passwords import hash_password
from tests.deploy.test_compose import SERVICES, SETTINGS
from tests.deploy.tools import REPO
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

TOKENS = {"prometheus": "a token of Prometheus for this test", "grafana": "a token of Grafana for this test"}
PASSWORD = "correct horse battery staple"


class Console(NamedTuple):
    """A console that runs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str, token: str | None = None, *, host: str = "console:8080", body: object = None) -> int:
        """Return the status that is answered to a program, as a container asks."""
        headers = {"Host": host, "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:  # noqa: S310 - our own address
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def until_ready(self) -> None:
        """Wait until the alerts were read."""
        deadline = time.monotonic() + PATIENCE_S
        while self.ask("/-/ready") != 200:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def start(folder: Path, redis: OwnRedis, password_hash: str) -> Console:
    """Start what the container runs, with what is outside of it put in the place of the other containers."""
    text = SETTINGS.read_text(encoding="utf-8").replace("/var/lib/makegood", str(folder / "state"))
    for name, token in TOKENS.items():
        path = folder / f"{name}-token"
        path.write_text(f"{token}\n", encoding="utf-8")
        text = text.replace(f"/run/secrets/{name}-token", str(path))
    assert not re.search(r"file: /run", text)
    config = folder / "makegood.yaml"
    config.write_text(text, encoding="utf-8")
    port = free_port()
    said = {key: value for key, value in SERVICES["console"]["environment"].items() if value is not None}
    said |= {"MAKEGOOD_CONFIG": str(config), "MAKEGOOD_REDIS_URL": redis.url, "MAKEGOOD_ADMIN_HASH": password_hash}
    log = folder / "console.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *SERVICES["console"]["command"], "--listen", f"127.0.0.1:{port}"],
            cwd=folder,
            env={**os.environ, **said, "PYTHONPATH": str(REPO), "MAKEGOOD_LOG_FORMAT": "json"},
            stdout=out,
            stderr=out,
        )
    return Console(port, process, log)


def test_who_the_settings_know_gets_in_as_what_they_are_and_nobody_else(tmp_path: Path, redis: OwnRedis) -> None:
    console = start(tmp_path, redis, hash_password(PASSWORD))
    alerts = [{"labels": {"alertname": "MakegoodPartDown", "severity": "critical"}}]
    try:
        console.until_ready()
        assert console.ask("/-/healthy", host=f"127.0.0.1:{console.port}") == 200
        assert console.ask("/-/healthy", host="evil.example.com") == 421
        assert console.ask("/metrics") == 401
        assert console.ask("/metrics", TOKENS["prometheus"]) == 200
        assert console.ask("/api/v2/alerts", body=alerts) == 401
        assert console.ask("/api/v2/alerts", TOKENS["prometheus"], body=alerts) == 200
        assert console.ask("/am/api/v2/alerts", TOKENS["grafana"]) == 200
        assert console.ask("/am/api/v2/alerts", TOKENS["grafana"], body=alerts) == 403
        console.process.terminate()
        grace_s = int(SERVICES["console"]["stop_grace_period"].removesuffix("s"))
        assert console.process.wait(max(PATIENCE_S, grace_s)) == 0, console.log.read_text(encoding="utf-8")
    finally:
        console.process.kill()
        console.process.wait(PATIENCE_S)


def test_without_a_hash_it_says_what_is_missing_and_ends(tmp_path: Path, redis: OwnRedis) -> None:
    console = start(tmp_path, redis, "")
    try:
        assert console.process.wait(PATIENCE_S) == 2
        assert "MAKEGOOD_ADMIN_HASH" in console.log.read_text(encoding="utf-8")
    finally:
        console.process.kill()
        console.process.wait(PATIENCE_S)
