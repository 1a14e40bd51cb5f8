"""``python -m tests.chaos.load``: more alerts than anybody can be told of, the primary down, the secondary narrow."""

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import connect
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from tests.chaos.processes import main as notifier
from tests.chaos.providers import Request, event_loop, providers
from tests.support.alerts import change
from tests.support.forked import CONTEXT
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S, until

PER_MINUTE = 600
DEADLINE_S = 30
"""Of the two tiers together."""
_SLICE_S = 0.1
_WORK, _WORK_S = 200_000, 0.003
"""Some work, and how long it takes on a machine that has little else to do."""
_WARM = 0.1
"""Memory is compared with what it was when so much of the alerts had come."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a flood.

    Attributes:
        alone: alerts that were told each by itself. digested: those that digests stand for.
        counted: what the titles of all digests that were taken add up to.
        unaccounted: alerts without an account that they were told, or without a notification that was.
        urgent_s: of each urgent alert, how long after it was applied the provider took it.
        most_a_minute: messages that the secondary got within any 60 seconds.
        longest_backlog: notifications that waited at the same time.
        drained_s: after the last alert.
        grown_mb: how much more memory the notifier had at most than when a tenth of the alerts had come.
        slower: how many times as long as where it has little to do the machine took for anything; at least 1.
    """

    alerts: int
    seconds: float
    alone: int
    digests: int
    digested: int
    counted: int
    unaccounted: list[str]
    urgent_s: list[float]
    most_a_minute: int
    longest_backlog: int
    drained_s: float
    memory_mb: float
    grown_mb: float
    slower: float

    def table(self) -> str:
        """Return a table in Markdown."""
        urgent = sorted(self.urgent_s)
        rows = [
            ("alerts", f"{self.alerts:,} in {self.seconds:.0f} s"),
            ("told each by itself", f"{self.alone:,}"),
            (
                "in digests, which count them",
                f"{self.digested:,}, in {self.digests:,} digests that say {self.counted:,}",
            ),
            ("**lost**", f"**{len(self.unaccounted)}**"),
            ("urgent first alerts", f"{len(urgent):,}"),
            (
                "· told after",
                f"p50 {_part(urgent, 0.5):.2f} s, p99 {_part(urgent, 0.99):.2f} s, at most {urgent[-1]:.2f} s",
            ),
            ("messages to the secondary, at most in a minute", f"{self.most_a_minute:,}"),
            ("longest backlog", f"{self.longest_backlog:,}"),
            ("all done after the last alert", f"{self.drained_s:.1f} s"),
            (
                "memory of the notifier",
                f"{self.memory_mb:.0f} MB, and at most {self.grown_mb:.1f} MB more in the flood",
            ),
        ]
        return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def flood(count: int, seconds: float, *, urgent: int, seed: int = 20150221) -> Figures:
    """Apply ``count`` alerts within about ``seconds``, ``urgent`` of them the first and urgent ones of a service."""
    alerts = _alerts(count, urgent, random.Random(seed))
    with tempfile.TemporaryDirectory(prefix="mg-load-") as folder, event_loop() as loop:
        redis = OwnRedis(Path(folder) / "redis")
        redis.start()
        try:
            with providers(loop, ("first", "second"), 1.0) as (far, requests):
                far["first"].set("refused")
                order = _order(redis.url, {name: one.url for name, one in far.items()}, folder)
                process = CONTEXT.Process(target=notifier, args=(order,))
                process.start()
                try:
                    return _flooded(
                        redis.url, order["prefix"], alerts, seconds, urgent, requests, int(process.pid or 0)
                    )
                finally:
                    process.terminate()
                    process.join()
        finally:
            redis.kill()


def _flooded(
    url: str, prefix: str, alerts: list[AlertChange], seconds: float, urgent: int, requests: list[Request], pid: int
) -> Figures:
    client: Any = connect(url, timeout_s=PATIENCE_S)
    store = AlertStore(client, StoreSettings(prefix=prefix))
    memory = Memory(pid)
    pace = Pace()
    applied_us: dict[str, int] = {}
    pause = threading.Event()
    began_s = time.monotonic()
    backlog = 0
    done = 0
    while done < len(alerts):
        due = min(len(alerts), max(1, round(len(alerts) * (time.monotonic() - began_s) / seconds)))
        now_us = time.time_ns() // 1000
        applied_us |= {one.fingerprint: now_us for one in alerts[done:due]}
        store.apply(alerts[done:due])
        done = due
        backlog = max(backlog, store.counts()["pending"])
        memory.look(warm=done >= _WARM * len(alerts))
        pace.look()
        pause.wait(_SLICE_S)
    took_s = time.monotonic() - began_s

    def quiet() -> bool:
        memory.look(warm=True)
        pace.look()
        pause.wait(_SLICE_S)
        return store.counts()["pending"] == 0

    until(quiet, "the end of the flood")
    drained_s = time.monotonic() - began_s - took_s
    found = _Told(store, requests)
    firsts = [one for one in alerts if "tier" in one.labels]
    figures = Figures(
        alerts=len(alerts),
        seconds=took_s,
        alone=found.statuses["delivered"],
        digests=len(found.digests),
        digested=found.statuses["digested"],
        counted=found.counted(),
        unaccounted=[*found.unaccounted(alerts), *found.missing],
        urgent_s=[(found.taken_us(one) - applied_us[one.fingerprint]) / 1e6 for one in firsts],
        most_a_minute=_most_a_minute([one.at_us for one in requests if one.provider == "second"]),
        longest_backlog=backlog,
        drained_s=drained_s,
        memory_mb=memory.warm_mb,
        grown_mb=memory.most_mb - memory.warm_mb,
        slower=pace.slower(),
    )
    client.close()
    return figures


