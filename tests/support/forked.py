"""``makegood COMMAND`` in a process of its own that is there in milliseconds.

The process is forked by a server that has imported everything already: what takes a second of every start of Python is
done once. It is a process like any other, with its own folder, environment, output and signals. Whatever is about
starting itself takes a process that is started anew.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.preloaded"])
MAKEGOOD = "pipeline.cli"
LISTENING = "tests.support.listening"
_PR_SET_PDEATHSIG = 1


class Forked:
    """What :class:`subprocess.Popen` is for a process that was started anew.

    Args:
        arguments: of the command line.
        environment: all of it.
        cwd: folder to run in.
        stdout: file that its output is appended to.
        stderr: the same for what it says.
        program: ``pipeline.cli``, or what has more detectors.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        stdout: Path,
        stderr: Path,
        program: str = MAKEGOOD,
    ) -> None:
        self.args = [program, *arguments]
        order = (program, list(arguments), dict(environment), str(cwd), str(stdout), str(stderr))
        # The server gets the environment of now: it must not have threads when it forks.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._process = CONTEXT.Process(target=_run, args=order)
        self._process.start()
        self.pid = int(self._process.pid or 0)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(program: str, arguments: list[str], environment: dict[str, str], cwd: str, stdout: str, stderr: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, path in ((1, stdout), (2, stderr)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [program, *arguments]
    if program == LISTENING:
        from tests.support.listening import main as listening  # noqa: PLC0415

        listening()
    else:
        from pipeline.cli import app  # noqa: PLC0415

        app()
