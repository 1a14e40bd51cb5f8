"""Machine code that nobody has kept is made by another process, and only loaded by this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

PROGRAM = """
import sys
from pipeline.columns import lane
from pipeline.columns.keeping import Kept
from pipeline.columns.wants import Wants
from detectors.packed import FIELDS, NUMBERS, TYPES

made, save = [], Kept.save_overload
def saving(kept, *more):
    made.append(kept)
    save(kept, *more)
Kept.save_overload = saving
if len(sys.argv) > 1:
    sys.executable = sys.argv[1]
for _ in range(2):
    lane.build(Wants(frozenset({*FIELDS, *NUMBERS}), frozenset({"crm.case.opened"}), TYPES, TYPES))
print(len(made))
"""


def go(folder: Path, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    """Build a scanner in a new process; return how much code it made itself, and what it logged."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-P", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stderr
    *logged, made = done.stdout.splitlines()
    return int(made), "\n".join(logged) + done.stderr


def test_another_process_makes_all_of_it(tmp_path: Path) -> None:
    hostile = tmp_path / "somewhere"
    hostile.mkdir()
    (hostile / "numpy.py").write_text("raise SystemExit('not this one')")
    kept = tmp_path / "kept"
    assert go(kept, cwd=hostile) == (0, "")
    files = {path: path.stat().st_mtime_ns for path in kept.rglob("*.machine")}
    assert files
    assert go(kept) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.machine")} == files


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
def test_where_that_fails_it_makes_the_code_itself(tmp_path: Path, program: str) -> None:
    made, logged = go(tmp_path, program)
    assert made > 0
    assert logged.count("columns.not_made_aside") == 1
