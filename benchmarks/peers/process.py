"""Runs a contestant in a process of its own, on given cores, and measures it from outside.

The harness makes itself the reaper of orphans, so that the processor time of everything a contestant starts (a JVM,
say) is counted to the last tick, also where the contestant does not wait for it.
"""

import ctypes
import os
import resource
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import msgspec

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_EVERY_S = 0.1
_PAGE = resource.getpagesize()


class ContestantError(Exception):
    """A contestant ended with an error or took too long; the text ends with what it wrote."""


class Run(msgspec.Struct, frozen=True):
    """One run: seconds of the wall clock from start to end of the process, processor seconds, peak memory in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def become_reaper() -> None:
    """Have orphans of our children become our own children. Linux only."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def run(
    command: Sequence[str], *, cores: str, cwd: Path, environment: Mapping[str, str], log: Path, limit_s: float
) -> Run:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        cores: as ``taskset --cpu-list`` takes them.
        cwd: where it runs.
        environment: added to our own.
        log: what it writes to its two outputs goes here.
        limit_s: it is killed, with all that it started, when it takes longer.

    Raises:
        ContestantError: when it fails or takes too long.
    """
    with log.open("wb") as output:
        started_s = monotonic()
        process = subprocess.Popen(
            ["taskset", "--cpu-list", cores, *command],
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        memory = _Memory(process.pid)
        killer = threading.Timer(limit_s, os.killpg, (process.pid, 9))
        killer.start()
        try:
            status, wall_s, cpu_s = _wait(process.pid, started_s)
        finally:
            killer.cancel()
            peak_bytes = memory.stop()
    process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: subprocess must not look for it again
    if process.returncode != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        msg = f"{' '.join(command[:3])} ... ended with {process.returncode} after {wall_s:.0f} s; {log} ends:\n{end}"
        raise ContestantError(msg)
    return Run(wall_s, cpu_s, peak_bytes)


def _wait(leader: int, started_s: float) -> tuple[int, float, float]:
    """Wait for a process group; return the leader's status and wall clock, and everybody's processor seconds."""
    leader_status, wall_s, cpu_s = 0, 0.0, 0.0
    while True:
        try:
            pid, status, used = os.wait4(-leader, 0)
        except ChildProcessError:
            return leader_status, wall_s, cpu_s
        # Includes the children that this process has waited for itself.
        cpu_s += used.ru_utime + used.ru_stime
        if pid == leader:
            leader_status, wall_s = status, monotonic() - started_s


class _Memory:
    """Looks at the resident memory of a session of processes, all together, ten times a second.

    The kernel's own figure (``ru_maxrss``) is of no use here: it begins with the memory of whoever started the process.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the highest sum seen."""
        self._done.set()
        self._thread.join()
        return self._peak_bytes

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_EVERY_S):
            self._peak_bytes = max(self._peak_bytes, _resident_bytes(self._session))


def _resident_bytes(session: int) -> int:
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(fields[3]) == session:
            total += int(fields[21]) * _PAGE
    return total
