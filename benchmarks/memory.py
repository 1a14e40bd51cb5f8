"""Memory of a flow with a million open cases, how long its snapshots stop it, and how long it takes to start again.

    python -m benchmarks.memory [--cases 1000000] [--states asleep,half_awake] [--groups 10000]

``makegood flow`` reads from a real Kafka broker, as in production: each case was opened, and an agent has replied; ids
of events are UUIDs. Then the mix of :mod:`benchmarks.traffic` goes on at ``--rate``, and every stretch in which the
flow stood still is noted. It is stopped, writes everything once more (as if every case had changed), and is started
again.

States of the cases:

- ``asleep``: nothing has happened to them that could be told, and nothing can yet.
- ``half_awake``: half of them are older than the first moment at which something could have happened to them.
- ``half_at_risk``: about half of them have an alert ``SlaAtRisk``, which is told.

A last run has ``--groups`` groups of ``sentiment_drop`` instead, with two days behind them.
"""

import argparse
import heapq
import itertools
import json
import random
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from alerts.opening import open_store
from benchmarks import measure, services
from benchmarks.live import send
from benchmarks.sender import Plan, Sender
from benchmarks.traffic import event, rfc3339
from benchmarks.watchedflow import WATCH_VARIABLE, WHOLE_VARIABLE, Watched
from pipeline.assembly import load_settings
from tests.support.kafka import Broker

HOUR_US = 3_600_000_000
TOPIC = "events"
_POSTS_AN_HOUR = 2
CHUNK = 5_000
PARTITIONS = 8
CASES = {
    "asleep": ("{normal: 24}", 0.0, 16.0),
    "half_awake": ("{normal: 48, urgent: 16}", 0.0, 24.0),
    "half_at_risk": ("{normal: 16}", 9.0, 15.0),
}
"""Targets of the resolution in hours, and the least and greatest age of a case, over which they are spread evenly.

Nothing can happen to a case before three quarters of the least target that it may ever have."""
CONFIG = """
time: {{lateness: 10s}}
feeds:
  events: {{type: kafka, bootstrap: "{bootstrap}", topics: [{topic}]}}
calendars:
  always:
    zone: Europe/London
    weekly: {{mon: ["00:00-24:00"], tue: ["00:00-24:00"], wed: ["00:00-24:00"], thu: ["00:00-24:00"],
             fri: ["00:00-24:00"], sat: ["00:00-24:00"], sun: ["00:00-24:00"]}}
detectors:
{detectors}
store: {{dir: var}}
{flow}
"""
SLA = """
  sla_breach:
    type: sla_breach
    promises:
      - {{name: first_reply, kind: first_reply, target: 24, unit: hours, calendar: always}}
      - {{name: resolution, kind: resolution, targets: {targets}, unit: hours, calendar: always}}
  sentiment_drop: {{type: sentiment_drop, group_by: [service, region]}}
"""
WINDOWS = (
    "  sentiment_drop: {type: sentiment_drop, group_by: [service, region], window: 1h, baseline: {max_groups: 100000}}"
)
Timed = tuple[int, str, bytes]
_SERVICES, _REGIONS = ("broadband", "mobile", "tv", "landline"), ("north", "south", "east", "west")


