"""Alertmanager's API with many alerts and many viewers: ours, and the real Alertmanager with the same alerts.

Both hold the same alerts, each on one core, the same for both; who asks has the other. Of ours, viewers hold the
stream of events open and ask for filtered lists, and alerts change, come and go; first by themselves, then while the
whole list is asked for twice a second. The real one answers nobody else meanwhile.

Run: ``python -m benchmarks.api [ALERTS [VIEWERS [SECONDS]]]``; needs ``prometheus-alertmanager``.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import uvicorn
import yaml

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.exporting import alertmanager_config
from alerts.model import rfc3339
from alerts.store import AlertStore
from benchmarks.services import BenchmarkError, environment, free_address, python
from config.delivery import StoreSettings
from config.settings import Settings
from dashboards.collecting import collecting
from dashboards.server import build_app
from tests.support.served import EverybodyResponds

SERVER, CLIENT = ("0", "1") if (os.cpu_count() or 1) > 1 else ("0", "0")
BATCH = 500
VIEW_EVERY_S = 1.0
CHANGES_A_SECOND = 10
_ALONE = 10
SETTINGS: dict[str, Any] = {
    "route": {
        "receiver": "ops",
        "group_by": ["alertname", "service"],
        "routes": [{"matchers": ["severity=critical"], "receiver": "boss"}],
    },
    "inhibit_rules": [
        {"source_matchers": ["alertname=Outage"], "target_matchers": ["severity=warning"], "equal": ["service"]}
    ],
}


def serve() -> None:
    """Be the application: in a process of its own."""
    store = AlertStore(connect(os.environ["BENCH_REDIS"]), StoreSettings())
    settings = Settings.model_validate(SETTINGS)
    app = build_app(
        store, settings, access=EverybodyResponds(), now_us=lambda: time.time_ns() // 1000, build="benchmark"
    )
    with collecting(0):
        uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)


def alerts(count: int, now_us: int) -> list[dict[str, Any]]:
    """Return alerts as a Prometheus sends them."""
    return [
        {
            "labels": {
                "alertname": f"Alert{number % 40}",
                "cluster": f"eu-{number % 4}",
                "instance": f"host-{number}.example.com:9100",
                "job": f"job-{number % 25}",
                "namespace": f"ns-{number % 60}",
                "service": f"svc-{number % 200}",
                "severity": ("critical", "warning", "warning", "info")[number % 4],
                "team": f"team-{number % 12}",
            },
            "annotations": {
                "summary": f"Something is wrong with host-{number}.example.com, and has been for a while",
                "description": f"The error rate of svc-{number % 200} has been above 5 % for 10 minutes on {number}.",
                "runbook_url": f"https://runbooks.example.com/alerts/Alert{number % 40}",
            },
            "startsAt": rfc3339(now_us - number * 1_000),
            "endsAt": rfc3339(now_us + 7_200_000_000),
            "generatorURL": f"https://prometheus.example.com/graph?g0.expr=rate%28errors%5B5m%5D%29&n={number}",
        }
        for number in range(count)
    ]


FILTERS = [
    ['service="svc-17"'],
    ['alertname="Alert7"', 'severity="warning"'],
    ['team=~"team-(1|2)"', 'cluster="eu-1"', 'severity!="info"'],
    ['instance=~"host-99.*"'],
    ['severity="critical"', 'namespace!~"ns-[1-5].*"'],
]
"""What viewers ask for: from fifty alerts to some hundred of them."""


class Client:
    """A connection that is kept."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.partition(":")
        self._port = int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes | None = None) -> bytes:
        """Send a request; return the body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=64_000_000)
        reader, writer = self._streams
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + (body or b""))
        status, length = await self._head(reader)
        if length is None:
            parts = []
            while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
                parts.append(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readexactly(2)
            answer = b"".join(parts)
        else:
            answer = await reader.readexactly(length)
        if status != 200:
            msg = f"{path}: {status} {answer[:200]!r}"
            raise BenchmarkError(msg)
        return answer

    async def hear(self, path: str) -> AsyncIterator[bytes]:
        """Yield the lines of a stream, for ever."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        while line := await reader.readline():
            yield line

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[int, int | None]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        for line in head.splitlines():
            if line.startswith("content-length:"):
                return status, int(line.partition(":")[2])
        return status, None


