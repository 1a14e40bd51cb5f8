"""The system's clock is set back an hour, and forward, under a running flow: alerts come as if it had not been."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.flowing import LIVE, Process, history, running
from tests.support.events import HOUR_US, rfc3339
from tests.support.own_redis import OwnRedis
from tests.support.ports import free_port

SECOND_US = 1_000_000
SETTINGS = """
time: {lateness: 2s, idle_after: 1s}
feeds:
  crm: {type: file, path: crm.jsonl, format: jsonl, follow: true}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {name: first_reply, kind: first_reply, target: 60, unit: minutes, at_risk: []}
flow: {epoch: 100ms}
"""
_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
)


class SystemClock:
    """The time of day that a process sees, and the test sets. Its clock that nobody can set goes on as it is."""

    def __init__(self, folder: Path) -> None:
        found = [library for library in _LIBRARIES if Path(library).exists()]
        if not found:
            pytest.skip("there is no libfaketime (Debian: apt-get install faketime)")
        self._file = folder / "clock"
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": found[0],
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(offset + "\n", encoding="ascii")
        new.replace(self._file)


class Desk:
    """Cases of now, and what the store says of each."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = folder / "crm.jsonl"
        self.url = url
        self._written = 0

    def opened(self, case_id: str, due_in_s: float) -> None:
        """Open a case whose reply is due in so many seconds."""
        self.event("opened", case_id, time.time_ns() // 1000 + int(due_in_s * SECOND_US) - HOUR_US)

    def now(self, step: str, case_id: str) -> None:
        self.event(step, case_id, time.time_ns() // 1000)

    def event(self, step: str, case_id: str, at_us: int) -> None:
        self._written += 1
        body: dict[str, Any] = {
            "specversion": "1.0",
            "type": f"crm.case.{step}",
            "id": f"e-{self._written}",
            "source": "desk",
            "time": rfc3339(at_us),
            "data": {"case_id": case_id},
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(body) + "\n")

    def steps(self) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for one in sorted(history(self.url), key=lambda one: one.at_us):
            told.setdefault(one.labels["case_id"], []).append(one.step)
        return told


@pytest.fixture
def clock(tmp_path: Path) -> SystemClock:
    return SystemClock(tmp_path)


@pytest.fixture
def desk(tmp_path: Path, own_redis: OwnRedis) -> Desk:
    return Desk(tmp_path, own_redis.url)


@pytest.fixture
def flow(tmp_path: Path, own_redis: OwnRedis, clock: SystemClock, desk: Desk) -> Iterator[Process]:
    config = tmp_path / "makegood.yaml"
    live = LIVE.format(var=tmp_path / "var", port=free_port(), notifier_port=free_port())
    config.write_text(SETTINGS + live, encoding="utf-8")
    with running(config, own_redis.url, environment=clock.environment) as process:
        yield process


BREACHED = ["suspected", "confirmed"]


@pytest.mark.parametrize(
    ("offset", "off_s", "told"),
    [("+0", 0, ""), ("-1h", -3600, "3600 s behind the flow"), ("+1h", 3600, "3600 s ahead of the flow")],
)
def test_alerts_come_in_time_whatever_is_done_to_the_clock(
    flow: Process, clock: SystemClock, desk: Desk, offset: str, off_s: int, told: str
) -> None:
    flow.until_health(lambda told: told)  # it reads now: what comes before both are due must not depend on its start
    desk.opened("breached", 8)
    desk.opened("answered", 900)  # in time, also on a machine that is busy for minutes; late by a clock set forward
    desk.opened("later", 1800)
    flow.until_health(lambda told: told.get("events") == 3)
    clock.set(offset)
    if off_s:
        report = flow.until_health(lambda told: "clock" in told.get("troubles", {}))
        assert told in report["troubles"]["clock"]
        assert report["status"] == "unhealthy"
        assert f"makegood_clock_off_seconds {off_s:.0f}"[:28] in flow.get("/metrics")
        (jump,) = flow.logged("clock.jumped")
        assert jump["by_s"] == pytest.approx(off_s, abs=2)
    desk.now("agent_reply", "answered")
    desk.now("opened", "new")
    flow.until(lambda: desk.steps().get("breached") == BREACHED)
    report = flow.until_health(lambda told: told.get("events") == 5)
    assert (report["dead_letters"], report["late"]) == (0, 0)
    clock.set("+0")  # a clock that is set back lets the flow begin anew from its state: then it counts from zero
    report = flow.until_health(lambda told: told["status"] == "healthy")
    assert (report["dead_letters"], report["late"]) == (0, 0)
    assert desk.steps() == {"breached": BREACHED}
    assert len(flow.logged("clock.agrees")) == len(flow.logged("clock.jumped")) == bool(off_s)
    flow.stop()
