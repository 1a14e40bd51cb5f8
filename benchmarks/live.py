"""Kafka to store, live: how long from what decides an alert until its change is in the store.

    python -m benchmarks.live [--rate EVENTS_A_SECOND] [--seconds 60] [--lateness 0s,10s] [--epoch 5s]

A real Kafka broker, a real Redis that syncs every write to disk, and ``makegood flow`` with both detectors and its
snapshots, each in a process of its own on this machine; one more sends. Without ``--rate`` it is half of what one flow
process reaches from a file (``benchmarks.throughput``), measured first. :mod:`benchmarks.livescript` says what happens.

What decides is the time of the event, the deadline, or the end of the window, plus ``time.lateness``: until then an
event that is on time may still change it, so the flow waits by definition, and nothing else is taken off. The end is
when a process that looks into the store every 4 ms first sees the change. All on one clock.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.opening import open_store
from benchmarks import livescript, measure, services
from benchmarks.livescript import Script
from benchmarks.recording import write_recording
from benchmarks.sender import Plan, Sent
from benchmarks.storewatch import SeenChange, StoreWatch
from benchmarks.throughput import whole_flow
from config.durations import parse_duration_us
from pipeline.assembly import load_settings

TOPIC = "events"


def own_rate(folder: Path, events: int) -> float:
    """Return half of the events a second that one flow process reaches from a file."""
    run = whole_flow(write_recording(folder / "events.jsonl", events), folder)
    (folder / "events.jsonl").unlink()
    return run.events / run.wall_s / 2


def latencies(
    seen: Sequence[SeenChange], script: Script, sent: Sent, start_us: int, lateness_us: int
) -> list[dict[str, Any]]:
    """Return a row of figures, in milliseconds, for each kind of change; raise when one that must come did not."""
    from_us, to_us = script.measured(start_us, lateness_us)
    decided = {f"event {case}": at_us for case, at_us in sent.marks.items()}
    decided |= {f"deadline {case}": at_us for case, at_us in script.deadlines().items()}
    expected = {name: at_us for name, at_us in decided.items() if from_us <= at_us < to_us}
    found: dict[str, list[float]] = {"deciding event": [], "deadline": [], "window close": []}
    stored: dict[str, list[float]] = {name: [] for name in found}
    early: list[float] = []
    for one in seen:
        change = one.change
        case = change.labels.get("case_id")
        if case is None:
            at_us = change.at_us + lateness_us
            kind = "window close" if from_us <= change.at_us < to_us else ""
        else:
            name = f"{'event' if case.startswith('urgent') else 'deadline'} {case}"
            if name not in expected or change.labels["alertname"] != "SlaBreach":
                continue
            if change.step == "suspected":
                early.append((one.seen_us - expected[name]) / 1e3)
                continue
            at_us = expected.pop(name) + lateness_us
            kind = "deciding event" if name.startswith("event") else "deadline"
        if kind:
            found[kind].append((one.seen_us - at_us) / 1e3)
            stored[kind].append((one.accepted_us - at_us) / 1e3)
    if expected:
        msg = f"{len(expected)} alerts never came, of {sorted(expected)[:3]}"
        raise services.BenchmarkError(msg)
    rows = []
    for kind, values in found.items():
        by_redis = {
            f"redis {name}": value for name, value in measure.quantiles(stored[kind]).items() if name != "count"
        }
        rows.append({"from": kind, **measure.quantiles(values), "redis p50": by_redis.get("redis p50", "")})
    if early:
        rows.append({"from": "deadline, suspected", **measure.quantiles(early)})
    return rows


def measure_once(folder: Path, options: argparse.Namespace, rate: float, lateness: str) -> dict[str, Any]:
    """Run everything once; return what came of it."""
    epoch = f", epoch: {options.epoch}" if options.epoch else ""
    flow_settings = f"flow: {{columns: {options.columns}{epoch}}}"
    with services.broker(folder / "broker") as broker:
        broker.create_topic(TOPIC, partitions=options.partitions)
        config = folder / "live.yaml"
        config.write_text(
            livescript.CONFIG.format(lateness=lateness, bootstrap=broker.bootstrap, topic=TOPIC, flow=flow_settings)
        )
        settings = load_settings(config).settings
        store_settings = settings.store.model_copy(update={"dir": folder / "var"})
        script = Script(
            now_us=time.time_ns() // 1000,
            seconds=options.seconds,
            open_cases=options.open_cases,
            per_s=options.per_s,
            groups=options.groups,
            seed=options.seed,
            settle_s=options.settle_s,
        )
        backlog = livescript.send_backlog(script, broker.bootstrap, TOPIC)
        address = services.free_address()
        with (
            open_store(store_settings, {}) as store,
            services.flow(config, address, module=options.flow_module) as flow,
        ):
            flow.until(lambda: flow.events() >= backlog, "reading the backlog", 200)
            watch = StoreWatch(store)
            watch.start()
            start_us = time.time_ns() // 1000 + 3_000_000
            plan = Plan(broker.bootstrap, TOPIC, rate, options.seconds, start_us, options.seed, script.extras())
            waited_s = measure.waited_s(flow.pid)
            before = {"flow": measure.cpu_s(flow.pid), "broker": measure.cpu_s(services.broker_pid(broker))}
            sent = send(folder, plan)
            after = {"flow": measure.cpu_s(flow.pid), "broker": measure.cpu_s(services.broker_pid(broker))}
            waited_s = measure.waited_s(flow.pid) - waited_s
            behind = backlog + sent.events - flow.events()
            lateness_us = parse_duration_us(lateness)
            flow.until(lambda: flow.events() >= backlog + sent.events, "reading what was sent", 100)
            time.sleep(1)
            resident_mb = measure.resident_bytes(flow.pid) / 1e6
            flow.stop()
            seen = watch.stop()
        rows = latencies(seen, script, sent, start_us, lateness_us)
        cores = {name: round((after[name] - before[name]) / sent.seconds, 2) for name in before}
        return {
            "lateness": lateness,
            "rows": rows,
            "events_per_s": round(sent.events / sent.seconds),
            "cores": {**cores, "sender": round(sent.cpu_s / sent.seconds, 2)},
            "flow_waited_for_a_core": round(waited_s / sent.seconds, 3),
            "sender_behind_ms": round(sent.behind_s * 1e3, 1),
            "events_behind_at_the_end": behind,
            "changes_seen": len(seen),
            "resident_mb": round(resident_mb),
        }


def send(folder: Path, plan: Plan) -> Sent:
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    command = services.python("-m", "benchmarks.sender", str(folder / "plan.json"), str(folder / "sent.json"))
    subprocess.run(command, env=services.environment(), cwd=folder, timeout=plan.seconds * 3 + 120, check=True)
    return msgspec.json.decode((folder / "sent.json").read_bytes(), type=Sent)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, help="events a second of the mix; default: half of the throughput")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lateness", default="0s,10s", help="one run for each, with commas")
    parser.add_argument("--epoch", help="flow.epoch; default: the flow's own default")
    parser.add_argument("--columns", default="auto", choices=("auto", "on", "off"), help="flow.columns")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--open-cases", type=int, default=100_000)
    parser.add_argument("--per-s", type=float, default=20, help="deciding events, and deadlines, a second")
    parser.add_argument("--groups", type=int, default=200, help="services whose posts turn bad")
    parser.add_argument("--settle-s", type=float, default=10, help="of the seconds, the first that do not count")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--throughput-events", type=int, default=300_000)
    parser.add_argument("--flow-module", default="pipeline.cli", help=argparse.SUPPRESS)
    options = parser.parse_args()
    started = measure.machine()
    runs = []
    with tempfile.TemporaryDirectory(prefix="mg-live-") as name:
        rate = options.rate
        if rate is None:
            folder = Path(name) / "rate"
            folder.mkdir()
            rate = own_rate(folder, options.throughput_events)
        for lateness in options.lateness.split(","):
            folder = Path(name) / f"lateness-{lateness}"
            folder.mkdir()
            run = measure_once(folder, options, rate, lateness)
            runs.append(run)
            print(
                f"lateness {lateness}: {run['events_per_s']:,} events/s, cores {run['cores']},"
                f" flow waited for a core {run['flow_waited_for_a_core']:.1%} of the time; milliseconds:"
            )
            print(measure.table(run["rows"]))
    rows = [{"lateness": run["lateness"], **row} for run in runs for row in run["rows"]]
    measure.tell(rows, started, runs=[{k: v for k, v in run.items() if k != "rows"} for run in runs])


if __name__ == "__main__":
    main()
