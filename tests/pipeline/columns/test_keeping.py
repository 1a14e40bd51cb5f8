"""Machine code that is kept on disk is used by the next process, and never where it could be wrong."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

pytest.importorskip("numba")

import numba
import numpy as np

from pipeline.columns import keeping
from pipeline.columns.keeping import Kept, made_of
from pipeline.columns.machine import compiled
from pipeline.columns.reading import two_digits

# By itself: how often others have used the function, and where its code was kept then, is nothing to these tests.
TWO_DIGITS: Any = numba.njit(error_model="numpy")(two_digits.py_func)  # type: ignore[attr-defined]
PROGRAM = """
import numpy as np
from pipeline.columns.reading import two_digits
text = np.frombuffer(b"42", dtype=np.uint8)
print(two_digits(text.ctypes.data, 0))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which machine code is kept from now on."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(Kept, "make", None)
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def keep() -> tuple[Any, Kept]:
    """Keep a function that is as machine code already; return its types, and what keeps it."""
    text = np.frombuffer(b"42", dtype=np.uint8)
    assert TWO_DIGITS(text.ctypes.data, 0) == 42
    kept = Kept(TWO_DIGITS.py_func)
    ((types, result),) = TWO_DIGITS.overloads.items()
    kept.save_overload(types, result)
    return types, kept


def loaded(types: Any, kept: Kept) -> tuple[Any, list[str]]:
    """Return what is found, and which events that logs."""
    with capture_logs() as logs:
        found = kept.load_overload(types, TWO_DIGITS.targetctx)
    return found, [log["event"] for log in logs]


def go(folder: Path, **more: str) -> str:
    """Run a new process that keeps its machine code in a folder; return what it prints and what it logs."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **more}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env, check=False)
    return done.stdout + done.stderr


def test_what_was_kept_is_found(folder: Path) -> None:
    found, logged = loaded(*keep())
    assert found.signature == TWO_DIGITS.nopython_signatures[0]
    assert logged == []
    assert len(files(folder)) == 1


def test_processes_at_once_keep_one_whole_file_and_the_next_uses_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(go, [tmp_path] * 2)) == ["42\n"] * 2
    (kept,) = files(tmp_path)
    before = kept.stat().st_mtime_ns
    assert go(tmp_path) == "42\n"
    assert files(tmp_path) == [kept]
    assert kept.stat().st_mtime_ns == before, "it was made again"


def test_what_was_made_for_another_processor_is_not_used(tmp_path: Path) -> None:
    assert go(tmp_path) == "42\n"
    assert go(tmp_path, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == "42\n"
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other"])
def test_what_is_damaged_is_as_none(folder: Path, damage: str) -> None:
    types, kept = keep()
    (path,) = files(folder)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes({
        "cut": whole[:middle],
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "empty": b"",
        "other": b"\x80\x04N." * 100,
    }[damage])  # fmt: skip
    assert loaded(types, kept) == (None, ["columns.kept_code_damaged"])
    keep()
    assert path.read_bytes() == whole


def test_what_cannot_be_read_or_kept_stops_nothing(folder: Path) -> None:
    types, kept = keep()
    (path,) = files(folder)
    path.unlink()
    assert loaded(types, kept) == (None, [])
    path.mkdir()  # even root cannot read this, nor put a file in its place
    assert loaded(types, kept) == (None, ["columns.kept_code_unusable"])
    with capture_logs() as logs:
        keep()
    assert [log["event"] for log in logs] == ["columns.code_not_kept"]
    assert files(folder) == []


def test_a_change_of_any_source_makes_other_code(tmp_path: Path) -> None:
    here = Path(keeping.__file__).parent
    assert made_of(here) == made_of(here)
    for source in sorted(here.glob("*.py")):
        copy = tmp_path / source.stem
        shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__"))
        with (copy / source.name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        assert made_of(copy) != made_of(here), source.name


def test_without_a_folder_to_write_to_code_is_made_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Kept, _function: object) -> None:
        msg = "no locator available"
        raise RuntimeError(msg)

    monkeypatch.setattr(Kept, "__init__", refuse)

    def double(number: int) -> int:
        return number * 2

    assert compiled(double)(21) == 42
