"""How soon somebody is told: failover times, latency and rate of one notifier; beside it Debian's Alertmanager.

    python -m benchmarks.failover --json

One notifier in a process of its own, Redis with ``appendfsync always``, a webhook receiver in a third process. Times
are from before a change is written to the store until the request is at the receiver's socket. Every alert is a group
of its own, ``group_wait`` is 0. Alertmanager (in memory, nothing survives its death) gets the same alerts over its API,
with the same routing and the same receiver.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from alerts.embedded_redis import EmbeddedRedis
from alerts.opening import open_store
from alerts.store import AlertStore
from benchmarks.delivery.alertmanager import alertmanager
from benchmarks.delivery.pacing import AT_ONCE, delays_ms, numbered, paced, until
from benchmarks.delivery.receiver import Receiver
from benchmarks.measure import cpu_s, peak_bytes, quantiles
from benchmarks.services import environment, free_address, python
from config.delivery import StoreSettings


@contextmanager
def notifier(folder: Path, settings: dict[str, Any]) -> Iterator[tuple[AlertStore, subprocess.Popen[bytes]]]:
    """Run Redis and one notifier; give the store and the notifier's process."""
    settings = {**settings, "metrics": {"notifier_listen": free_address()}}
    path = folder / "makegood.yaml"
    path.write_text(yaml.safe_dump(settings))
    with EmbeddedRedis(folder / "redis") as server:
        env = environment(MAKEGOOD_REDIS_URL=server.url)
        with (folder / "log").open("wb") as log:
            command = python("-m", "pipeline.cli", "notifier", "--config", str(path))
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
        try:
            with open_store(StoreSettings(), {"MAKEGOOD_REDIS_URL": server.url}) as store:
                yield store, process
        finally:
            process.terminate()
            process.wait(30)


def latency_and_rate(folder: Path, *, count: int, per_s: float, flood: int, workers: int) -> dict[str, Any]:
    """Measure a notifier with one webhook that always works."""
    with Receiver(["ok"]) as receiver:
        settings = {
            "channels": {"web": {"type": "webhook", "url": receiver.urls[0], "max_concurrent": workers}},
            "receivers": {"ops": {"tiers": [{"channel": "web"}]}},
            "route": {"receiver": "ops", **AT_ONCE},
            "notifier": {"workers": workers},
        }
        with notifier(folder, settings) as (store, process):
            store.apply([numbered(10_000_000)])
            until(lambda: receiver.count() == 1, "the first notification")
            receiver.take()
            began = paced(count, per_s, lambda number: _apply(store, number))
            until(lambda: receiver.count() >= count, "the last notification")
            slow = delays_ms(began, receiver.take(), 0)
            used_s = cpu_s(process.pid)
            started_ns = time.monotonic_ns()
            for start in range(0, flood, 500):
                store.apply([numbered(1_000_000 + number) for number in range(start, min(start + 500, flood))])
            written_s = (time.monotonic_ns() - started_ns) / 1e9
            until(lambda: receiver.count() >= flood, "the flood", 600)
            arrivals = receiver.take()
            until(lambda: store.counts()["pending"] == 0, "the end")
            took_s = (max(one.at_ns for one in arrivals) - started_ns) / 1e9
            return {
                f"ms_at_{per_s:g}_per_s": quantiles(slow),
                "flood_per_s": round(flood / took_s),
                "flood_written_s": round(written_s, 2),
                "cpu_us_each": round((cpu_s(process.pid) - used_s) / flood * 1e6),
                "peak_mb": round(peak_bytes(process.pid) / 1e6),
            }


def _apply(store: AlertStore, number: int) -> None:
    store.apply([numbered(number)])


def failover(folder: Path, fault: str, *, count: int, per_s: float) -> dict[str, Any]:
    """Measure how soon the second tier has what the first one fails to deliver."""
    with Receiver(["silence" if fault == "black_hole" else "error", "ok"]) as receiver:
        url = f"http://{free_address()}/" if fault == "refused" else receiver.urls[0]
        first: dict[str, Any] = {"type": "webhook", "url": url, "max_concurrent": 32}
        tier: dict[str, Any] = {"channel": "first"}
        if fault == "black_hole":
            tier["deadline"] = "2s"
        first["breaker_failures"] = 1 if fault == "breaker_open" else 1_000_000
        if fault == "breaker_open":
            first["breaker_open_for"] = "1h"
        second = {"type": "webhook", "url": receiver.urls[1], "max_concurrent": 32}
        settings = {
            "channels": {"first": first, "second": second},
            "receivers": {"ops": {"tiers": [tier, {"channel": "second"}]}},
            "route": {"receiver": "ops", **AT_ONCE},
            "notifier": {"workers": 64},
        }
        with notifier(folder, settings) as (store, _process):
            store.apply([numbered(10_000_000)])
            until(lambda: any(one.place == 1 for one in receiver.take()), "the first notification")
            began = paced(count, per_s, lambda number: _apply(store, number))
            until(lambda: store.counts()["pending"] == 0, "the last notification")
            return {"ms": quantiles(delays_ms(began, receiver.take(), 1))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="alerts at --per-s")
    parser.add_argument("--per-s", type=float, default=50.0)
    parser.add_argument("--flood", type=int, default=20_000, help="alerts as fast as they can be written")
    parser.add_argument("--failovers", type=int, default=200)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--only", choices=["rate", "failover", "alertmanager"])
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    options = parser.parse_args()
    found: dict[str, Any] = {}

    def measured(name: str, measure: Callable[[Path], Any]) -> None:
        with tempfile.TemporaryDirectory(prefix="mg-failover-") as folder:
            found[name] = measure(Path(folder))
        print(f"{name}: {found[name]}", flush=True)

    rates = {"count": options.count, "per_s": options.per_s, "flood": options.flood}
    if options.only in {None, "rate"}:
        measured("makegood", lambda folder: latency_and_rate(folder, workers=options.workers, **rates))
    if options.only in {None, "alertmanager"}:
        measured("alertmanager", lambda folder: alertmanager(folder, **rates))
    if options.only in {None, "failover"}:
        for fault in ("refused", "answers_500", "black_hole", "breaker_open"):
            measured(fault, partial(failover, fault=fault, count=options.failovers, per_s=20.0))
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
