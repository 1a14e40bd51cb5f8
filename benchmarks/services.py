"""What live benchmarks run: a Kafka broker, the store, and ``makegood flow`` in a process of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.kafka import Broker, kafka_libs

REPO = Path(__file__).resolve().parents[1]


class BenchmarkError(Exception):
    """What was to be measured did not work; the text says what it said."""


def python(*arguments: str, cores: str = "") -> list[str]:
    """Return a command that runs this Python; ``cores`` as ``taskset --cpu-list`` takes them, empty: any."""
    return [*(("taskset", "--cpu-list", cores) if cores else ()), sys.executable, *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return our own environment, with this checkout to import from, and no store but the one of the settings."""
    ours = {name: value for name, value in os.environ.items() if name != "MAKEGOOD_REDIS_URL"}
    path = os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")])
    return {**ours, "PYTHONPATH": path, "MAKEGOOD_LOG_LEVEL": "warning", **more}


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Run a broker with its data in ``folder``."""
    found = Broker(folder, kafka_libs())
    found.start()
    try:
        yield found
    finally:
        found.kill()
        shutil.rmtree(folder, ignore_errors=True)


def broker_pid(of: Broker) -> int:
    """Return the process of a broker."""
    return of._running().pid  # noqa: SLF001 - benchmarks and tests are one house


def free_address() -> str:
    """Return an address of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class FlowProcess:
    """A flow as a process. Its address for figures must stand in ``address``."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._url = f"http://{address}/healthz"
        self._log = log

    def health(self) -> dict[str, Any]:
        """Return what it says about itself; nothing while it does not answer."""
        self.check()
        try:
            with urlopen(self._url, timeout=5) as page:  # noqa: S310 - our own
                body = page.read()
        except HTTPError as error:
            body = error.read()
        except OSError:
            return {}
        report: dict[str, Any] = json.loads(body)
        return report

    def events(self) -> int:
        """Return how many events it has taken, repeats apart."""
        return int(self.health().get("events", 0))

    def check(self) -> None:
        """Raise when it has ended by itself."""
        if self.process.poll() is not None:
            end = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            msg = f"the flow ended with {self.process.returncode}; {self._log} ends:\n{end}"
            raise BenchmarkError(msg)

    def until(self, condition: Callable[[], bool], what: str, limit_s: float) -> None:
        """Wait until something holds."""
        end_s = time.monotonic() + limit_s
        while not condition():
            self.check()
            if time.monotonic() > end_s:
                msg = f"{what}: not within {limit_s:.0f} s; the flow says {self.health()}"
                raise BenchmarkError(msg)
            time.sleep(0.05)

    def stop(self, limit_s: float = 120) -> None:
        """Ask it to stop, and wait until everything is saved."""
        self.process.terminate()
        self.process.wait(limit_s)
        if self.process.returncode != 0:
            self.check()


@contextmanager
def flow(
    config: Path,
    address: str,
    *,
    share: str = "0/1",
    cores: str = "",
    module: str = "pipeline.cli",
    more: Mapping[str, str] | None = None,
) -> Iterator[FlowProcess]:
    """Run ``makegood flow`` beside us; it is killed in the end if it was not stopped."""
    log = config.with_name(f"flow-{share.replace('/', '-of-')}.log")
    command = python("-m", module, "flow", "--config", config.name, "--listen", address, "--share", share, cores=cores)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=config.parent, env=environment(**(more or {})), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield FlowProcess(process, address, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