def cases(count: int, now_us: int, ages: tuple[float, float], seed: int) -> Iterator[Timed]:
    """Yield the events of open cases in the order of time: time, key, value."""
    rng = random.Random(seed)
    first_us, last_us = (now_us - int(age * HOUR_US) for age in reversed(ages))
    gap_us = (last_us - first_us) // count

    def made(step: str, after_us: int, **more: object) -> Iterator[Timed]:
        for number in range(count):
            case = f"CS-{number + 1_000_000:08d}"
            data = {"case_id": case, "service": _SERVICES[number % 4], "region": _REGIONS[number // 4 % 4], **more}
            value = event(f"crm.case.{step}", _uuid(rng), "@TIME@", data, f"cust-{number % 400_000:07d}")
            yield first_us + number * gap_us + after_us, case, value

    return heapq.merge(made("opened", 0, priority="normal"), made("agent_reply", 300_000_000), key=lambda one: one[0])


def posts(groups: int, hours: int, now_us: int, seed: int) -> Iterator[Timed]:
    """Yield posts in the order of time: a few for each group in each hour."""
    rng = random.Random(seed)
    first_us = now_us - hours * HOUR_US
    for number in range(hours * _POSTS_AN_HOUR * groups):
        group = number % groups
        data: dict[str, object] = {
            "service": f"service-{group // 100:04d}",
            "region": f"region-{group % 100:02d}",
            "sentiment": round(rng.uniform(-1, 1), 3),
        }
        at_us = first_us + number * HOUR_US // (_POSTS_AN_HOUR * groups)
        yield at_us, f"author-{number % 50_000}", event("social.post", _uuid(rng), "@TIME@", data, "")


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def fill(broker: Broker, events: Iterator[Timed]) -> int:
    """Write events to the topic; return how many."""
    sender = Sender(broker.bootstrap, TOPIC)
    count = 0
    while rows := list(itertools.islice(events, CHUNK)):
        sender.send(
            [{"key": key.encode(), "value": value.replace(b"@TIME@", rfc3339(at_us))} for at_us, key, value in rows]
        )
        count += len(rows)
    sender.finish()
    return count


class Bench:
    """One run: a broker, a store, and a flow that is started twice."""

    def __init__(self, folder: Path, options: argparse.Namespace, name: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._options = options
        self._name = name
        self._config = folder / "memory.yaml"

    def run(self, detectors: str, events: Iterator[Timed]) -> dict[str, Any]:
        """Read the events, go on with the mix, stop, and start again; return a row of figures."""
        options = self._options
        epoch = f", epoch: {options.epoch}" if options.epoch else ""
        with services.broker(self._folder / "broker") as broker:
            broker.create_topic(TOPIC, partitions=PARTITIONS)
            self._config.write_text(
                CONFIG.format(
                    bootstrap=broker.bootstrap,
                    topic=TOPIC,
                    detectors=detectors,
                    flow=f"flow: {{columns: {options.columns}{epoch}}}",
                ),
                encoding="utf-8",
            )
            count = fill(broker, events)
            store_settings = load_settings(self._config).settings.store.model_copy(update={"dir": self._folder / "var"})
            with open_store(store_settings, {}) as store:
                began_s = time.monotonic()
                with self._flow("first") as flow:
                    flow.until(lambda: flow.events() >= count, "reading what there was", options.limit_s)
                    read_s = time.monotonic() - began_s
                    time.sleep(options.settle_s)
                    loaded = measure.resident_bytes(flow.pid)
                    mix_us = time.time_ns() // 1000 + 2_000_000
                    plan = Plan(broker.bootstrap, TOPIC, options.rate, options.seconds, mix_us, options.seed, [])
                    sent = send(self._folder, plan)
                    flow.until(lambda: flow.events() >= count + sent.events, "reading the mix", options.limit_s)
                    mixed, peak = measure.resident_bytes(flow.pid), measure.peak_bytes(flow.pid)
                    flow.stop(options.limit_s)
                first = self._watched("first")
                changes = store.counts()["pending"]
                started_us = time.time_ns() // 1000
                with self._flow("second") as flow:
                    flow.until(lambda: flow.health().get("flow") == "running", "starting again", options.limit_s)
                    time.sleep(1)
                    again = measure.resident_bytes(flow.pid)
                    flow.stop(options.limit_s)
        in_mix = [stop for stop in first.stops if stop.at_us >= mix_us]
        with_snapshots = [stop for stop in in_mix if stop.snapshots_s > 0]
        before = [stop for stop in first.stops if stop.at_us < mix_us]
        return {
            "state": self._name,
            "events": count,
            "cases": first.cases,
            "MB": round(loaded / 1e6),
            "MB after mix": round(mixed / 1e6),
            "MB peak": round(peak / 1e6),
            "MB restarted": round(again / 1e6),
            "read s": round(read_s, 1),
            "all cases s": round(first.whole_s, 2),
            "all cases MB": round(first.whole_bytes / 1e6),
            "snapshot max ms": _most_ms(stop.snapshots_s for stop in with_snapshots),
            "stop max ms": _most_ms(stop.seconds for stop in in_mix),
            "collector max ms": _most_ms(stop.collector_s for stop in in_mix),
            "loading: stop max ms": _most_ms(stop.seconds for stop in before),
            "loading: collector max ms": _most_ms(stop.collector_s for stop in before),
            "restart s": round((self._watched("second").first_look_us - started_us) / 1e6, 1),
            "alert changes": changes,
        }

    def _flow(self, name: str) -> AbstractContextManager[services.FlowProcess]:
        more = {WATCH_VARIABLE: str(self._folder / f"{name}.json")}
        if name == "first":
            (self._folder / "whole").mkdir()
            more[WHOLE_VARIABLE] = str(self._folder / "whole")
        return services.flow(self._config, services.free_address(), module="benchmarks.watchedflow", more=more)

    def _watched(self, name: str) -> Watched:
        return msgspec.json.decode((self._folder / f"{name}.json").read_bytes(), type=Watched)


def _most_ms(seconds: Iterable[float]) -> int:
    return round(max(seconds, default=0.0) * 1e3)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--states", default="asleep,half_awake", help=f"with commas: {', '.join(CASES)}; empty: none")
    parser.add_argument("--groups", type=int, default=10_000, help="of windows; 0: no such run")
    parser.add_argument("--hours", type=int, default=48, help="that the groups have behind them")
    parser.add_argument("--rate", type=float, default=30_000, help="events a second of the mix")
    parser.add_argument("--seconds", type=float, default=60, help="that the mix goes on")
    parser.add_argument("--epoch", help="flow.epoch; default: the flow's own default")
    parser.add_argument("--columns", default="auto", choices=("auto", "on", "off"), help="flow.columns")
    parser.add_argument("--settle-s", type=float, default=6, help="wait after reading, for a snapshot")
    parser.add_argument("--limit-s", type=float, default=600)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    started = measure.machine()
    rows = []
    with tempfile.TemporaryDirectory(prefix="mg-memory-") as name:
        for state in filter(None, options.states.split(",")):
            targets, *ages = CASES[state]
            events = cases(options.cases, time.time_ns() // 1000, (ages[0], ages[1]), options.seed)
            rows.append(Bench(Path(name) / state, options, state).run(SLA.format(targets=targets), events))
            print(json.dumps(rows[-1]), flush=True)
        if options.groups:
            events = posts(options.groups, options.hours, time.time_ns() // 1000, options.seed)
            rows.append(Bench(Path(name) / "groups", options, f"{options.groups} groups").run(WINDOWS, events))
            print(json.dumps(rows[-1]), flush=True)
    columns = [{"figure": name, **{row["state"]: row[name] for row in rows}} for name in rows[0] if name != "state"]
    measure.tell(columns, started, rate=options.rate, seconds=options.seconds)


if __name__ == "__main__":
    main()
