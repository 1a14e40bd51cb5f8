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
    """One that runs.

    Args:
        url: of it.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def values(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Return the answer to a query as of now; series without a number (NaN) are left out."""
        with urlopen(f"{self.url}/api/v1/query?query={quote(expr)}", timeout=PATIENCE_S) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)["data"]
        if told["resultType"] == "scalar":
            return [({}, float(told["result"][1]))]
        found = [(one["metric"], float(one["value"][1])) for one in told["result"]]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def rules(self) -> dict[str, str]:
        """Return how the last evaluation of each rule went: ``ok``, ``err``, or ``unknown`` before the first."""
        with urlopen(f"{self.url}/api/v1/rules", timeout=PATIENCE_S) as answer:  # noqa: S310
            groups: list[dict[str, Any]] = json.load(answer)["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, Sequence[str]], rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """Give a Prometheus that asks targets every second.

    Args:
        folder: for its settings and its data.
        targets: ``HOST:PORT``, by job.
        rules: files.
    """
    program = need("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(some)}]} for job, some in targets.items()
        ],
    }
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
        try:
            with urlopen(f"{url}/-/ready", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    try:
        until(ready, "Prometheus")
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