@dataclass
class Measured:
    """How long answers took, seconds; ``disturbed``: filtered ones, while somebody asked for the whole list as well.

    ``inbox``: the console's first page, while viewers look and alerts change.
    ``busy``: share of a core while viewers look; ``cpu``: seconds of CPU for a whole list and a change.
    """

    filtered: list[float] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    inbox: list[float] = field(default_factory=list)
    size: int = 0
    busy: float = 0.0
    cpu: float = 0.0
    events: int = 0


async def timed(client: Client, path: str, into: list[float]) -> bytes:
    """Ask, and note how long it took."""
    begun_s = time.perf_counter()
    answer = await client.ask(path)
    into.append(time.perf_counter() - begun_s)
    return answer


def filtered(chance: random.Random) -> str:
    """Return what a viewer asks for."""
    chosen = FILTERS[chance.randrange(len(FILTERS))]
    return "/api/v2/alerts?" + "&".join(f"filter={quote(one)}" for one in chosen)


async def several(client: Client, found: Measured, seconds: float) -> None:
    """Ask for the whole list again and again."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        found.size = len(await timed(client, "/api/v2/alerts", found.whole))
        await asyncio.sleep(0.5)


async def viewer(address: str, number: int, found: Measured) -> None:
    """Be one viewer, for ever."""
    chance = random.Random(number)
    client = Client(address)

    async def look() -> None:
        await asyncio.sleep(chance.random() * VIEW_EVERY_S)
        while True:
            await timed(client, filtered(chance), found.filtered)
            await asyncio.sleep(VIEW_EVERY_S)

    async def hear() -> None:
        async for line in Client(address).hear("/events"):
            found.events += line.startswith(b"event:")

    await asyncio.gather(look(), hear())


async def changing(address: str, given: Sequence[dict[str, Any]]) -> None:
    """Let some alerts change their words, and some end and begin again, for ever."""
    client = Client(address)
    round_ = 0
    while True:
        round_ += 1
        now_us = time.time_ns() // 1000
        some = []
        for place in range(CHANGES_A_SECOND):
            alert = dict(given[(round_ * CHANGES_A_SECOND + place) % len(given)])
            if place % 2:
                alert = worded(alert, round_)
            elif round_ % 2:
                alert["endsAt"] = rfc3339(now_us)
            some.append(alert)
        body = json.dumps(some).encode()
        await client.ask("/api/v2/alerts", body)
        await asyncio.sleep(1)


def worded(alert: dict[str, Any], number: int) -> dict[str, Any]:
    """Return an alert with another annotation."""
    return {**alert, "annotations": {**alert["annotations"], "value": str(number)}}


async def fill(address: str, given: Sequence[dict[str, Any]]) -> float:
    """Send all alerts; return how long that took, seconds."""
    client = Client(address)
    begun_s = time.perf_counter()
    for start in range(0, len(given), BATCH):
        await client.ask("/api/v2/alerts", json.dumps(given[start : start + BATCH]).encode())
    took_s = time.perf_counter() - begun_s
    give_up_s = time.monotonic() + 120
    while len(json.loads(await client.ask("/api/v2/alerts"))) < len(given):
        if time.monotonic() > give_up_s:
            msg = f"{address} does not show all alerts"
            raise BenchmarkError(msg)
        await asyncio.sleep(0.5)
    return took_s


def cpu_s(pid: int) -> float:
    """Return how long a process has worked, seconds of CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    one: tuple[str, int], other: tuple[str, int], count: int, viewers: int, seconds: float
) -> tuple[Measured, Measured]:
    """Measure both, given as address and process."""
    (ours, mine_pid), (theirs, real_pid) = one, other
    given = alerts(count, time.time_ns() // 1000)
    print(f"{count} alerts sent: ours {await fill(ours, given):.1f} s, theirs {await fill(theirs, given):.1f} s")
    mine, real = Measured(), Measured()

    @asynccontextmanager
    async def busy(address: str, found: Measured) -> AsyncIterator[None]:
        looking = [asyncio.create_task(viewer(address, number, found)) for number in range(viewers)]
        looking.append(asyncio.create_task(changing(address, given)))
        try:
            yield
            for task in looking:
                if task.done():
                    task.result()
        finally:
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)

    # In turns, so that what else the machine does is spread over both; one at a time, for they share a core. Nobody but
    # us asks the real one: it has not the time to answer so many viewers.
    turns = 4
    for _ in range(turns):
        begun_s = cpu_s(mine_pid)
        async with busy(ours, mine):
            await asyncio.sleep(seconds / turns)
        mine.busy += (cpu_s(mine_pid) - begun_s) / seconds
        beside = Measured()
        async with busy(ours, beside):
            await several(Client(ours), mine, seconds / turns)
        mine.disturbed += beside.filtered
        await several(Client(theirs), real, seconds / turns)
        client, chance = Client(theirs), random.Random(1)
        for _ in range(3 * len(FILTERS)):
            await timed(client, filtered(chance), real.filtered)
    async with busy(ours, Measured()):
        await asyncio.sleep(1.0)  # all viewers look
        for _ in range(5 * _ALONE):
            await timed(Client(ours), "/inbox", mine.inbox)
            await asyncio.sleep(0.2)  # something has changed meanwhile
    for address, pid, found in ((ours, mine_pid, mine), (theirs, real_pid, real)):
        client, begun_s, alone = Client(address), cpu_s(pid), list[float]()
        for number in range(_ALONE):
            # Of ours, an alert changes each time: else the answer is the one before.
            await client.ask("/api/v2/alerts", json.dumps([worded(given[0], number)]).encode())
            await timed(client, "/api/v2/alerts", alone)
        found.cpu = (cpu_s(pid) - begun_s) / _ALONE
    return mine, real


