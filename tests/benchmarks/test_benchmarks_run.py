"""The benchmarks of the live flow, of memory and of history run, at a tiny size, and end with a line of JSON."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import services
from tests.support.kafka import BrokerUnavailable, kafka_libs
from tests.support.patience import PATIENCE_S

_RUN_S = 3 * PATIENCE_S
"""As long as a test may take."""
needs_kafka = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def kafka() -> None:
    try:
        kafka_libs()
    except BrokerUnavailable as why:
        pytest.skip(str(why))


def run(name: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(
        command,
        cwd=services.REPO,
        env=services.environment(),
        capture_output=True,
        text=True,
        timeout=_RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["machine"]
    assert told["versions"]["bytewax"]
    return told


def test_history_compares_a_short_recording_with_the_long_one_that_it_begins() -> None:
    told = run("history", "--days", "1", "--times", "2", "--per-hour", "20")
    assert [row["events"] for row in told["rows"]] == [480, 960, 2.0]
    assert not told["past_growing"], "a day is too short for a verdict"


def test_two_processes_take_halves_of_a_file() -> None:
    told = run("two_processes", "--events", "2000", "--ways", "files")
    assert [row["processes"] for row in told["rows"]] == [1, 2]
    assert told["two_to_one"].keys() == {"files"}


def test_ids_are_remembered_and_restored() -> None:
    told = run("ids", "--millions", "0.002,0.02,0.04", "--hot", "5000", "--batch", "500")
    assert [row["ids"] for row in told["rows"]] == [2_000, 20_000, 40_000]
    assert "bytes a further id" in told["rows"][-1]


def test_models_are_measured_wrapped_and_bare() -> None:
    told = run("models", "--observations", "30", "--rounds", "1", "--json")
    rows = {row["class"]: row for row in told["rows"]}
    assert {"anomaly.HalfSpaceTrees", "drift.ADWIN", "stats.EWVar"} <= rows.keys()
    assert rows["anomaly.LODA"].keys() >= {"learn us", "score us", "state bytes", "bare learn us", "bare score us"}


def test_rules_of_false_discovery_rate_are_compared() -> None:
    told = run("fdr", "--tests", "400", "--seeds", "1", "--json")
    assert len(told["rows"]) == 32
    assert {row["rule"] for row in told["rows"]} >= {"LORD++", "SAFFRON", "ADDIS", "mem-LORD 0.999"}


@pytest.mark.usefixtures("kafka")
class TestOverKafka:
    pytestmark = needs_kafka

    def test_two_processes_share_partitions(self) -> None:
        told = run("two_processes", "--events", "5000", "--ways", "kafka")
        assert [row["processes"] for row in told["rows"]] == [1, 1, 2]

    def test_every_alert_of_the_live_benchmark_comes(self) -> None:
        told = run(
            "live", "--rate", "500", "--seconds", "9", "--settle-s", "2", "--lateness", "0s,1s", "--open-cases", "50",
            "--groups", "3", "--per-s", "3",
        )  # fmt: skip
        counts = {(row["lateness"], row["from"]): row["count"] for row in told["rows"]}
        for lateness in ("0s", "1s"):
            assert counts[lateness, "deciding event"] > 0
            assert counts[lateness, "deadline"] > 0

    def test_memory_is_measured_with_cases_and_with_groups(self) -> None:
        told = run(
            "memory", "--cases", "300", "--states", "asleep,half_at_risk", "--groups", "4", "--hours", "3", "--rate",
            "300", "--seconds", "2", "--settle-s", "1",
        )  # fmt: skip
        rows = {row["figure"]: row for row in told["rows"]}
        assert rows["events"] == {"figure": "events", "asleep": 600, "half_at_risk": 600, "4 groups": 24}
        assert rows["cases"]["asleep"] >= 300
        assert rows["alert changes"]["asleep"] == 0
        assert rows["alert changes"]["half_at_risk"] > 100
