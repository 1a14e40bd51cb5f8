"""A fake Alertmanager that checks against its OpenAPI document, and the real one where Debian's package is installed.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml and ``alert.Validate``.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.http import Answer, Request
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port
from tests.support.strict import JSON_TYPE, Expected, StrictProvider, schema, strict, text

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
NEEDS_REAL = pytest.mark.skipif(
    BINARY is None, reason="needs Alertmanager itself: apt-get install prometheus-alertmanager"
)
TOKEN, USER, PASSWORD = "hunter2-bearer", "makegood", "hunter2-basic"
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_LABELS = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "additionalProperties": {"type": "string"},
}
ALERTS = {
    "type": "array",
    "minItems": 1,
    "items": schema(
        {
            "labels": {
                **_LABELS,
                "minProperties": 1,
                "required": ["alertname"],
                "additionalProperties": text(shortest=1),
            },
            "annotations": _LABELS,
            "startsAt": _TIME,
            "endsAt": _TIME,
            "generatorURL": {"type": "string", "pattern": "^https?://"},
        },
        "labels",
    ),
}


class FakeAlertmanager(StrictProvider):
    """Keeps the lists that it was sent; with a ``login``, wants it in every request."""

    expected = (
        Expected("POST", "/api/v2/alerts".__eq__, ALERTS),
        Expected("GET", "/-/healthy".__eq__, None),
    )

    def __init__(self, login: str = "") -> None:
        super().__init__()
        self.login = login
        self.posted: list[list[dict[str, Any]]] = []

    def wrong_with(self, request: Request) -> str:
        """Check what a schema cannot say, too."""
        wrong = super().wrong_with(request)
        if not wrong and request.body:
            backwards = [one for one in request.json if one.get("endsAt", "9") < one.get("startsAt", "0")]
            return "start time must be before end time" if backwards else ""
        return wrong

    def accepted(self, request: Request) -> Answer:
        """Take the alerts."""
        if self.login and request.headers.get("authorization") != self.login:
            return Answer(401, {}, b"Unauthorized\n")
        if request.method == "GET":
            return Answer(200, {}, b"OK")
        self.posted.append(request.json)
        return Answer(200, JSON_TYPE, b"")

    def refused(self, request: Request, wrong: str) -> Answer:
        """Say why, as Alertmanager does: a JSON string."""
        return Answer(400, JSON_TYPE, json.dumps(wrong).encode())


@contextmanager
def fake_alertmanager(login: str = "") -> Iterator[FakeAlertmanager]:
    """Give a fake Alertmanager."""
    with strict(FakeAlertmanager(login)) as provider:
        yield provider


def basic(user: str, password: str) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class RealAlertmanager:
    """The real one: its address, and what it says."""

    def __init__(self, url: str) -> None:
        self.url = url

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that are active now, by name."""
        return {alert["labels"]["alertname"]: alert for alert in self._get("/api/v2/alerts")}

    def healthy(self) -> bool:
        """Say whether it answers."""
        try:
            return httpx.get(self.url + "/-/ready", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _get(self, path: str) -> Any:
        return httpx.get(self.url + path, trust_env=False, timeout=PATIENCE_S).json()


@contextmanager
def real_alertmanager(folder: Path, webhook: str, *, resolve_timeout: str = "5m") -> Iterator[RealAlertmanager]:
    """Run Alertmanager, which posts every change to ``webhook`` at once."""
    assert BINARY is not None
    folder.mkdir(parents=True, exist_ok=True)
    route = {
        "receiver": "hook",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "4h",
    }
    receiver = {"name": "hook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    config = {"global": {"resolve_timeout": resolve_timeout}, "route": route, "receivers": [receiver]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [BINARY, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            running = RealAlertmanager(f"http://127.0.0.1:{port}")
            until(lambda: running.healthy() or process.poll() is not None, "Alertmanager")
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            yield running
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
