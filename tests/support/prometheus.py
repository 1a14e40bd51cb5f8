"""A real Prometheus for tests, where there is one (Debian: ``apt-get install prometheus``)."""

import json
import math
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port
from tests.support.tied import tied_to_us

_HINT = "no {name} here: apt-get install prometheus"


def need(name: str) -> str:
    """Return where ``prometheus`` or ``promtool`` is, or skip the test and say how to get it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(_HINT.format(name=name))
    return found


def promtool(*arguments: str | Path, given: str | None = None, cwd: Path | None = None) -> str:
    """Run ``promtool``; return what it wrote, and fail with that where it finds something wrong."""
    done = subprocess.run(
        [need("promtool"), *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"promtool {arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Prometheus:
    """One that runs, until it is stopped; started again it has what it had.

    Args:
        folder: for its settings and its data.
        settings: all of them.
        options: of its command line.

    Attributes:
        url: of it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], options: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
        self._command = [
            *(*tied_to_us(), need("prometheus")),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(self._ready, "Prometheus")

    def stop(self) -> None:
        """Stop it; it writes down what it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def values(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Return the answer to a query as of now; series without a number (NaN) are left out."""
        told = self._asked(f"query?query={quote(expr)}")
        if told["resultType"] == "scalar":
            return [({}, float(told["result"][1]))]
        found = [(one["metric"], float(one["value"][1])) for one in told["result"]]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def rules(self) -> dict[str, str]:
        """Return how the last evaluation of each rule went: ``ok``, ``err``, or ``unknown`` before the first."""
        return {rule["name"]: rule["health"] for group in self._asked("rules")["groups"] for rule in group["rules"]}

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts of its rules, as it has them."""
        found: list[dict[str, Any]] = self._asked("alerts")["alerts"]
        return found

    def told(self) -> list[str]:
        """Return the addresses to which it sends alerts."""
        return [one["url"] for one in self._asked("alertmanagers")["activeAlertmanagers"]]

    def figures(self) -> str:
        """Return what it says of itself."""
        with urlopen(f"{self.url}/metrics", timeout=PATIENCE_S) as answer:  # noqa: S310
            return str(answer.read().decode())

    def _asked(self, what: str) -> dict[str, Any]:
        with urlopen(f"{self.url}/api/v1/{what}", timeout=PATIENCE_S) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@contextmanager
def prometheus(
    folder: Path,
    targets: Mapping[str, Sequence[str]],
    rules: Sequence[Path] = (),
    *,
    more: Mapping[str, Any] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Give a Prometheus that asks targets, and judges its rules, every second.

    Args:
        folder: for its settings and its data.
        targets: ``HOST:PORT``, by job.
        rules: files.
        more: sections of its settings beside these.
        options: of its command line.
    """
    settings: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(some)}]} for job, some in targets.items()
        ],
        **(more or {}),
    }
    server = Prometheus(folder, settings, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
