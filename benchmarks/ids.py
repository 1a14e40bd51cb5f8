"""What it costs to remember ids: memory of each, time of new ones and of repeats, pauses, and starting again.

    python -m benchmarks.ids [--millions 0.3,1,4,16] [--batch 2000] [--hot 1000000]

Each number of ids is remembered in a process of its own, in batches as the flow takes them, with a snapshot every 100
batches (in the flow: each epoch). Ids are UUIDs of one source. Then, best of five: batches of new ids, against all that
is remembered; a redelivery of the oldest ids, all of them repeats; and a restore from the changelog, in a new process.
Times are CPU. "remember" is all that is done for an id: ``fresh``, ``advance`` and ``snapshot``, with sealing and
merging; "new" and "repeat" are ``fresh`` alone. "stop" is the wall clock of ``fresh`` and ``advance`` for a batch.

Memory is what the process has more than before the first id. "bytes a further id" is what each id took by which a row
has more than the one above it: ids that are sealed.
"""

import argparse
import gc
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import measure
from detectors.events import Event
from pipeline.dedup import Deduplicator, Sizes
from pipeline.events import decode_event

_HORIZON_US = 10**12
_SNAPSHOT_EVERY = 100
_ROUNDS = 5
_FRESH_BATCHES = 50
_REPEATS = 400_000
_SPREAD = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835
TEMPLATE = decode_event(
    b'{"specversion":"1.0","type":"social.post","id":"0","source":"bench","time":"2026-03-02T00:00:00Z",'
    b'"data":{"sentiment":0.5}}'
)


def batches(first: int, count: int, size: int) -> Iterator[list[Event]]:
    """Yield events with ids like UUIDs; the same numbers have the same ids."""
    for start in range(first, first + count, size):
        yield [msgspec.structs.replace(TEMPLATE, id=_uuid(number)) for number in range(start, start + size)]


def _uuid(number: int) -> str:
    text = f"{number * _SPREAD % (1 << 128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _take(dedup: Deduplicator, events: list[list[Event]]) -> tuple[int, float]:
    """Return how many of the events were fresh, and the CPU microseconds an event."""
    fresh = 0
    began = time.process_time()
    for batch in events:
        fresh += len(dedup.fresh(batch, 1))
    return fresh, (time.process_time() - began) / sum(map(len, events)) * 1e6


def remember(folder: Path, count: int, size: int, hot: int) -> dict[str, Any]:
    """Remember so many ids, and measure; leaves the state in ``folder``."""
    dedup = Deduplicator(_HORIZON_US, folder / "seen", sizes=Sizes(hot=hot))
    pid = os.getpid()
    before = measure.resident_bytes(pid)
    cpu_s, stops = 0.0, []
    for number, batch in enumerate(batches(0, count, size)):
        wall_s, began = time.perf_counter(), time.process_time()
        dedup.fresh(batch, 1)
        dedup.advance(5)
        stops.append(time.perf_counter() - wall_s)
        if number % _SNAPSHOT_EVERY == _SNAPSHOT_EVERY - 1:
            dedup.snapshot()
        cpu_s += time.process_time() - began
    for _ in range(5_000):  # batches without events: what was begun comes to its end
        dedup.advance(5)
    gc.collect()
    resident = measure.resident_bytes(pid) - before
    (folder / "state").write_bytes(msgspec.msgpack.encode(dedup.snapshot()))
    repeats = min(count, _REPEATS)
    again = [_take(dedup, list(batches(0, repeats, size))) for _ in range(_ROUNDS)]
    if any(fresh for fresh, _ in again):
        msg = "a repeat was taken for a new id"
        raise RuntimeError(msg)
    new = [
        _take(dedup, list(batches(count + at * _FRESH_BATCHES * size, _FRESH_BATCHES * size, size)))
        for at in range(_ROUNDS)
    ]
    return {
        "ids": count,
        "remember us": round(cpu_s / count * 1e6, 3),
        "longest stop ms": round(max(stops) * 1e3, 1),
        "p99 ms": round(sorted(stops)[len(stops) * 99 // 100] * 1e3, 2),
        "new us": round(min(cpu for _, cpu in new), 3),
        "repeat us": round(min(cpu for _, cpu in again), 3),
        "resident MB": round(resident / 1e6, 1),
        "bytes an id": round(resident / count, 1),
    }


def restore(folder: Path, hot: int) -> dict[str, Any]:
    """Measure a restore from what :func:`remember` left."""
    dedup = Deduplicator(_HORIZON_US, folder / "seen", sizes=Sizes(hot=hot))
    before = measure.resident_bytes(os.getpid())
    began = time.perf_counter()
    dedup.restore(msgspec.msgpack.decode((folder / "state").read_bytes()))
    seconds = time.perf_counter() - began
    resident = measure.resident_bytes(os.getpid()) - before
    peak = measure.peak_bytes(os.getpid()) - before
    return {"restore s": round(seconds, 2), "restored MB": round(resident / 1e6, 1), "peak MB": round(peak / 1e6, 1)}


def _in_process(step: str, folder: Path, options: argparse.Namespace, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.ids", "--step", step, "--folder", str(folder), "--count", str(count)]
    command += ["--batch", str(options.batch), "--hot", str(options.hot)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", default="0.3,1,4,16", help="of ids, with commas")
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument(
        "--hot", type=int, default=Sizes().hot, help="ids that are held whole before the oldest are sealed"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step is not None:
        gc.freeze()
        told = (
            restore(options.folder, options.hot)
            if options.step == "restore"
            else remember(options.folder, options.count, options.batch, options.hot)
        )
        print(json.dumps(told))
        return
    started = measure.machine()
    rows = []
    for millions in options.millions.split(","):
        count = int(float(millions) * 1e6)
        with tempfile.TemporaryDirectory(prefix="mg-ids-") as name:
            row = _in_process("remember", Path(name), options, count)
            row |= _in_process("restore", Path(name), options, count)
        rows.append(row)
        print(json.dumps(row), flush=True)
    for before, row in itertools.pairwise(rows):
        if before["ids"] > options.hot:
            for figure, name in (("resident MB", "bytes a further id"), ("restored MB", "restored: a further id")):
                row[name] = round((row[figure] - before[figure]) * 1e6 / (row["ids"] - before["ids"]), 1)
    measure.tell(rows, started, batch=options.batch, hot=options.hot)


if __name__ == "__main__":
    main()
