"""Events per second of one worker, file to store, beside the bare loop "read, decode, count" in the same run.

    python -m benchmarks.throughput [--events 300000] [--rounds 3] [--stages] [--every] [--mix desk|shop|closed]

Both read the same JSON Lines file of canonical events. The flow runs with both detectors, recovery on, and writes alert
changes to a real Redis. Rounds alternate, so that both meet the same machine; the ratio is taken within a round: of
the wall clock, and of the CPU time of this process, which says the same on a busy machine as on a quiet one.

Columns are there from the first event: what a process spends on their machine code, once, is not counted.
``--every`` has one of every detector that is shipped at work, as ``config/defaults.yaml`` sets them.
``--mix closed`` is the file of ``benchmarks.peers``: closed cases, repeats and broken lines among them.
``--stages`` runs the flow once more and prints where its CPU time goes, in microseconds an event.
"""

import argparse
import json
import statistics
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import msgspec
import yaml

from benchmarks.peers.recording import write_recording as write_closed
from benchmarks.recording import MIXES, write_recording
from benchmarks.stages import Stages
from detectors.contract import AlertChange
from pipeline.assembly import load_settings
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.events import ANY_EVENT
from pipeline.memory import tune_memory
from pipeline.replay import recording_flow
from pipeline.tallies import Tallies

CONFIG = """
time: {lateness: 10m}
feeds:
  events: {type: file, path: EVENTS, format: jsonl}
calendars:
  office:
    zone: Europe/London
    weekly: {mon: [["09:00", "17:00"]], tue: [["09:00", "17:00"]], wed: [["09:00", "17:00"]],
             thu: [["09:00", "17:00"]], fri: [["09:00", "17:00"]]}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {name: first_reply, kind: first_reply, target: 24, unit: hours, calendar: office}
      - {name: resolution, kind: resolution, target: 80, unit: hours, calendar: office}
  sentiment_drop: {type: sentiment_drop, group_by: [service, region], window: 1h, hop: 15m}
flow: {batch_size: 4000, epoch: 5s}
"""

CLOSED = "closed"
WARM_EVENTS = 4_000
_DEFAULTS = Path(__file__).parents[1] / "config" / "defaults.yaml"


class Run(msgspec.Struct):
    """What one run took, in seconds, for how many events; ``changes`` of alerts came of it."""

    events: int
    wall_s: float
    cpu_s: float
    changes: int = 0


def bare_loop(path: Path) -> Run:
    """Read, decode and count: as little as any consumer of these events does."""
    decode = msgspec.json.Decoder(ANY_EVENT).decode
    started, started_cpu = perf_counter(), process_time()
    count = 0
    with path.open("rb") as file:
        for line in file:
            try:
                decode(line)
            except msgspec.MsgspecError:  # some are broken
                continue
            count += 1
    return Run(count, perf_counter() - started, process_time() - started_cpu)


def every_detector() -> str:
    """Return settings with one entry of every detector that is shipped, as ``config/defaults.yaml`` has it."""
    shipped: dict[str, Any] = yaml.safe_load(_DEFAULTS.read_text(encoding="utf-8"))
    ours: dict[str, Any] = yaml.safe_load(CONFIG)
    return yaml.safe_dump({**ours, "calendars": shipped["calendars"], "detectors": shipped["detectors"]})


def tuned(config_text: str, batch_size: int, shards: int, columns: str = "on") -> str:
    """Return settings with another size of batches, another number of shards, and columns or none."""
    settings: dict[str, Any] = yaml.safe_load(config_text)
    settings["flow"] |= {"batch_size": batch_size, "shards": shards, "columns": columns}
    return yaml.safe_dump(settings)


