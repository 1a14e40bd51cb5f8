"""What the supervisor says of parts that were asked to end."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.supervise import Part, supervise

YOUNG = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
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
    assert supervise([part], StopWhenThere(up), look_every_s=0.02) == status
