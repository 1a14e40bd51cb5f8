"""Controls in a running flow: a process of its own over a real Redis, killed, and its store away."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.control_log import ControlLog
from alerts.model import rfc3339, to_json
from alerts.shadow_log import ShadowLog
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.control import Control, VerdictGiven
from pipeline.assembly import load_settings
from pipeline.control.steering import read_controls
from pipeline.replay import replay
from tests.cli.support import makegood
from tests.pipeline.live.test_flow_process import history, running, settle, until
from tests.support.controls import threshold
from tests.support.events import HOUR_US, START_US
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.recording import LATENESS_US, Timed, make_recording, write_config, write_lines

CRM, SOCIAL = make_recording(20260302, cases=8)
EAGER = {"p_value": {"fire": "0.04"}, "cool_down": "0s"}
STORE = """
store: {dir: var}
metrics: {listen: "127.0.0.1:%s"}
control: {poll: 50ms}
"""
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


class Scene:
    """Settings of a flow that follows growing files; event time goes by events alone."""

    def __init__(self, folder: Path, server: OwnRedis, port: int = 0) -> None:
        self.server = server
        self.social = folder / "social.jsonl"
        crm = write_lines(folder / "crm.jsonl", CRM)
        write_lines(self.social, [])
        self.config = write_config(folder, crm, self.social, batch_size=20, epoch="100ms")
        text = self.config.read_text(encoding="utf-8").replace("format: jsonl}", "format: jsonl, follow: true}")
        text = text.replace("  lateness: 10m\n", "  lateness: 10m\n  idle_after: 5000d\n")
        # Cases are all there from the beginning: they hold no time back.
        self.config.write_text("".join(line for line in text.splitlines(keepends=True) if "  crm:" not in line))
        with self.config.open("a", encoding="utf-8") as file:
            file.write(STORE % port)
        self._written = 0

    def go_on(self, until_us: int) -> None:
        """Write the posts before a time."""
        rows: list[Timed] = [row for row in SOCIAL if row[0] < until_us]
        with self.social.open("ab") as file:
            file.writelines(raw + b"\n" for _, raw in rows[self._written :])
        self._written = len(rows)

    def write(self, control: Control) -> Control:
        with self.server.client() as client:
            return ControlLog(AlertStore(client, StoreSettings())).append(lambda _: control)

    def taken(self) -> set[int]:
        with self.server.client() as client:
            return {number for _, number in ShadowLog(AlertStore(client, StoreSettings())).taken()}

    def read(self) -> int:
        """Return the number of the last control that the flow has said that it has read."""
        with self.server.client() as client:
            return max((one.number for one in ControlLog(AlertStore(client, StoreSettings())).seen()), default=0)

    def shadows(self, version: int) -> list[Any]:
        with self.server.client() as client:
            return list(ShadowLog(AlertStore(client, StoreSettings())).decisions("sentiment_drop", version))


def at(hours: float) -> int:
    return START_US + int(hours * HOUR_US)


def test_a_replay_with_the_exported_controls_gives_the_alerts_of_the_live_run(
    tmp_path: Path, redis_server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, redis_server)
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", redis_server.url)
    scene.write(threshold("sentiment_drop", 1, "shadow", at(10), EAGER, number=0))
    with running(scene.config, redis_server) as flow:
        scene.go_on(at(20))
        until(lambda: scene.taken() == {1}, flow)
        scene.write(threshold("sentiment_drop", 1, "live", at(40), EAGER, number=0))
        until(lambda: scene.read() == 2, flow)
        scene.go_on(at(48))
        until(lambda: 2 in scene.taken(), flow)
        flow.kill()
    # Written while the flow is down: it is known before the first record is read.
    scene.write(threshold("sentiment_drop", 2, "shadow", at(49), {"alert_budget": "1 per month"}, number=0))
    scene.go_on(at(70))
    with running(scene.config, redis_server) as flow:
        until(lambda: 3 in scene.taken(), flow)
        flow.kill()
    with running(scene.config, redis_server) as flow:
        scene.write(threshold("sentiment_drop", 2, "stopped", at(75), {}, number=0))
        scene.go_on(at(80))
        until(lambda: 4 in scene.taken(), flow)
        # Too late: it holds from the next window on.
        scene.write(threshold("sentiment_drop", 0, "live", at(1), {}, number=0))
        until(lambda: scene.read() == 5, flow)
        scene.go_on(at(90))
        until(lambda: 5 in scene.taken(), flow)
        scene.go_on(at(1000))

        # All controls have been taken: what is exported is what the flow went by.
        exported = tmp_path / "controls.jsonl"
        done = makegood("history", "--config", scene.config, "--export", exported)
        assert (done.returncode, done.defect) == (0, None)
        controls = read_controls(exported)
        assert controls[4].effective_us > at(74)  # type: ignore[union-attr]
        out, shadows = tmp_path / "alerts.jsonl", tmp_path / "shadows.jsonl"
        replay(load_settings(scene.config).settings, out, controls=controls, shadows=shadows)
        until_us = SOCIAL[-1][0] - LATENESS_US
        rows = [json.loads(line) for line in out.read_bytes().splitlines()]
        told = [row for row in rows if (row["endsAt"] or row["startsAt"]) < rfc3339(until_us)]
        decisions = [json.loads(line) for line in shadows.read_bytes().splitlines()]
        decided = [one for one in decisions if one["end_us"] < until_us]
        settle(redis_server, flow, len(told))
        until(lambda: len(scene.shadows(1) + scene.shadows(2)) >= len(decided), flow)
        flow.stop()

    live = [json.loads(json.dumps(to_json(one))) for one in history(redis_server)]
    assert len(live) > 4

    def ordered(found: list[Any]) -> list[str]:
        return sorted(json.dumps(row, sort_keys=True) for row in found)

    assert ordered(live) == ordered(told)
    assert len(scene.shadows(1) + scene.shadows(2)) == len(decided)
    shown = makegood("history", "sentiment_drop", "--config", scene.config).stdout
    assert "came late: holds for windows after" in shown


def test_a_command_reaches_a_running_flow_in_seconds_and_says_so(
    tmp_path: Path, redis_server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, redis_server)
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", redis_server.url)
    monkeypatch.setattr("pipeline.commands.controls._HEARD_WITHIN_S", PATIENCE_S)
    with running(scene.config, redis_server) as flow:
        scene.go_on(at(5))
        until(lambda: scene.read() >= 0 and bool(_flows(redis_server)), flow)
        before_us = time.time_ns() // 1000
        done = makegood(
            *("shadow", "sentiment_drop", "--config", scene.config, "--set", "confirm=2 of 3"),
            *("--why", "two false alarms", "--by", "ada", "--json"),
        )
        assert (done.returncode, done.defect) == (0, None)
        told = json.loads(done.stdout)
        assert (told["flows"], told["read"], told["version"]) == (1, True, 1)
        assert told["effective"] >= rfc3339(before_us + 5_000_000 - 1_000_000), "ahead of the flow, by the delay"
        flow.stop()
    monkeypatch.setattr("pipeline.commands.controls._HEARD_WITHIN_S", 0.0)  # no flow is there to hear it
    done = makegood("promote", "sentiment_drop", "--config", scene.config, "--why", "good")
    assert done.returncode == 0


def _flows(server: OwnRedis) -> list[Any]:
    with server.client() as client:
        return list(ControlLog(AlertStore(client, StoreSettings())).seen())


def test_a_flow_goes_on_while_the_log_is_away_says_so_and_reads_on(
    tmp_path: Path, redis_server: OwnRedis, free_port: int
) -> None:
    scene = Scene(tmp_path, redis_server, free_port)
    with running(scene.config, redis_server) as flow:
        scene.write(threshold("sentiment_drop", 1, "shadow", at(2), EAGER, number=0))
        scene.go_on(at(5))
        until(lambda: scene.taken() == {1}, flow)
        redis_server.kill()
        until(lambda: "control" in _health(free_port)["troubles"], flow)
        scene.go_on(at(12))
        # No alert opens in these hours: the flow has nothing to store, and goes on.
        until(lambda: (_health(free_port)["watermark"] or 0) > at(11) / 1e6, flow)
        redis_server.start()
        until(lambda: "control" not in _health(free_port)["troubles"], flow)
        scene.write(threshold("sentiment_drop", 1, "live", at(20), EAGER, number=0))
        until(lambda: scene.read() == 2, flow)
        scene.go_on(at(30))
        until(lambda: 2 in scene.taken(), flow)
        flow.stop()


def _health(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    except OSError:
        found = {}
    return {"troubles": {}, "watermark": None, **found}


def test_what_people_say_of_alerts_is_exported_with_an_interval(
    tmp_path: Path, redis_server: OwnRedis, free_port: int
) -> None:
    scene = Scene(tmp_path, redis_server, free_port)
    for number, verdict in enumerate(["noise", "noise", "useful"]):
        now_us = time.time_ns() // 1000
        given = VerdictGiven(
            fingerprint=f"{number:016x}",
            starts_at_us=now_us,
            detector="sentiment_drop",
            verdict=verdict,  # type: ignore[arg-type]
            by="ada",
            at_us=now_us,
        )
        scene.write(given)
    with running(scene.config, redis_server) as flow:
        scene.go_on(at(12))
        wanted = 'makegood_detector_false_alarms_per_week{bound="low",detector="sentiment_drop",source="p_values"}'
        text = ""

        def are_told() -> bool:
            nonlocal text
            text = _metrics(free_port)
            return wanted in text and 'source="verdicts"' in text

        until(are_told, flow)
        flow.stop()
    assert 'makegood_detector_verdicts_total{detector="sentiment_drop",verdict="noise"} 2.0' in text
    found = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if "false_alarms_per_week{" in line
    }
    rates = [
        found[f'makegood_detector_false_alarms_per_week{{bound="{bound}",detector="sentiment_drop",source="verdicts"}}']
        for bound in ("low", "estimate", "high")
    ]
    assert rates == pytest.approx([0.242, 2.0, 7.22], abs=0.01)


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
