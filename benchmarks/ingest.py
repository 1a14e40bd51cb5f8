"""Records a second that ``makegood ingest`` accepts durably: signed requests over kept-alive connections on loopback.

    python -m benchmarks.ingest [--records 50000] [--connections 128] [--batch 1] [--rounds 3] [--folder DIR]

The server is the real command in a process of its own, fsync on; the load comes from a second process, which has signed
every request beforehand and sends the next one on a connection when the last was answered with 202. Afterwards the
spool is read and compared: every record that was answered is in it, once. ``--folder`` is on the disk to be measured.
"""

import argparse
import asyncio
import base64
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import uvloop

from pipeline.feeds.contract import FeedContext
from pipeline.feeds.http import HttpFeed
from pipeline.ingest.settings import HttpSettings

SECRET = "benchmark-only"  # noqa: S105 - signs nothing but this benchmark's own requests
SETTINGS = """
feeds:
  desk:
    type: http
    signature: {scheme: zendesk, secret: {env: BENCH_SECRET}}
    max_spool_bytes: 40000000000
store: {dir: var}
"""
ACCEPTED = re.compile(rb"HTTP/1\.1 (\d{3})")


def record(number: int) -> bytes:
    """Return one ticket update, about 600 bytes."""
    return json.dumps(
        {
            "id": f"ticket-event-{number}",
            "type": "zen:event-type:ticket.status_changed",
            "time": "2026-11-22T09:15:00Z",
            "account_id": 22129848,
            "detail": {
                "id": str(1_000_000 + number),
                "status": "OPEN",
                "priority": "HIGH",
                "subject": "Broadband has been down since this morning and nobody answers the phone",
                "requester_id": str(number % 20_000),
                "group_id": "360001234567",
                "tags": ["outage", "broadband", "north"],
                "via": {"channel": "email"},
                "description": "x" * 120,
            },
            "event": {"current": "OPEN", "previous": "NEW"},
        }
    ).encode()


def request(first: int, batch: int, timestamp: str) -> bytes:
    """Return a signed request with ``batch`` records."""
    rows = [record(number) for number in range(first, first + batch)]
    body = rows[0] if batch == 1 else b"[" + b",".join(rows) + b"]"
    signature = base64.b64encode(hmac.digest(SECRET.encode(), timestamp.encode() + body, "sha256")).decode()
    head = (
        "POST /ingest/desk HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Zendesk Webhook\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Zendesk-Webhook-Signature: {signature}\r\nX-Zendesk-Webhook-Signature-Timestamp: {timestamp}\r\n"
        "X-Zendesk-Webhook-Id: 01FFZX1PAQ0JQNQF5J5C5H5K1H\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection: sends, waits for the answer, sends the next."""

    def __init__(self, requests: list[bytes], latencies_s: list[float], ended: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._latencies_s = latencies_s
        self._ended = ended
        self._sent_s = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        if self._requests:
            self._sent_s = time.perf_counter()
            self._transport.write(self._requests.pop())
        else:
            self._transport.close()
            self._ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        found = ACCEPTED.match(data)
        if found is None or found[1] != b"202":
            self._ended.set_exception(RuntimeError(f"not accepted: {data[:200]!r}"))
            return
        self._latencies_s.append(time.perf_counter() - self._sent_s)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(exc or ConnectionError("the server closed the connection"))


async def load(port: int, records: int, connections: int, batch: int) -> dict[str, float]:
    """Send everything; return what the senders saw."""
    loop = asyncio.get_running_loop()
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    requests = [request(first, batch, timestamp) for first in range(0, records, batch)]
    latencies_s: list[float] = []
    started_cpu_s, started_s = time.process_time(), time.perf_counter()
    ended = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        ended.append(done)
        await loop.create_connection(partial(Client, requests, latencies_s, done), "127.0.0.1", port)
    await asyncio.gather(*ended)
    took_s = time.perf_counter() - started_s
    latencies_s.sort()
    return {
        "took_s": took_s,
        "p50_ms": latencies_s[len(latencies_s) // 2] * 1e3,
        "p99_ms": latencies_s[int(len(latencies_s) * 0.99)] * 1e3,
        "load_cpu_share": (time.process_time() - started_cpu_s) / took_s,
    }


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, records: int, connections: int, batch: int) -> dict[str, Any]:
    """Start a server, load it, stop it, and compare what it kept."""
    (folder / "bench.yaml").write_text(SETTINGS, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    python = [sys.executable, "-m"]
    environment = {
        **os.environ,
        "BENCH_SECRET": SECRET,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    server = subprocess.Popen(
        [*python, "pipeline.cli", "ingest", "--config", "bench.yaml", "--listen", f"127.0.0.1:{port}"],
        cwd=folder,
        env=environment,
        stderr=(folder / "log").open("wb"),
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, folder)
        before_s = cpu_s(server.pid)
        sizes = [str(records), str(connections), str(batch)]
        command = [*python, "benchmarks.ingest", "--load", str(port), *sizes]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        seen = json.loads(done.stdout)
        server_cpu_s = cpu_s(server.pid) - before_s
        commits = commit_figures(port)
    finally:
        server.terminate()
        server.wait(30)
    kept = read_back(folder / "var" / "spool")
    expected = {record(number) for number in range(records)}
    assert len(kept) == records, f"{len(kept)} records kept of {records} answered"
    assert set(kept) == expected
    return {
        "records_per_s": round(records / seen["took_s"]),
        "p50_ms": round(seen["p50_ms"], 1),
        "p99_ms": round(seen["p99_ms"], 1),
        "server_cpu_share": round(server_cpu_s / seen["took_s"], 2),
        "server_cpu_us_per_record": round(server_cpu_s / records * 1e6, 1),
        "load_cpu_share": round(seen["load_cpu_share"], 2),
        **commits,
    }


def commit_figures(port: int) -> dict[str, float]:
    """Return how many commits there were and how long one took, from the server's own figures."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        text = page.read().decode()
    count, total = (float(re.search(rf"commit_seconds_{name}\S* (\S+)", text)[1]) for name in ("count", "sum"))  # type: ignore[index]
    return {"commits": int(count), "commit_ms": round(total / count * 1e3, 2)}


def read_back(spool: Path) -> list[bytes]:
    """Return what the feed reads from the spool."""
    settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}})
    feed = HttpFeed("desk", settings, FeedContext(recording=True, spool=spool))
    feed.open({})
    found: list[bytes] = []
    while batches := feed.poll(100_000):
        for batch in batches:
            assert not batch.bad
            found += batch.records
    feed.close()
    return found


def wait_for(url: str, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until the server answers."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and server.poll() is None:
        try:
            with urlopen(url, timeout=1):  # noqa: S310 - our own
                return
        except OSError:
            time.sleep(0.05)
    msg = f"the server did not start:\n{(folder / 'log').read_text()}"
    raise RuntimeError(msg)


def main() -> None:
    """Measure and print; a JSON line a round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--load", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(load(*options.load))))
        return
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="mg-ingest-", dir=options.folder) as folder:
            print(json.dumps(measure(Path(folder), options.records, options.connections, options.batch)), flush=True)


if __name__ == "__main__":
    main()