def told(name: str, times: list[float]) -> str:
    """Return a line of figures."""
    ms = sorted(1000 * one for one in times)
    if len(ms) < 2:
        return f"{name}: too few answers"
    p99 = statistics.quantiles(ms, n=100, method="inclusive")[98]
    return f"{name:<20} n={len(ms):<6} p50 {statistics.median(ms):7.1f} ms   p99 {p99:7.1f} ms   max {ms[-1]:7.1f} ms"


@contextmanager
def ran(command: list[str], *, stderr: int | None = None, **more: str) -> Iterator[int]:
    """Run a program beside us; give its process."""
    process = subprocess.Popen(command, env=environment(**more), stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def ready(address: str) -> None:
    """Wait until a server answers."""
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        with contextlib.suppress(OSError), urlopen(f"http://{address}/-/ready", timeout=5):
            return
        time.sleep(0.1)
    msg = f"{address} does not become ready"
    raise BenchmarkError(msg)


def main(count: int, viewers: int, seconds: float) -> None:
    """Measure and print."""
    if shutil.which("prometheus-alertmanager") is None:
        msg = "prometheus-alertmanager is missing: apt-get install prometheus-alertmanager"
        raise BenchmarkError(msg)
    ours, theirs = free_address(), free_address()
    os.sched_setaffinity(0, {int(CLIENT)})
    with tempfile.TemporaryDirectory(prefix="mg-") as name, EmbeddedRedis(Path(name)) as redis:
        config = Path(name) / "alertmanager.yml"
        config.write_text(yaml.safe_dump(alertmanager_config(Settings.model_validate(SETTINGS))))
        real = [
            *("taskset", "--cpu-list", SERVER, "prometheus-alertmanager", f"--config.file={config}"),
            *(f"--storage.path={name}/data", f"--web.listen-address={theirs}"),
            *("--cluster.listen-address=", "--log.level=error"),
        ]
        mine = python("-m", "benchmarks.api", "serve", ours.rpartition(":")[2], cores=SERVER)
        with (
            ran(mine, BENCH_REDIS=redis.url) as mine_pid,
            ran(real, stderr=subprocess.DEVNULL, GOMAXPROCS="1") as real_pid,
        ):
            ready(ours)
            ready(theirs)
            found, beside = asyncio.run(measure((ours, mine_pid), (theirs, real_pid), count, viewers, seconds))
    print(f"{viewers} viewers, {found.events} events heard; the whole list: {found.size:,} and {beside.size:,} bytes")
    print(
        f"ours, with viewers: {found.busy:.0%} of a core; CPU of a whole list, by itself: "
        f"ours {1000 * found.cpu:.0f} ms, theirs {1000 * beside.cpu:.0f} ms"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for line in (
        told("ours, filtered", found.filtered),
        told("ours, beside whole", found.disturbed),
        told("theirs, filtered", beside.filtered),
        told("ours, whole", found.whole),
        told("theirs, whole", beside.whole),
        told("the inbox", found.inbox),
    ):
        print(line)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    else:
        numbers = [float(one) for one in sys.argv[1:]]
        wanted = [*numbers, *(10_000, 50, 60)[len(numbers) :]]
        main(int(wanted[0]), int(wanted[1]), wanted[2])