class Memory:
    """Resident memory of a process."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.warm_mb = 0.0
        self.most_mb = 0.0

    def look(self, *, warm: bool) -> None:
        """Take note of it; the first time that it is warm, as what the rest is compared with."""
        found = re.search(r"VmRSS:\s+(\d+) kB", self._status.read_text(encoding="ascii"))
        if found is None or not warm:
            return
        now_mb = int(found[1]) / 1024
        self.warm_mb = self.warm_mb or now_mb
        self.most_mb = max(self.most_mb, now_mb)


class Pace:
    """How long the same small piece of work takes, again and again."""

    def __init__(self) -> None:
        self._took_s: list[float] = []

    def look(self) -> None:
        """Do it once."""
        began_s = time.perf_counter()
        sum(range(_WORK))
        self._took_s.append(time.perf_counter() - began_s)

    def slower(self) -> float:
        """Return how many times as long as usual it took."""
        return max(1.0, sum(self._took_s) / len(self._took_s) / _WORK_S)


class _Told:
    """What became of all notifications, read after the flood."""

    def __init__(self, store: AlertStore, requests: list[Request]) -> None:
        self._store = store
        self._taken: dict[str, Request] = {}
        self._first_us: dict[str, int] = {}
        for one in requests:
            if one.taken:
                self._taken.setdefault(one.key, one)
                for fingerprint, _status in one.alerts:
                    self._first_us.setdefault(fingerprint, one.at_us)
        self.statuses: Counter[str] = Counter()
        self.digests: dict[str, int] = {}
        self.missing: list[str] = []
        absorbed: Counter[str] = Counter()
        for name in store.client.scan_iter(f"{store.keys.prefix}note:*", count=1000):
            key = str(name).removeprefix(f"{store.keys.prefix}note:")
            status, note, line = store.client.hmget(name, "status", "note", "line")
            if line.startswith("own/"):
                continue
            if line.endswith("/digest"):
                self.digests[key] = int(store.client.hget(store.keys.named(f"digest:{key}"), "notifications"))
            else:
                self.statuses[status] += 1
            if status == "digested":
                absorbed[note.removeprefix("in the digest ")] += 1
            elif status != "delivered" or key not in self._taken:
                self.missing.append(f"{key} is {status}; taken: {key in self._taken}")
        self.missing += [f"{key} stands for {count}, counts {self.digests.get(key)}" for key, count in absorbed.items()
                         if self.digests.get(key) != count]  # fmt: skip

    def counted(self) -> int:
        """Return what the titles of the digests add up to."""
        titles = [self._taken[key].title for key in self.digests if key in self._taken]
        return sum(int(title.split("digest] ")[1].split(" ")[0].replace(",", "")) for title in titles)

    def taken_us(self, alert: AlertChange) -> int:
        """Return when a provider took the first message that shows an alert."""
        return self._first_us[alert.fingerprint]

    def unaccounted(self, alerts: list[AlertChange]) -> list[str]:
        """Return alerts of which nothing says that they were told."""
        lost = []
        for one in alerts:
            texts = self._store.client.lrange(self._store.keys.accounts(one.fingerprint), 0, -1)
            accounts = [msgspec.json.decode(text) for text in texts]
            if [account["verdict"] for account in accounts] != ["told"]:
                lost.append(f"{one.fingerprint}: {accounts}")
        return lost


def _alerts(count: int, urgent: int, rng: random.Random) -> list[AlertChange]:
    many = [
        change("Flood", case_id=str(number), service=f"service-{number % 40}", severity=rng.choice(("warning", "info")))
        for number in range(count - urgent)
    ]
    for number in range(urgent):
        place = rng.randrange(len(many) + 1)
        many.insert(place, change("Down", service=f"core-{number}", severity="critical", tier="platinum"))
    return many


def _order(url: str, addresses: dict[str, str], folder: str) -> dict[str, Any]:
    channels: dict[str, dict[str, Any]] = {
        name: {"type": "webhook", "url": f"{address}/1", "timeout": "2s"} for name, address in addresses.items()
    }
    channels["second"]["max_per_minute"] = PER_MINUTE
    channels["log"] = {"type": "file", "path": f"{folder}/own.jsonl"}
    tiers = [{"channel": "first", "deadline": "10s"}, {"channel": "second", "deadline": f"{DEADLINE_S - 10}s"}]
    alone = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    return {
        "url": url,
        "prefix": "load:",
        "settings": {
            "receivers": {
                "ops": {"tiers": tiers, "digest_above": 50},
                "own": {"tiers": [{"channel": "log"}]},
            },
            "route": {
                "receiver": "ops",
                **alone,
                "routes": [{"matchers": ["alertname=ChannelFailing"], "receiver": "own"}],
            },
            "audit": {"every": "1h"},
        },
        "channels": channels,
        "step": "",
        "skip": 0,
        "died": f"{folder}/died",
        "slowest": f"{folder}/slowest",
        "log": f"{folder}/notifier.log",
    }


def _most_a_minute(times_us: list[int]) -> int:
    times, most, first = sorted(times_us), 0, 0
    for last, time_us in enumerate(times):
        while times[first] <= time_us - 60_000_000:
            first += 1
        most = max(most, last - first + 1)
    return most


def _part(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))]


def main() -> int:
    """Make a flood, print the table; return 1 when anything is lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.load", description=__doc__)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--urgent", type=int, default=100)
    options = parser.parse_args()
    figures = flood(options.alerts, options.seconds, urgent=options.urgent)
    sys.stdout.write(f"{figures.table()}\n")
    for one in figures.unaccounted[:20]:
        sys.stderr.write(f"{one}\n")
    return 1 if figures.unaccounted else 0


if __name__ == "__main__":
    sys.exit(main())
