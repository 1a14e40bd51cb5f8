"""A redis-server of a test's own, which the test may stop, kill and start again on the same data."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.stopping import stop_in_its_tracks
from tests.support.tied import tied_to_us

_AGAIN_AFTER_S = 0.05


class OwnRedis:
    """Append-only on; every write on disk before its answer, unless the options say otherwise."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not on PATH")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._command = [
            *(*tied_to_us(), program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        return self.client_of(self.url)

    @staticmethod
    def client_of(url: str) -> "redis.Redis":
        """Return a client that goes on trying for as long as we have patience."""
        tries = round(PATIENCE_S / _AGAIN_AFTER_S)
        return redis.Redis.from_url(url, decode_responses=True, retry=Retry(ConstantBackoff(_AGAIN_AFTER_S), tries))

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with self.client() as client:
            client.ping()

    def kill(self) -> None:
        """SIGKILL, as a crash or the kernel would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        if self._process is not None and self._process.poll() is None:
            stop_in_its_tracks(self._process.pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)
