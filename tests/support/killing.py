"""Replays in a process of their own that is killed at random moments, and started again with the same command."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE_S

_TRIES = 60


def replay_killed(
    config: Path,
    options: Sequence[str],
    out: Path,
    rng: random.Random,
    *,
    kills: int = 3,
    program: str = "pipeline.cli",
) -> tuple[dict[str, Any], int]:
    """Replay with ``kills`` kills on the way; return the summary of the last run, and the kills done."""
    command = [sys.executable, "-m", program, "replay", "--config", str(config), "--out", str(out), "--json"]
    done = 0
    written: list[bytes] = []
    for _ in range(_TRIES):
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _wait_for_progress(process, out.with_name(out.name + ".work") / "changes.journal", rng)
        if process.poll() is None and done < kills:
            os.kill(process.pid, signal.SIGKILL)
            done += 1
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        if process.returncode == 0:
            assert all(early == out.read_bytes() for early in written), "the output is written in one step, at the end"
            return json.loads(stdout.splitlines()[-1]), done
        assert process.returncode == -signal.SIGKILL, stderr.decode()
        if out.exists():  # the kill came behind the last step
            written.append(out.read_bytes())
    msg = "the replay never came to its end"
    raise AssertionError(msg)


def _wait_for_progress(process: "subprocess.Popen[bytes]", journal: Path, rng: random.Random) -> None:
    """Wait until the replay has written something new, then a random moment more."""
    before = journal.stat().st_size if journal.exists() else 0
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.stat().st_size > before:
            break
        time.sleep(0.002)
    time.sleep(rng.random() * 0.05)
