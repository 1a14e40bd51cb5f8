"""Runs the command line as users do: in a process of its own, or, much faster, in this one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from pipeline.cli import app
from tests.support.patience import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = PATIENCE_S


class Finished(NamedTuple):
    """What a command did. ``defect``: an exception that would have been a traceback."""

    returncode: int
    stdout: str
    stderr: str
    defect: BaseException | None = None


def makegood(*arguments: str | Path) -> Finished:
    """Run ``makegood`` with arguments in this process."""
    result = CliRunner().invoke(app, list(map(str, arguments)), prog_name="makegood")
    defect = None if isinstance(result.exception, SystemExit) else result.exception
    return Finished(result.exit_code, result.stdout, result.stderr, defect)


def makegood_process(*arguments: str | Path, cwd: Path | None = None) -> Finished:
    """Run ``makegood`` with arguments in a process of its own."""
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)
