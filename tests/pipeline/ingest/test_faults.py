"""SIGKILL under load, torn files, full disks: what was answered with 202 is there, and nobody has to help."""

import contextlib
import http.client
import json
import os
import random
import resource
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline.ingest import folder as place
from tests.pipeline.ingest.process import Ingest, exchange, running, until
from tests.support.patience import PATIENCE_S

FEED = "  f: {type: http, signature: {scheme: none}, segment_bytes: 65536}"
SENDERS = 6


class Load:
    """Sends distinct records over several connections until it is stopped or the server is gone.

    Attributes:
        answered: records that were answered with 202.
        sent: all of them.
    """

    def __init__(self, server: Ingest, rng: random.Random, run: int) -> None:
        self.answered: list[bytes] = []
        self.sent: list[bytes] = []
        self.others: list[int] = []
        self._lock = threading.Lock()
        self._server = server
        self._threads = [
            threading.Thread(target=self._send, args=(random.Random(rng.random()), f"{run}-{number}"))
            for number in range(SENDERS)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def has_answered(self, more_than: int) -> bool:
        return len(self.answered) > more_than

    def _send(self, rng: random.Random, name: str) -> None:
        connection = self._server.connect()
        number = 0
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            while True:
                rows = [
                    json.dumps({"id": f"{name}-{number}-{row}", "pad": "x" * rng.randrange(2000)}).encode()
                    for row in range(rng.choice([1, 1, 1, 5]))
                ]
                body = rows[0] if len(rows) == 1 else b"[" + b",".join(rows) + b"]"
                with self._lock:
                    self.sent += rows
                status = exchange(connection, "/ingest/f", body).status
                with self._lock:
                    if status == 202:
                        self.answered += rows
                    else:
                        self.others.append(status)
                number += 1


def tear(folder: Path, rng: random.Random) -> None:
    """Do to the unconfirmed end of the spool what a power cut may do: cut it anywhere, or leave rubbish or zeros."""
    mark = place.durable_mark(folder).read()
    assert mark is not None
    base, path = place.segments(folder)[-1]
    size = path.stat().st_size
    keep = rng.randint(max(0, mark[0] - base), max(0, mark[0] - base, size))
    with path.open("r+b") as file:
        file.truncate(keep)
        file.seek(keep)
        file.write(rng.choice([b"", rng.randbytes(rng.randrange(300)), b"\0" * rng.randrange(5000)]))


def kill_repeatedly(folder: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    server = Ingest(folder, FEED)
    spool = folder / "var" / "spool" / "f"
    answered: list[bytes] = []
    sent: set[bytes] = set()
    for run in range(kills):
        with running(server):
            wanted = rng.randrange(400)
            with Load(server, rng, run) as load:
                until(partial(load.has_answered, wanted), lambda: server.log)
                server.kill()
            answered += load.answered
            sent |= set(load.sent)
            assert load.others == []
        if rng.random() < 0.7:
            tear(spool, rng)
    with running(server):
        assert server.post("/ingest/f", b'{"id": "last"}').status == 202
        assert server.stop() == 0
    kept = server.kept("f")
    assert set(answered) <= set(kept), "every record that was answered is there, exactly as it was sent"
    assert set(kept) <= sent | {b'{"id": "last"}'}, "nothing is there that nobody sent"
    assert len(kept) == len(set(kept))


def test_sigkill_under_load_and_torn_files_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path, kills=3, seed=11)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_kills_under_load_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path, kills=60, seed=12)


def fill_and_recover(server: Ingest, make_room: "contextlib.ExitStack") -> None:
    """Send until the disk is full; make room; send on. All that was answered must be there."""
    accepted: list[bytes] = []
    number = 0

    def send() -> tuple[int, str]:
        nonlocal number
        number += 1
        body = json.dumps({"id": number, "pad": "x" * 3000}).encode()
        reply = server.post("/ingest/f", body)
        if reply.status == 202:
            accepted.append(body)
        return reply.status, reply.headers.get("retry-after", "")

    replies = [send() for _ in range(60)]
    assert set(replies) == {(202, ""), (429, "30")}
    assert replies[-1][0] == 429
    health = server.get("/health")
    assert health.status == 503
    assert b"no room on the disk" in health.body
    assert server.kept("f") == accepted
    make_room.close()
    assert [send()[0] for _ in range(10)] == [202] * 10
    assert server.get("/health").status == 200
    assert server.kept("f") == accepted
    assert "Traceback" not in server.log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB under ``var/spool``."""
    target = tmp_path / "var" / "spool"
    target.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(target)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield target
    subprocess.run(["umount", "--lazy", str(target)], check=True)


def test_a_full_disk_puts_requests_off_and_nothing_more(tmp_path: Path, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 80_000)
    with running(Ingest(tmp_path, FEED)) as server, contextlib.ExitStack() as room:
        room.callback(filler.unlink)
        fill_and_recover(server, room)


def test_a_file_that_may_not_grow_puts_requests_off_and_nothing_more(tmp_path: Path) -> None:
    feed = FEED.replace("65536", "1000000")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    with running(Ingest(tmp_path, feed, before_exec=limit)) as server, contextlib.ExitStack() as room:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        room.callback(resource.prlimit, server.running.pid, resource.RLIMIT_FSIZE, unlimited)
        fill_and_recover(server, room)
