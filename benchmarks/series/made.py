"""Series made for judging the model, in the layout of NAB: counts with heavy tails and other kinds that NAB's have too.

python -m benchmarks.series.made --out DIR --seed 1

Every series has its normal life, with bursts and spikes that nobody should be woken for, and a few labelled events.
Windows of labels are a tenth of the series, shared among its events and centred on them, as in NAB.
"""

import argparse
import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Random = np.random.Generator
START = datetime(2015, 3, 2, tzinfo=UTC)


class Made(NamedTuple):
    """A series: seconds between its points, its values, and where its events begin."""

    step_s: int
    values: Floats
    events: list[int]


def _rhythm(points: int, step_s: int, depth: float) -> Floats:
    hours = np.arange(points) * step_s / 3600.0
    weekend = (hours // 24 % 7) >= 5
    return (1.0 + depth * np.sin(2.0 * np.pi * (hours / 24.0 - 0.3))) * np.where(weekend, 0.75, 1.0)


def _fading(first: float, length: int, room: int, tau: float) -> Floats:
    fading: Floats = first * np.exp(-np.arange(max(0, min(length, room))) / tau)
    return fading


def _starts(random: Random, points: int, count: int) -> list[int]:
    """Return where events begin: after the first quarter, apart from each other."""
    room = np.linspace(0.28 * points, 0.97 * points, count + 1)
    return [int(random.uniform(room[i], room[i] + 0.7 * (room[i + 1] - room[i]))) for i in range(count)]


def counts(random: Random) -> Made:
    """Mentions in five minutes: overdispersed, with cascades of Pareto sizes; events are larger and last longer."""
    points, step_s, base = 12_000, 300, float(random.uniform(4.0, 40.0))
    rate = base * _rhythm(points, step_s, 0.6)
    for cascade in np.flatnonzero(random.uniform(size=points) < 1.0 / 300.0).tolist():
        size = 2.0 * base * float(random.pareto(1.6) + 0.3)
        length = int(random.integers(1, 8))
        rate[cascade : cascade + length] += _fading(min(size, 25.0 * base), length, points - cascade, 2.0)
    events = _starts(random, points, 4)
    for at in events:
        length = int(random.integers(12, 60))
        rate[at : at + length] += _fading(base * random.uniform(12.0, 40.0), length, points - at, 15.0)
    return Made(step_s, random.poisson(rate * random.gamma(3.0, 1.0 / 3.0, points)).astype(float), events)


def sparse(random: Random) -> Made:
    """Mostly nothing, now and then something of any size; events come many in a row."""
    points, step_s = 9_000, 300
    share = random.uniform(0.02, 0.08)
    values = np.where(random.uniform(size=points) < share, np.ceil(random.lognormal(0.5, 1.1, points)), 0.0)
    events = _starts(random, points, 3)
    for at in events:
        length = int(random.integers(15, 40))
        values[at : at + length] += random.poisson(12.0, min(length, points - at))
    return Made(step_s, values, events)


def prices(random: Random) -> Made:
    """Hourly prices of advertisements: lognormal around a slow level, single spikes; events hold for hours."""
    points, step_s = 1_650, 3600
    level = np.exp(np.cumsum(random.normal(0.0, 0.01, points)))
    values = level * _rhythm(points, step_s, 0.2) * random.lognormal(0.0, 0.18, points)
    spikes = random.uniform(size=points) < 0.01
    values[spikes] *= 1.0 + random.pareto(2.5, int(spikes.sum()))
    events = _starts(random, points, 2)
    for at in events:
        values[at : at + int(random.integers(6, 20))] *= random.uniform(2.5, 4.5)
    return Made(step_s, 0.5 * values, events)


def machine(random: Random) -> Made:
    """A temperature: wanders slowly around its level; events are fast falls, or it shakes."""
    points, step_s = 15_000, 300
    values = np.empty(points)
    now = 0.0
    for i, push in enumerate(random.normal(0.0, 0.8, points)):
        now += push - 0.01 * now
        values[i] = now
    values += 85.0 + random.normal(0.0, 0.5, points)
    events = _starts(random, points, 3)
    for number, at in enumerate(events):
        length = int(random.integers(60, 250))
        if number % 2:
            values[at : at + length] += random.normal(0.0, 9.0, min(length, points - at))
        else:
            values[at : at + length] -= np.minimum(
                np.arange(min(length, points - at)) * 1.5, random.uniform(35.0, 60.0)
            )
    return Made(step_s, values, events)


def demand(random: Random) -> Made:
    """Rides in half an hour, with the rhythm of day and week; events are days with much less or a peak at night."""
    points, step_s = 10_000, 1800
    rate = 9000.0 * _rhythm(points, step_s, 0.7) * (1.0 + 0.1 * np.sin(np.arange(points) / 48.0 / 5.0))
    events = [start // 48 * 48 + 14 for start in _starts(random, points, 4)]
    for number, at in enumerate(events):
        rate[at : at + 34] *= 0.5 if number % 2 else 1.4
    return Made(step_s, random.poisson(rate * random.lognormal(0.0, 0.05, points)).astype(float), events)


def latency(random: Random) -> Made:
    """Response times: gamma noise, single spikes; events are another level for a while."""
    points, step_s = 4_000, 300
    values = 30.0 + random.gamma(4.0, 3.0, points)
    spikes = random.uniform(size=points) < 0.004
    values[spikes] += random.exponential(40.0, int(spikes.sum()))
    events = _starts(random, points, 2)
    for at in events:
        values[at : at + int(random.integers(20, 80))] += random.uniform(50.0, 90.0)
    return Made(step_s, values, events)


KINDS: dict[str, Callable[[Random], Made]] = {
    "counts": counts,
    "sparse": sparse,
    "prices": prices,
    "machine": machine,
    "demand": demand,
    "latency": latency,
}


def write(folder: Path, seed: int, each: int = 4) -> None:
    """Write ``each`` series of every kind to ``folder``/data, and their windows to ``folder``/labels."""
    windows: dict[str, list[tuple[str, str]]] = {}
    for number, (kind, make) in enumerate(KINDS.items()):
        (folder / "data" / kind).mkdir(parents=True, exist_ok=True)
        for index in range(each):
            made = make(np.random.default_rng([seed, number, index]))
            stamps = [
                f"{START + timedelta(seconds=made.step_s * i):%Y-%m-%d %H:%M:%S}" for i in range(len(made.values))
            ]
            name = f"{kind}/{kind}_{index}.csv"
            with (folder / "data" / name).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["timestamp", "value"])
                writer.writerows((stamp, f"{value:.6g}") for stamp, value in zip(stamps, made.values, strict=True))
            half = len(stamps) // (20 * len(made.events))
            last = -1
            windows[name] = []
            for event in made.events:
                left, right = max(last + 1, event - half), min(len(stamps) - 1, event + half)
                windows[name].append((stamps[left], stamps[right]))
                last = right
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(windows, indent=1), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=4, help="series of every kind")
    given = parser.parse_args(arguments)
    write(given.out, given.seed, given.each)


if __name__ == "__main__":
    main()
