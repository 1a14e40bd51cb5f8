"""The live flow as a process of its own, what it says of itself, and what the store has of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from tests.support.forked import Forked
from tests.support.kafka import REPO
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.recording import Timed, make_recording, write_config, write_lines

Changes = Counter[tuple[str, str, str]]
Health = dict[str, Any]
LOOK_S = 0.05
LIVE = """
store: {{dir: {var}}}
metrics: {{listen: "127.0.0.1:{port}", notifier_listen: "127.0.0.1:{notifier_port}"}}
"""
RECORDING = make_recording(20260302, cases=60, hours=48)
"""Of the file feeds ``crm`` and ``social``; small enough for many runs."""


def write_files(folder: Path, recording: tuple[list[Timed], list[Timed]] = RECORDING) -> tuple[Path, Path]:
    """Write the recording as two files."""
    return write_lines(folder / "crm.jsonl", recording[0]), write_lines(folder / "social.jsonl", recording[1])


def write_live(folder: Path, *, epoch: str = "100ms", batch_size: int = 20, var: Path | None = None) -> Path:
    """Write the settings of a flow that reads both files to their end and then stays quiet.

    The clock does not move event time on, so the alert changes do not depend on when the test runs.
    """
    config = write_config(folder, folder / "crm.jsonl", folder / "social.jsonl", batch_size=batch_size, epoch=epoch)
    text = config.read_text(encoding="utf-8").replace("  lateness: 10m\n", "  lateness: 10m\n  idle_after: 5000d\n")
    text = text.replace("format: jsonl}", "format: jsonl, follow: true}")
    live = LIVE.format(var=var or folder / "var", port=free_port(), notifier_port=free_port())
    config.write_text(text + live, encoding="utf-8")
    return config


class Process:
    """``makegood COMMAND`` in a process; its log is kept.

    Args:
        config: the settings file; the process runs in its folder.
        url: of the store; None: the embedded one.
        command: of Makegood.
        environment: more of it.
        checkout: the code to run.
        anew: start Python anew; otherwise the process is forked.
    """

    def __init__(
        self,
        config: Path,
        url: str | None = None,
        *,
        command: str = "flow",
        environment: Mapping[str, str] | None = None,
        checkout: Path = REPO,
        anew: bool = False,
    ) -> None:
        self.log_file = config.parent / f"{command}.log"
        settings = config.read_text(encoding="utf-8")
        self._address = settings.split('listen: "')[1].split('"')[0]
        everything = {**os.environ, "PYTHONPATH": str(checkout), **(environment or {})}
        if url is not None:
            everything["MAKEGOOD_REDIS_URL"] = url
        line = ["--log-format", "json", command, "--config", str(config)]
        self.process: Forked | subprocess.Popen[bytes]
        if anew or environment or checkout != REPO:
            with self.log_file.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "pipeline.cli", *line], env=everything, stdout=log, stderr=log,
                    cwd=config.parent,
                )  # fmt: skip
        else:
            self.process = Forked(
                line, environment=everything, cwd=config.parent, stdout=self.log_file, stderr=self.log_file
            )

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        rows = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [row for row in rows if row["event"] == event]

    def get(self, path: str) -> str:
        """Return an answer of the status server, empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=PATIENCE_S) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            return ""

    def health(self) -> Health:
        """Return what ``/healthz`` says, nothing while it does not answer."""
        told = self.get("/healthz")
        return json.loads(told) if told else {}

    def until(self, holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
        """Wait until a condition holds, and fail when the process ends before."""
        give_up_s = time.monotonic() + seconds
        while not holds():
            assert self.runs, f"it ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < give_up_s, f"it did not happen: {self.health()}\n{self.log()}"
            time.sleep(LOOK_S)

    def until_health(self, holds: Callable[[Health], object], seconds: float = PATIENCE_S) -> Health:
        """Wait until what ``/healthz`` says fits; return it."""
        told: Health = {}

        def asked() -> bool:
            nonlocal told
            told = self.health()
            return bool(told) and bool(holds(told))

        self.until(asked, seconds)
        return told

    def until_waits(self, what: str, seconds: float = PATIENCE_S) -> str:
        """Wait until it says that it waits for something; return why."""
        return str(self.until_health(lambda told: what in told.get("waits", {}), seconds)["waits"][what])

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = PATIENCE_S) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """Ask it to stop; everything must be committed then."""
        self.ask_to_stop()
        assert self.ended() == 0, self.log()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(config: Path, url: str | None = None, **options: Any) -> Iterator[Process]:
    """Give a process that is gone when the block ends."""
    process = Process(config, url, **options)
    try:
        yield process
    finally:
        if process.runs:
            process.kill()


def history(url: str) -> list[AlertChange]:
    """Return every change in the store's history."""
    with contextlib.closing(OwnRedis.client_of(url)) as client:
        store = AlertStore(client, StoreSettings())
        details = [store.get(record.current.fingerprint) for record in store.list_alerts()]
    return [change for detail in details if detail is not None for change in detail.history]


def counted(changes: list[AlertChange]) -> Changes:
    """Return each change, with how often it stands in the history."""
    return Counter((change.change_id, change.step, change.status) for change in changes)


def stored(url: str) -> Changes:
    """Return each change in the store's history, with how often it stands there."""
    return counted(history(url))


def pending(url: str) -> int:
    """Return how many notifications wait to be sent: one a change while no notifier runs."""
    with contextlib.closing(OwnRedis.client_of(url)) as client:
        return AlertStore(client, StoreSettings()).counts()["pending"]


def until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> object:
    """Wait until a condition holds; return what it returned."""
    give_up_s = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < give_up_s, "it did not happen"
        time.sleep(LOOK_S)
    return found


def settle(flow: Process, url: str, at_least: int = 1, looks: int = 10) -> None:
    """Wait until there are so many changes in the store, and in so many looks (ten a second) no more came.

    Without a number it may take a flow that is held up for one that has done all.
    """
    seen: list[int] = []

    def steady() -> bool:
        time.sleep(0.1)
        seen.append(stored(url).total())
        return seen[-1] >= at_least and len(seen) > looks and len(set(seen[-looks:])) == 1

    flow.until(steady)
