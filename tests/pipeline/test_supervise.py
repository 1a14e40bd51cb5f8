"""What the supervisor says of parts that were asked to end."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.supervise import Part, part_command, supervise
from tests.support.patience import PATIENCE_S

YOUNG = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
BAD = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(3)); " + YOUNG


class StopWhenThere(threading.Event):
    """Set as soon as a file is there."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def wait(self, timeout: float | None = None) -> bool:
        return self.path.exists() or super().wait(timeout)


@pytest.mark.parametrize(("code", "status"), [(YOUNG, 0), (BAD, 1)], ids=["does not listen yet", "ends badly"])
def test_a_part_that_was_so_young_that_it_did_not_listen_to_the_signal_ended_well(
    code: str, status: int, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    part = Part("part", [sys.executable, "-c", code, str(up)], os.environ, time.monotonic)
    assert supervise([part], StopWhenThere(up), look_every_s=0.02, patience_s=PATIENCE_S) == status


TAKEN = "import pathlib, sys; sys.exit(2) if not pathlib.Path(sys.argv[2]).exists() else None; " + YOUNG


class FreeWhenTried(threading.Event):
    """Makes a file when a part has been tried once; set as soon as the other file is there."""

    def __init__(self, free: Path, up: Path, tried: Part) -> None:
        super().__init__()
        self.free, self.up, self.tried = free, up, tried

    def wait(self, timeout: float | None = None) -> bool:
        if self.tried._process is None:
            self.free.touch()
        return self.up.exists() or super().wait(timeout)


def test_a_part_that_others_can_do_without_is_tried_again_until_its_address_is_free(tmp_path: Path) -> None:
    free, up = tmp_path / "free", tmp_path / "up"
    part = Part("page", [sys.executable, "-c", TAKEN, str(up), str(free)], os.environ, time.monotonic, vital=False)
    assert supervise([part], FreeWhenTried(free, up, part), look_every_s=0.02, patience_s=PATIENCE_S) == 0
    assert up.exists()


def test_a_part_that_nothing_goes_on_without_ends_everything_when_it_cannot_work(tmp_path: Path) -> None:
    up = tmp_path / "up"
    part = Part("flow", [sys.executable, "-c", TAKEN, str(up), str(tmp_path / "never")], os.environ, time.monotonic)
    assert supervise([part], StopWhenThere(up), look_every_s=0.02, patience_s=PATIENCE_S) == 2


def test_a_file_in_the_working_directory_that_is_called_like_a_library_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "twilio.py").write_text("raise SystemExit('this is no library')")
    (tmp_path / "typer.py").write_text("raise SystemExit('this is no library')")
    monkeypatch.chdir(tmp_path)
    ran = subprocess.run([*part_command("notifier"), "--help"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
