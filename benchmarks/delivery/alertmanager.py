"""Debian's Alertmanager, measured as the notifier is: the same alerts over its API, the same routing and receiver."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.delivery.pacing import AT_ONCE, delays_ms, paced, until
from benchmarks.delivery.receiver import Receiver
from benchmarks.measure import cpu_s, peak_bytes, quantiles
from benchmarks.services import free_address


def alertmanager(folder: Path, *, count: int, per_s: float, flood: int) -> dict[str, Any] | None:
    """Measure Alertmanager in the same way; None where it is not installed."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        return None
    address = free_address()
    with Receiver(["ok"]) as receiver:
        config = {
            "route": {"receiver": "ops", **AT_ONCE, "repeat_interval": "4h"},
            "receivers": [{"name": "ops", "webhook_configs": [{"url": receiver.urls[0]}]}],
        }
        path = folder / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config))
        options = [f"--config.file={path}", f"--storage.path={folder}/data", f"--web.listen-address={address}"]
        process = subprocess.Popen(
            [binary, *options, "--cluster.listen-address=", "--log.level=error"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ),
        )
        try:
            until(lambda: _reached(address), "Alertmanager")
            began = paced(count, per_s, lambda number: _post(address, [number]))
            until(lambda: receiver.count() >= count, "the last notification")
            slow = delays_ms(began, receiver.take(), 0)
            used_s, started_ns = cpu_s(process.pid), time.monotonic_ns()
            for start in range(0, flood, 500):
                _post(address, [1_000_000 + number for number in range(start, min(start + 500, flood))])
            until(lambda: receiver.count() >= flood, "the flood", 600)
            took_s = (max(one.at_ns for one in receiver.take()) - started_ns) / 1e9
            return {
                f"ms_at_{per_s:g}_per_s": quantiles(slow),
                "flood_per_s": round(flood / took_s),
                "cpu_us_each": round((cpu_s(process.pid) - used_s) / flood * 1e6),
                "peak_mb": round(peak_bytes(process.pid) / 1e6),
            }
        finally:
            process.terminate()
            process.wait(30)


def _reached(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5):
            return True
    except OSError:
        return False


def _post(address: str, numbers: Sequence[int]) -> None:
    body = [
        {
            "labels": {"alertname": "Benchmark", "detector": "benchmark", "severity": "warning", "n": str(number)},
            "annotations": {"summary": f"Alert {number}", "description": "Something is wrong with the service."},
        }
        for number in numbers
    ]
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - our own address
        return
