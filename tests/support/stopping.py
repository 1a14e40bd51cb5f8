"""Processes that are stopped in their tracks (SIGSTOP) and go on later."""

import os
import signal
from pathlib import Path

from tests.support.patience import until

_STILL = frozenset("TtZX")


def stop_in_its_tracks(pid: int) -> None:
    """Stop a process, and return when it stands: the signal only asks, and a thread that runs may do more meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state in _STILL for state in _states(pid)), f"the stop of process {pid}")


def _states(pid: int) -> list[str]:
    """Return the state of each thread of a process, as in proc(5): none where it has ended."""
    found = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # the thread ended meanwhile
            continue
        found.append(text.rpartition(")")[2].split()[0])  # its name may hold anything, brackets too
    return found
