"""Debian's Alertmanager, for tests that compare with it: its ``amtool``, and a server of its own."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port
from tests.support.tied import tied_to_us

needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool (prometheus-alertmanager) is missing")
needs_alertmanager = pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None, reason="prometheus-alertmanager is missing"
)


def quoted_label(name: str, value: str) -> str:
    """Return a label as ``amtool`` takes it for an argument."""
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'{name}="{escaped}"'


def routed_by_amtool(config: Path, labels: Mapping[str, str]) -> list[str]:
    """Return the receivers of an alert, in the order of the tree, once for each route that takes it."""
    arguments = [quoted_label(name, value) for name, value in labels.items()]
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={config}", *arguments],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    return done.stdout.strip().split(",")


def accepted_by_amtool(config: Path) -> bool:
    """Return whether Alertmanager takes a configuration."""
    done = subprocess.run(
        ["amtool", "check-config", str(config)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return done.returncode == 0


class Alertmanager:
    """A running server. Every configuration that it is given names all receivers that its routes use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "alertmanager.yml"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        address = self.url.removeprefix("http://")
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(*tied_to_us(), "prometheus-alertmanager", f"--config.file={self.config}"),
                    *(f"--storage.path={self.folder / 'data'}", f"--web.listen-address={address}"),
                    *("--cluster.listen-address=", "--log.level=error"),
                ],
                stdout=log,
                stderr=log,
            )
        until(self._answers, "Alertmanager")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            self.ask("/-/ready")
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - an address of our own
            self.url + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[", b'"') else text

    def configure(self, config: Mapping[str, object]) -> None:
        self.config.write_text(yaml.safe_dump(dict(config)))
        try:
            self.ask("/-/reload", method="POST")
        except urllib.error.HTTPError as error:
            pytest.fail(f"Alertmanager refuses {config}: {error.read().decode()}")

    def fire(self, alerts: Sequence[Mapping[str, str]], *, ends_at: str | None = None) -> None:
        ending = {} if ends_at is None else {"endsAt": ends_at}
        self.ask("/api/v2/alerts", [{"labels": dict(labels), **ending} for labels in alerts])


@contextmanager
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """Give a running Alertmanager."""
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    server = Alertmanager(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
