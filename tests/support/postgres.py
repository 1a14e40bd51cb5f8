"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached over a socket file."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROGRAMS = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    found = shutil.which(name) or next((str(path) for path in sorted(_PROGRAMS.glob(f"*/bin/{name}"))), None)
    if found is None:
        pytest.skip(f"no PostgreSQL: {name} is neither on PATH nor below {_PROGRAMS} (apt-get install postgresql)")
    return found


class OwnPostgres:
    """A server that the test may stop and start again on the same data.

    Args:
        folder: short: the socket file's path has a limit of about a hundred characters.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as = self._user()
        if self._as is not None:
            shutil.chown(folder, self._as)
        self._run(_program("initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self._folder}"

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c timezone=America/New_York"
        log = str(self._folder / "log")
        self._run(_program("pg_ctl"), "-D", str(self._folder / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        self._run(_program("pg_ctl"), "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    @staticmethod
    def _user() -> str | None:
        """PostgreSQL refuses to run as root."""
        if os.getuid() != 0:
            return None
        try:
            return pwd.getpwnam("postgres").pw_name
        except KeyError:
            return "nobody"

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            user=self._as,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode()


def running() -> Iterator[OwnPostgres]:
    """Yield a running server; stop it and remove its data."""
    pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = OwnPostgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
