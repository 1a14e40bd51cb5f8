"""Replays in a process of their own that is killed at random moments, and started again with the same command."""

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.forked import Forked
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
    command = ["replay", "--config", str(config), "--out", str(out), "--json", *options]
    done = 0
    written: list[bytes] = []
    for number in range(_TRIES):
        stdout, stderr = (out.with_name(f"{out.name}.{number}.{name}") for name in ("stdout", "stderr"))
        process = Forked(command, environment=os.environ, cwd=Path.cwd(), stdout=stdout, stderr=stderr, program=program)
        _wait_for_progress(process, out.with_name(out.name + ".work") / "changes.journal", rng)
        if process.poll() is None and done < kills:
            os.kill(process.pid, signal.SIGKILL)
            done += 1
        if process.wait(PATIENCE_S) == 0:
            assert all(early == out.read_bytes() for early in written), "the output is written in one step, at the end"
            if done == 0 and number < _TRIES - 1:  # it was faster than we: once more from the beginning
                out.unlink()
                continue
            return json.loads(stdout.read_bytes().splitlines()[-1]), done
        assert process.returncode == -signal.SIGKILL, stderr.read_text()
        if out.exists():  # the kill came behind the last step
            written.append(out.read_bytes())
    msg = "the replay never came to its end"
    raise AssertionError(msg)


def _wait_for_progress(process: Forked, journal: Path, rng: random.Random) -> None:
    """Wait until the replay has written something new, then a random moment more."""
    before = journal.stat().st_size if journal.exists() else 0
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.stat().st_size > before:
            break
        time.sleep(0.002)
    time.sleep(rng.random() * 0.05)
