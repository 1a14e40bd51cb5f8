"""``makegood run`` as a process: from a file that grows to a notification, and an orderly stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.cli.support import REPO, makegood
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port


def event(number: int, step: str, minute: int) -> str:
    told = {"specversion": "1.0", "id": str(number), "source": "desk", "type": f"crm.case.{step}"}
    return json.dumps({**told, "time": f"2026-03-02T09:{minute:02d}:00Z", "data": {"case_id": "c1"}}) + "\n"


def settings(folder: Path, port: int, notifier_port: int) -> Path:
    path = folder / "m.yaml"
    path.write_text(
        f"""
feeds:
  cases: {{type: file, path: cases.jsonl, follow: true}}
time: {{lateness: 1m, idle_after: 0s}}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {{name: first_reply, kind: first_reply, target: 10, unit: minutes, at_risk: []}}
channels:
  gone: {{type: webhook, url: "http://127.0.0.1:1/"}}
  log: {{type: file, path: told.jsonl}}
receivers:
  desk:
    tiers: [{{channel: gone, max_tries: 1}}, {{channel: log}}]
route: {{receiver: desk, group_by: ["..."], group_wait: 0s, group_interval: 1ms}}
store: {{dir: var}}
flow: {{epoch: 200ms}}
console: {{listen: "127.0.0.1:0"}}
metrics: {{listen: "127.0.0.1:{port}", notifier_listen: "127.0.0.1:{notifier_port}"}}
"""
    )
    return path


@contextmanager
def running(*arguments: str | Path, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, "PYTHONPATH": str(REPO)}, cwd=log.parent
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)


def until(what: Callable[[], bool], log: Path) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.05)


def health(port: int) -> dict[str, Any]:
    """Return what a part says of itself; one that a busy machine has held up is not well for a while."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        found = json.load(error)
    return found


def told(folder: Path) -> list[str]:
    path = folder / "told.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_a_record_becomes_a_notification_by_failover_and_the_stop_is_orderly(tmp_path: Path) -> None:
    port, notifier_port = free_port(), free_port()
    config, log = settings(tmp_path, port, notifier_port), tmp_path / "log"
    (tmp_path / "cases.jsonl").write_text(event(1, "opened", 0))
    with running("run", "--config", config, log=log) as process:
        until(lambda: any('"c1"' in line for line in told(tmp_path)), log)
        until(lambda: health(port)["status"] == "healthy", log)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            assert b"makegood_events_total 1.0" in answer.read()
        until(lambda: health(notifier_port)["notifier"] == "running", log)
        (listed,) = json.loads(makegood("alerts", "-c", config, "--json", "--match", "case_id=c1").stdout)
        assert listed["labels"]["case_id"] == "c1"

        def tries() -> list[tuple[int, str, str]]:
            shown = json.loads(makegood("alerts", "-c", config, "--json", listed["fingerprint"]).stdout)
            first = shown["notifications"][0]["tries"]
            return [(tried["tier"], tried["outcome"], tried["reason"]) for tried in first]

        until(lambda: tries() == [(1, "failed", "unreachable"), (2, "delivered", "")], log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_part_that_cannot_use_its_settings_ends_everything_with_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config, log = settings(tmp_path, taken.getsockname()[1], free_port()), tmp_path / "log"
        (tmp_path / "cases.jsonl").write_text(event(1, "opened", 0))
        with running("run", "--config", config, log=log) as process:
            assert process.wait(PATIENCE_S) == 2, log.read_text()
    assert "cannot listen on 127.0.0.1:" in log.read_text()
    assert "Traceback" not in log.read_text()
