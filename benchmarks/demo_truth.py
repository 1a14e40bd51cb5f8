"""Recall, precision and time to detect against the demo's known truth, on companies that nothing was tuned on.

    python benchmarks/demo_truth.py --seeds 101-120 --days 21 --json

Each seed is a company of its own: ``--history`` days in which nothing happens, then the incidents of
:mod:`pipeline.demo.incidents`, every kind once in random order, at random hours, high-impact ones for two to four
hours, slow ones for a day, with pauses between them. All of it goes through the product's own decoding and detectors.

- An incident is *found* when an alert of a detector that ought to fire overlaps it, in a group that it touches.
- An alert is *right* when it overlaps an incident that is none of the benign look-alikes, or the hours after it
  (:data:`AFTERMATH_US`: what was broken is answered, delivered and complained about later), in a group that it touches.
  An alert about cases (``sla_breach_rate``, ``resolution_lag``) is about the incident in which those were opened that
  make half or more of it: a promise of 90 hours breaks days after what broke it (:mod:`benchmarks.detection.causes`).
- *Windows to detect*: from the incident's beginning (of a slow one: when it has grown to half) to the first such alert,
  in hops of the detector that found it first.

Alerts about single cases are not counted: they tell of one customer each, and are right by definition.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from benchmarks.detection.causes import COUNTS, Causes
from detectors import catalogue  # noqa: F401 - registers the detectors
from detectors.contract import AlertChange, Detector
from detectors.windowed import Windowed
from pipeline.assembly import build_detectors, load_settings
from pipeline.demo.company import DAY_US, HOUR_US, MINUTE_US, Company
from pipeline.demo.incidents import EFFECTS, Incident, incident
from pipeline.demo.simulate import simulate
from pipeline.events import decode_many
from pipeline.harness import Harness

START_US = 1_772_409_600_000_000
LATENESS_US = 5 * MINUTE_US
AFTERMATH_US = 6 * HOUR_US
_SLOW = frozenset({"slow_decay", "survey_decline"})
HIGH_IMPACT = frozenset({"outage", "region", "vendor", "silent_feed"})
COMPANY = Path(__file__).resolve().parent / "detection" / "company.yaml"


class Found(NamedTuple):
    """What became of one incident."""

    seed: int
    kind: str
    found_by: tuple[str, ...]
    windows: float | None
    minutes: float | None


class Told(NamedTuple):
    """One alert: by whom, about what, when, and which incident it is about; empty: none."""

    seed: int
    detector: str
    labels: dict[str, str]
    start_us: int
    end_us: int
    about: str


def incidents(seed: int, begin_us: int, end_us: int) -> list[Incident]:
    """Return every kind once, in random order."""
    rng = Random(f"incidents {seed}")
    kinds = sorted(EFFECTS)
    rng.shuffle(kinds)
    slot_us = (end_us - begin_us) // len(kinds)
    made = []
    for number, kind in enumerate(kinds):
        length_us = DAY_US if kind in _SLOW else int((2.0 + 2.0 * rng.random()) * HOUR_US)
        if kind == "holiday":
            length_us = DAY_US
        room_us = slot_us - length_us - AFTERMATH_US
        offset_us = int(rng.random() * max(0, room_us)) // MINUTE_US * MINUTE_US
        made.append(incident(kind, begin_us + number * slot_us + offset_us, length_us))
    return made


def detectors(path: Path) -> dict[str, Detector]:
    """Return the detectors of a settings file."""
    loaded = load_settings(path)
    return build_detectors(loaded.settings, loaded.document)


def alerts(
    of: dict[str, Detector], company: Company, truth: Sequence[Incident], end_us: int, causes: Causes
) -> list[AlertChange]:
    """Return every alert change over the whole simulation; ``causes`` gets to know its cases."""
    harness = Harness(of, concluded=causes.concluded)
    seen: set[tuple[str, str]] = set()
    minute = 0
    batch: list[bytes] = []

    def feed(records: list[bytes], now_us: int) -> None:
        events = []
        for event in decode_many(records)[0]:
            identity = (event.source, event.id)
            if identity not in seen:
                seen.add(identity)
                events.append(event)
        causes.opened(events)
        harness.feed(events, now_us - LATENESS_US)

    for arrival in simulate(company, START_US, end_us=end_us, incidents=truth, scored=0.95):
        if arrival.arrival_us // MINUTE_US != minute and batch:
            feed(batch, minute * MINUTE_US)
            batch = []
        minute = arrival.arrival_us // MINUTE_US
        batch.append(arrival.raw)
    feed(batch, end_us)
    harness.finish(end_us)
    return harness.changes


def episodes(changes: Sequence[AlertChange], end_us: int) -> Iterator[tuple[AlertChange, int]]:
    """Yield the alerts, and when each ended."""
    open_ones: dict[str, AlertChange] = {}
    for change in changes:
        if change.status == "firing":
            open_ones.setdefault(change.fingerprint, change)
        elif change.fingerprint in open_ones:
            yield open_ones.pop(change.fingerprint), change.at_us
    for change in open_ones.values():
        yield change, end_us


def one_seed(seed: int, days: float, history: float, path: Path) -> tuple[list[Found], list[Told]]:
    """Run one company; return what became of its incidents, and all alerts."""
    end_us = START_US + int(days * DAY_US)
    truth = incidents(seed, START_US + int(history * DAY_US), end_us)
    of = detectors(path)
    hops = {name: one.layout.hop_us for name, one in of.items() if isinstance(one, Windowed)}
    sizes = {name: one.settings.window for name, one in of.items() if isinstance(one, Windowed)}
    told: list[Told] = []
    first: dict[int, dict[str, int]] = {}
    causes = Causes(truth)
    for change, ended_us in episodes(alerts(of, Company(seed), truth, end_us, causes), end_us):
        name = change.labels.get("rule", change.labels["detector"])
        if name not in hops:
            continue
        start_us, kind = change.starts_at_us, change.labels["detector"]
        about = _about(change, truth, sizes[name])
        if kind in COUNTS:
            cause = causes.of(kind, change.labels, start_us - sizes[name], start_us)
            if cause is not None:
                about = [cause]
        for number in about:
            if kind in truth[number].expected:
                first.setdefault(number, {}).setdefault(name, start_us)
        kinds = [truth[number].kind for number in about]
        told.append(Told(seed, name, dict(change.labels), start_us, ended_us, kinds[-1] if kinds else ""))
    found = []
    for number, one in enumerate(truth):
        if one.benign:
            continue
        by = first.get(number, {})
        if not by:
            found.append(Found(seed, one.kind, (), None, None))
            continue
        quickest = min(by, key=lambda name: by[name])
        begin_us = one.start_us + ((one.end_us - one.start_us) // 4 if one.kind in _SLOW else 0)
        late_us = max(0, by[quickest] - begin_us)
        found.append(Found(seed, one.kind, tuple(sorted(by)), late_us / hops[quickest], late_us / MINUTE_US))
    return found, told


def _about(change: AlertChange, truth: Sequence[Incident], size_us: int) -> list[int]:
    """Return the incidents that an alert may be about, by time and place, up to the first that is no look-alike."""
    about = []
    labels = {label: value for label, value in change.labels.items() if label in {"service", "region", "vendor"}}
    for number, one in enumerate(truth):
        if "feed" in one.scope:
            touched = change.labels.get("source", "").endswith(one.scope["feed"])
            touched = touched or change.labels["detector"] == "social_spike"
        else:
            touched = one.touches(**labels)
        if touched and one.start_us <= change.starts_at_us <= one.end_us + AFTERMATH_US + size_us:
            about.append(number)
            if not one.benign:
                break
    return about


def summary(found: Sequence[Found], told: Sequence[Told]) -> dict[str, Any]:
    """Return the figures."""
    high = [one for one in found if one.kind in HIGH_IMPACT]
    windows = [one.windows for one in found if one.windows is not None]
    quick = [one.windows for one in high if one.windows is not None]
    benign = {kind for kind in EFFECTS if incident(kind, 0, 1).benign}
    right = sum(bool(one.about) and one.about not in benign for one in told)
    looks = {(one.seed, one.about) for one in told if one.about in benign}
    seeds = {one.seed for one in found}
    return {
        "recall_high_impact": sum(bool(one.found_by) for one in high) / len(high),
        "recall_all": sum(bool(one.found_by) for one in found) / len(found),
        "precision": right / max(1, len(told)),
        "median_windows_to_detect": statistics.median(quick) if quick else None,
        "median_windows_to_detect_all": statistics.median(windows) if windows else None,
        "benign_raised": len(looks) / (len(seeds) * len(benign)),
        "alerts": len(told),
        "by_kind": {
            kind: {
                "found": sum(bool(one.found_by) for one in found if one.kind == kind),
                "of": sum(one.kind == kind for one in found),
                "median_minutes": statistics.median(
                    [one.minutes for one in found if one.kind == kind and one.minutes is not None] or [-1.0]
                ),
            }
            for kind in sorted({one.kind for one in found})
        },
        "by_detector": {
            name: {
                "alerts": sum(one.detector == name for one in told),
                "right": sum(one.detector == name and bool(one.about) and one.about not in benign for one in told),
                "benign": sum(one.detector == name and one.about in benign for one in told),
            }
            for name in sorted({one.detector for one in told})
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101-120", help="first-last")
    parser.add_argument("--days", type=float, default=21.0)
    parser.add_argument("--history", type=float, default=9.0, help="days before the first incident")
    parser.add_argument("--config", type=Path, default=COMPANY)
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    parser.add_argument("--alerts", type=Path, help="write every alert there, as JSON lines")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    found: list[Found] = []
    told: list[Told] = []
    with ProcessPoolExecutor() as pool:
        jobs = [
            pool.submit(one_seed, seed, options.days, options.history, options.config)
            for seed in range(int(first), int(last or first) + 1)
        ]
        for job in jobs:
            more_found, more_told = job.result()
            found += more_found
            told += more_told
            missed = [one.kind for one in more_found if not one.found_by]
            wrong = sum(not one.about for one in more_told)
            print(
                f"seed {more_found[0].seed}: missed {missed or 'nothing'};",
                f"{len(more_told)} alerts, {wrong} about nothing",
                file=sys.stderr,
            )
    if options.alerts is not None:
        options.alerts.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in told))
    figures = summary(found, told)
    for key, value in figures.items():
        if isinstance(value, dict):
            for name, cells in value.items():
                print(f"| {key} | {name} | " + " | ".join(f"{cell}: {figure}" for cell, figure in cells.items()) + " |")
        else:
            print(f"| {key} | {value if value is None else round(value, 4)} |")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
