"""Events a second of one flow process and of two, each on a core of its own.

    python -m benchmarks.two_processes [--events 1000000] [--partitions 8] [--cores 0,1] [--rounds 1] [--mix desk|shop]

Both detectors, recovery on, alert changes into a real Redis. Three ways:

- **files**: each process replays a file of its own: one all events, two a half each, parted by customer. Nothing else
  has work to do (each has its own Redis), so this is what the cores and their memory give.
- **every**: the same with one of every detector that is shipped, in one shard each and batches of 8,000.
- **kafka**: ``makegood flow`` reads a backlog from a real broker: one process without ``scale``; one with it; and two
  with ``scale`` that share the partitions (``--share 0/2`` and ``1/2``) and talk through the topic of panes. Broker
  and Redis work on the same cores meanwhile, so two processes have less than twice the room of one: ``cores of the
  broker`` says how much they took away.

The recording ends now: a live flow that has read everything follows the clock, and would otherwise find every deadline
of the cases passed at once, while it still reads other partitions.

The time is from the first event that any process has taken to the last one. ``events per CPU s`` is what a core gives
that a process has for itself: threads of the Kafka client run beside the flow and count too.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from alerts.opening import open_store
from benchmarks import measure, services, throughput
from benchmarks.recording import MIXES, write_recording
from benchmarks.replaying import replay_all
from benchmarks.sender import Sender
from pipeline.assembly import load_settings
from tests.support.kafka import Broker

TOPIC = "events"
PANES = "makegood.panes"
CHUNK = 5_000
_LOOK_S = 0.05
_FILE = "{type: file, path: EVENTS, format: jsonl}"


class _Of(msgspec.Struct):
    case_id: str = ""


class _Keyed(msgspec.Struct):
    data: _Of
    subject: str = ""


_decode = msgspec.json.Decoder(_Keyed).decode


def key_of(line: bytes) -> str:
    """Return what events must stay together by: the customer (of a case it is always the same), or else the case."""
    found = _decode(line)
    return found.subject or found.data.case_id


def split(path: Path, halves: Sequence[Path]) -> None:
    """Part a recording by key."""
    with ExitStack() as stack:
        files = [stack.enter_context(half.open("wb")) for half in halves]
        for line in stack.enter_context(path.open("rb")):
            files[crc32(key_of(line).encode()) % len(files)].write(line)


def from_files(
    folder: Path, recording: Path, halves: Sequence[Path], cores: Sequence[str], *, every: bool = False
) -> list[dict[str, Any]]:
    """Replay the whole on one core, and the halves on two at the same time."""
    rows = []
    way = "every" if every else "files"
    for name, parts, own in ((f"{way}, 1 process", [recording], cores[:1]), (f"{way}, 2 processes", halves, cores)):
        folders = [folder / f"{way}-{len(parts)}-{number}" for number in range(len(parts))]
        done = replay_all(parts, folders, own, every=every)
        events = sum(one.events for one in done)
        wall_s = max(one.ended_s for one in done) - min(one.began_s for one in done)
        rows.append(_row(name, len(parts), events, wall_s, sum(one.cpu_s for one in done)))
    return rows


def _row(name: str, processes: int, events: int, wall_s: float, cpu_s: float, **more: object) -> dict[str, Any]:
    return {
        "way": name,
        "processes": processes,
        "events/s": round(events / wall_s),
        "events per CPU s": round(events / cpu_s),
        "seconds": round(wall_s, 1),
        **more,
    }


def fill(broker: Broker, path: Path, partitions: int) -> None:
    """Write a recording to the topic, each event to the partition of its key."""
    broker.create_topic(TOPIC, partitions=partitions)
    sender = Sender(broker.bootstrap, TOPIC)
    waiting: list[dict[str, bytes]] = []
    with path.open("rb") as file:
        for line in file:
            waiting.append({"key": key_of(line).encode(), "value": line.rstrip()})
            if len(waiting) == CHUNK:
                sender.send(waiting)
                waiting = []
    if waiting:
        sender.send(waiting)
    sender.finish()


def _config(broker: Broker, partitions: int, *, scale: bool) -> str:
    kafka = f'{{type: kafka, bootstrap: "{broker.bootstrap}", topics: [{TOPIC}]}}'
    text = throughput.CONFIG.replace(_FILE, kafka) + "store: {dir: var}\n"
    if not scale:
        return text
    return text + f'scale: {{bootstrap: "{broker.bootstrap}", partitions: {partitions}, panes_topic: {PANES}}}\n'


def from_kafka(
    folder: Path, broker: Broker, events: int, partitions: int, cores: Sequence[str], *, scale: bool, limit_s: float
) -> dict[str, Any]:
    """Read the backlog with as many processes as there are cores; return the figures."""
    folder.mkdir()
    config = folder / "bench.yaml"
    config.write_text(_config(broker, partitions, scale=scale), encoding="utf-8")
    store_settings = load_settings(config).settings.store.model_copy(update={"dir": folder / "var"})
    with ExitStack() as stack:
        stack.enter_context(open_store(store_settings, {}))
        flows = [
            stack.enter_context(
                services.flow(config, services.free_address(), share=f"{number}/{len(cores)}", cores=core)
            )
            for number, core in enumerate(cores)
        ]
        wall_s, cpu_s, broker_s = _watch(flows, broker, events, limit_s)
        for flow in flows:
            flow.stop()
    if scale:
        broker.delete_topic(PANES)
    several = f"{len(cores)} process{'es' if len(cores) > 1 else ''}"
    name = f"kafka, {several}{' with scale' if scale else ''}"
    return _row(name, len(cores), events, wall_s, cpu_s, **{"cores of the broker": round(broker_s / wall_s, 2)})


def _watch(
    flows: Sequence[services.FlowProcess], broker: Broker, events: int, limit_s: float
) -> tuple[float, float, float]:
    """Return seconds from the first event to the last, and processor seconds of the flows and of the broker in them."""
    pid = services.broker_pid(broker)

    def now() -> tuple[float, float, float, int]:
        spent_s = sum(measure.cpu_s(flow.pid) for flow in flows)
        return time.monotonic(), spent_s, measure.cpu_s(pid), sum(flow.events() for flow in flows)

    began = now()
    end_s = time.monotonic() + limit_s
    while (found := now())[3] < events:
        if found[3] == 0:
            began = found
        if found[0] > end_s:
            msg = f"{found[3]} of {events} events in {limit_s:.0f} s"
            raise services.BenchmarkError(msg)
        time.sleep(_LOOK_S)
    return found[0] - began[0], found[1] - began[1], found[2] - began[2]


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, default=48, help="over which the events are spread")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", default="files,every,kafka", help="with commas")
    parser.add_argument("--mix", choices=tuple(MIXES), default="desk", help="whose events")
    parser.add_argument("--limit-s", type=float, default=600)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    cores = options.cores.split(",")
    started = measure.machine()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="mg-two-") as name:
        start_us = time.time_ns() // 1000 - options.hours * 3_600_000_000
        recording = write_recording(
            Path(name) / "all.jsonl", options.events, seed=options.seed, span_hours=options.hours, start_us=start_us,
            mix=options.mix,
        )  # fmt: skip
        halves = [Path(name) / f"half-{number}.jsonl" for number in range(len(cores))]
        split(recording, halves)
        for number in range(options.rounds):
            folder = Path(name) / f"round-{number}"
            folder.mkdir()
            if "files" in options.ways:
                rows += from_files(folder, recording, halves, cores)
            if "every" in options.ways:
                rows += from_files(folder, recording, halves, cores, every=True)
            if "kafka" in options.ways:
                with services.broker(folder / "broker") as broker:
                    fill(broker, recording, options.partitions)
                    for own, scale in ((cores[:1], False), (cores[:1], True), (cores, True)):
                        rows.append(
                            from_kafka(
                                folder / f"kafka-{len(own)}-{scale}", broker, options.events, options.partitions, own,
                                scale=scale, limit_s=options.limit_s,
                            )
                        )  # fmt: skip
    best = {row["way"]: max(one["events/s"] for one in rows if one["way"] == row["way"]) for row in rows}
    ratios = {
        way: round(best[f"{way}, {len(cores)} processes{scale}"] / best[f"{way}, 1 process{scale}"], 2)
        for way, scale in (("files", ""), ("every", ""), ("kafka", " with scale"))
        if f"{way}, 1 process{scale}" in best
    }
    measure.tell(rows, started, best=best, two_to_one=ratios, partitions=options.partitions)


if __name__ == "__main__":
    main()
