"""``makegood demo`` from end to end, as a newcomer runs it: real processes, a real store, a pager that is down."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

REPO = Path(__file__).resolve().parents[3]
PROGRAM = [sys.executable, "-m", "pipeline.cli"]
# A demo looks for free ports before its parts listen: another one that begins at the same time finds the same.
OWN_PORTS = """
import sys
from pipeline.cli import app
from pipeline.demo import show
ports = sys.argv.pop(1).split(",")
show._free_port = lambda wanted=0: int(ports.pop())
app()
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO)}
STORY = re.compile(r"^ *[\d.]+ s  (?:\w{3} \d\d:\d\d| {9})  (\w+)", re.MULTILINE)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PROGRAM, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)


def demo(folder: Path, seconds: int) -> list[str]:
    """Return the command line of a demo that no other one gets in the way of."""
    ports = f"{free_port()},{free_port()}"
    return [sys.executable, "-c", OWN_PORTS, ports, "demo", "--dir", str(folder), "--seconds", str(seconds)]


@pytest.mark.slow
def test_the_demo_shows_incidents_of_several_kinds_and_delivers_an_alert_by_failover(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = run("demo", "--dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "logs belong into the file, not between the lines of the story"
    kinds = STORY.findall(done.stdout)
    order = ["company", "feeds", "live", "incident", "alert", "failed", "delivered", "pager", "done"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order

    config = ("--config", str(folder / "makegood.yaml"))
    listed = run("alerts", *config, "--match", "alertname=SentimentDrop", "--json")
    (alert,) = json.loads(listed.stdout)
    assert alert["labels"]["service"] == "checkout"
    fired = {
        one["labels"]["detector"] for one in json.loads(run("alerts", *config, "--status", "all", "--json").stdout)
    }
    assert fired >= {
        "sentiment_drop", "transaction_failure", "social_spike", "sla_breach_rate", "feed_silence",
        "sla_breach", "repeat_contact", "negative_survey", "residual_dissatisfaction",
    }  # fmt: skip
    shown = json.loads(run("alerts", alert["fingerprint"], *config, "--json").stdout)
    (note,) = [one for one in shown["notifications"] if one["receiver"] == "on-call"]
    assert note["status"] == "delivered"
    tries = [(one["channel"], one["outcome"]) for one in note["tries"]]
    assert tries[0] == ("pager", "failed")
    assert tries[-1][1] == "delivered"
    assert "WARNING" in done.stdout, "the alert that went to the terminal is shown there"
    why = run("explain", alert["fingerprint"], *config)
    assert "keeps alert_budget: 2 per week" in why.stdout


def test_a_demo_leaves_a_running_one_alone_and_says_when_it_was_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = subprocess.Popen(demo(folder, seconds=600), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert first.stdout is not None
    for line in first.stdout:
        if b"history" in line:
            break
    second = run("demo", "--dir", str(folder))
    assert second.returncode == 1
    assert "in use by another process" in second.stderr
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 1
    assert b"stopped before everything was told" in out
    assert err == b""


def test_a_demo_that_runs_out_of_time_says_what_to_do(tmp_path: Path) -> None:
    command = demo(tmp_path / "demo", seconds=1)
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not everything was told within 1 s" in done.stdout
    assert "--seconds 600" in done.stdout