def whole_flow(
    path: Path,
    folder: Path,
    stages: Stages | None = None,
    watch: Callable[[Tallies], None] | None = None,
    config_text: str = CONFIG,
) -> Run:
    """File to store; ``stages`` is filled where it is given, ``watch`` told where the counts are, before it starts."""
    from alerts.opening import open_store  # noqa: PLC0415

    config = folder / "bench.yaml"
    config.write_text(config_text.replace("EVENTS", str(path)))
    settings = load_settings(config).settings
    settings = settings.model_copy(update={"store": settings.store.model_copy(update={"dir": folder / "var"})})
    changes = 0
    never = threading.Event()
    with ExitStack() as stack:
        if stages is not None:
            stack.enter_context(stages.watching())
        store = stack.enter_context(open_store(settings.store))
        dead = stack.enter_context(DeadLetters(folder / "dead.db"))

        def apply(batch: Sequence[AlertChange]) -> None:
            nonlocal changes
            changes += len(batch)
            store.apply_waiting(batch, wait=never.wait)

        tallies = Tallies()
        flow = recording_flow(settings, tallies=tallies, folder=folder, alert_sink=CallSink(apply), dead=dead)
        tune_memory()
        if watch is not None:
            watch(tallies)
        started, started_cpu = perf_counter(), process_time()
        if stages is not None:
            stages.start()
        execute(flow, epoch_us=settings.flow.epoch, folder=folder / "recovery", identity=["bench"])
        if stages is not None:
            stages.stop()
        return Run(tallies.events, perf_counter() - started, process_time() - started_cpu, changes)


def warm_up(path: Path, folder: Path, config_text: str) -> None:
    """Run the first events of a recording, so that what is imported and compiled but once is there."""
    folder.mkdir()
    with path.open("rb") as file:
        (folder / "events.jsonl").write_bytes(b"".join(islice(file, WARM_EVENTS)))
    whole_flow(folder / "events.jsonl", folder, config_text=config_text)


def main() -> None:
    """Run the comparison and print it; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--every", action="store_true", help="one of every detector instead of two")
    parser.add_argument("--mix", choices=(*MIXES, CLOSED), default="desk", help="whose events")
    parser.add_argument("--batch-size", type=int, default=4_000, help="records that go through the flow together")
    parser.add_argument("--shards", type=int, default=8, help="of each case detector")
    parser.add_argument(
        "--columns", choices=("on", "off"), default="on", help="events as columns where that is worth it"
    )
    options = parser.parse_args()
    config_text = every_detector() if options.every else CONFIG
    config_text = tuned(config_text, options.batch_size, options.shards, options.columns)
    rows = []
    with tempfile.TemporaryDirectory(prefix="mg-bench-") as name:
        path = Path(name) / "events.jsonl"
        if options.mix == CLOSED:
            write_closed(path, options.events)
        else:
            write_recording(path, options.events, mix=options.mix)
        warm_up(path, Path(name) / "first", config_text)
        for number in range(options.rounds):
            bare = bare_loop(path)
            folder = Path(name) / f"round-{number}"
            folder.mkdir()
            flow = whole_flow(path, folder, config_text=config_text)
            row = {
                "bare_events_per_s": round(bare.events / bare.wall_s),
                "flow_events_per_s": round(flow.events / flow.wall_s),
                "ratio": round(bare.wall_s / flow.wall_s, 3),
                "bare_cpu_us": round(bare.cpu_s / bare.events * 1e6, 3),
                "flow_cpu_us": round(flow.cpu_s / flow.events * 1e6, 3),
                "cpu_ratio": round(bare.cpu_s / flow.cpu_s, 3),
                "alert_changes": flow.changes,
            }
            rows.append(row)
            print(json.dumps(row))
        if options.stages:
            folder = Path(name) / "stages"
            folder.mkdir()
            stages = Stages()
            events = whole_flow(path, folder, stages, config_text=config_text).events
            for stage, spent_us in stages.per_event_us(events).items():
                print(f"  {stage:32}{spent_us:7.3f} us an event")
    print(
        json.dumps(
            {
                "events": options.events,
                "median_ratio": statistics.median(row["ratio"] for row in rows),
                "best_flow_cpu_us": min(row["flow_cpu_us"] for row in rows),
                "best_cpu_ratio": round(
                    min(row["bare_cpu_us"] for row in rows) / min(row["flow_cpu_us"] for row in rows), 3
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
