"""``makegood ingest`` as a process, and a client that speaks to it."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.feeds.contract import FeedContext
from pipeline.feeds.http import HttpFeed
from pipeline.ingest.settings import HttpSettings
from tests.pipeline.ingest.signing import SECRET
from tests.pipeline.ingest.spools import drained
from tests.support.forked import Forked
from tests.support.patience import PATIENCE_S

REPO = Path(__file__).resolve().parents[3]
_LISTENS = re.compile(rb'"listen": "127\.0\.0\.1:(\d+)"')


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Ingest:
    """The server, with its settings and its spools in ``folder``.

    Args:
        folder: of the settings file ``m.yaml``.
        feeds: the section of the settings, as YAML.
        before_exec: called in the child before the command starts.
    """

    def __init__(self, folder: Path, feeds: str, *, before_exec: Callable[[], None] | None = None) -> None:
        self.folder = folder
        self.port = 0
        self._before_exec = before_exec
        self._process: Forked | subprocess.Popen[bytes] | None = None
        (folder / "m.yaml").write_text(f"feeds:\n{feeds}\nstore: {{dir: var}}\n", encoding="utf-8")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self) -> "Ingest":
        """Start it on a free port, and wait until it listens."""
        log = self.folder / "log"
        log.write_bytes(b"")
        line = ["ingest", "--config", "m.yaml", "--listen", "127.0.0.1:0"]
        environment = {**os.environ, "PYTHONPATH": str(REPO), "INGEST_SECRET": SECRET}
        if self._before_exec is None:
            self._process = Forked(line, environment=environment, cwd=self.folder, stdout=log, stderr=log)
        else:
            with log.open("ab") as stream:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "pipeline.cli", *line], cwd=self.folder, env=environment,
                    stdout=stream, stderr=stream,
                    preexec_fn=self._before_exec,  # noqa: PLW1509 - no threads of ours hold locks here
                )  # fmt: skip
        process = self._process
        until(lambda: bool(_LISTENS.search(log.read_bytes())) or process.poll() is not None, lambda: self.log)
        found = _LISTENS.search(log.read_bytes())
        assert found is not None, self.log
        self.port = int(found[1])
        return self

    @property
    def running(self) -> "Forked | subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        self.running.kill()
        self.running.wait(PATIENCE_S)

    def stop(self) -> int:
        """Stop it in order; return its exit status."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(PATIENCE_S)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> Reply:
        with contextlib.closing(self.connect()) as connection:
            return exchange(connection, path, body, headers, method)

    def get(self, path: str) -> Reply:
        return self.post(path, b"", {}, "GET")

    def metrics(self) -> dict[str, float]:
        lines = self.get("/metrics").body.decode().splitlines()
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}

    def kept(self, feed: str) -> list[bytes]:
        """Return the records in the spool of a feed; there must be no damage."""
        settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}})
        reading = HttpFeed(feed, settings, FeedContext(recording=True, spool=self.folder / "var" / "spool"))
        reading.open({})
        try:
            records, bad = drained(reading, at_once=1000)
        finally:
            reading.close()
        assert bad == []
        return records


def exchange(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Reply:
    told = {"Content-Type": "application/json", **(headers or {})}
    connection.request(method, path, body or None, told)
    answer = connection.getresponse()
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@contextlib.contextmanager
def running(server: Ingest) -> Iterator[Ingest]:
    try:
        yield server.start()
    finally:
        if server.running.poll() is None:
            server.kill()


def until(what: Callable[[], bool], log: Callable[[], str]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end_s, log()
        time.sleep(0.02)
