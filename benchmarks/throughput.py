"""Events per second of one worker, file to store, beside the bare loop "read, decode, count" in the same run.

    python -m benchmarks.throughput [--events 300000] [--rounds 3]

Both read the same JSON Lines file of canonical events. The flow runs with both detectors, recovery on, and writes alert
changes to a real Redis. Rounds alternate, so that both meet the same machine; the ratio is taken within a round.
"""

import argparse
import json
import statistics
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.recording import write_recording
from detectors.contract import AlertChange
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.engine.source import Drain
from pipeline.events import ANY_EVENT
from pipeline.flow import build_flow
from pipeline.lane import Lane, Pace
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


def bare_loop(path: Path) -> tuple[int, float]:
    """Read, decode and count: as little as any consumer of these events does."""
    decode = msgspec.json.Decoder(ANY_EVENT).decode
    started = perf_counter()
    count = 0
    with path.open("rb") as file:
        for line in file:
            decode(line)
            count += 1
    return count, perf_counter() - started


def whole_flow(path: Path, folder: Path) -> tuple[int, float, int]:
    """File to store; returns events, seconds, alert changes."""
    from alerts.opening import open_store  # noqa: PLC0415

    config = folder / "bench.yaml"
    config.write_text(CONFIG.replace("EVENTS", str(path)))
    settings = load_settings(config).settings
    settings = settings.model_copy(update={"store": settings.store.model_copy(update={"dir": folder / "var"})})
    changes = 0
    never = threading.Event()
    with open_store(settings.store) as store, DeadLetters(folder / "dead.db") as dead:

        def apply(batch: Sequence[AlertChange]) -> None:
            nonlocal changes
            changes += len(batch)
            store.apply_waiting(batch, wait=never.wait)

        tallies, pace = Tallies(), Pace()
        built = compose.build_detectors(settings)
        prepare = compose.build_prepare(
            settings,
            built,
            enricher=compose.build_enricher(settings),
            tallies=tallies,
            pace=pace,
            dedup_folder=folder / "seen",
        )
        flow = build_flow(
            build_lane=lambda: Lane(
                compose.build_feeds(settings, recording=True),
                batch_size=settings.flow.batch_size,
                clock_us=None,
                tick_us=0,
                pace=pace,
            ),
            drain=Drain(),
            prepare=prepare,
            detectors=built,
            alert_sink=CallSink(apply),
            dead_letter_sink=CallSink(lambda letters: dead.add(letters, seen_at_us=0)),
        )
        compose.tune_gc()
        started = perf_counter()
        execute(flow, epoch_us=settings.flow.epoch, folder=folder / "recovery", identity=["bench"])
        return tallies.events, perf_counter() - started, changes


def main() -> None:
    """Run the comparison and print it; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="mg-bench-") as name:
        path = write_recording(Path(name) / "events.jsonl", options.events)
        for number in range(options.rounds):
            count, bare_s = bare_loop(path)
            folder = Path(name) / f"round-{number}"
            folder.mkdir()
            events, flow_s, changes = whole_flow(path, folder)
            row = {
                "bare_events_per_s": round(count / bare_s),
                "flow_events_per_s": round(events / flow_s),
                "ratio": round((events / flow_s) / (count / bare_s), 3),
                "alert_changes": changes,
            }
            rows.append(row)
            print(json.dumps(row))
    print(json.dumps({"events": options.events, "median_ratio": statistics.median(row["ratio"] for row in rows)}))


if __name__ == "__main__":
    main()
