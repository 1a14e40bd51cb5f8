"""Runs the model over files, one process a core: every point is scored and decided before it is learned."""

import argparse
import csv
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchmarks.series.rows import Row, opened
from detectors.models.series import Scorer, SeriesModel, SeriesScore

Reader = Callable[[IO[str]], Iterator[Row]]
_LONGEST_FIELD = 100_000
_HIGHEST_TIME_S = 1e11


class Choice(NamedTuple):
    """Which model runs. Defaults: as shipped."""

    model: str = ""
    memory: int | None = None
    tail: int | None = None


class Job(NamedTuple):
    """One file to be scored: ``columns`` head the answer; ``fresh``: the score that ranks openings of alerts.

    Without that, it is the one that ranks points, ``onset``.
    """

    source: Path
    target: Path
    reader: Reader
    columns: Sequence[str]
    fresh: bool
    choice: Choice


def built(choice: Choice) -> SeriesModel:
    """Return a new model.

    Raises:
        ValueError: there is no such model in River.
    """
    sizes: dict[str, Any] = {}
    if choice.memory is not None:
        sizes["memory"] = choice.memory
    if choice.tail is not None:
        sizes["tail"] = choice.tail
    return SeriesModel(river_model(choice.model) if choice.model else None, **sizes)


def river_model(name: str) -> Scorer:
    """Return a River anomaly model with its own defaults, behind a scaler where it expects numbers in [0, 1].

    Args:
        name: as in River, ``anomaly.HalfSpaceTrees``.
    """
    from river import base, preprocessing  # noqa: PLC0415 - slow to import, and seldom needed

    package, _, kind = name.rpartition(".")
    try:
        model = getattr(importlib.import_module(f"river.{package}"), kind)()
    except (ImportError, AttributeError) as error:
        msg = f"--model {name}: River has no such model; expected one such as anomaly.HalfSpaceTrees"
        raise ValueError(msg) from error
    if not (hasattr(model, "score_one") and hasattr(model, "learn_one")):
        msg = f"--model {name}: is no anomaly model; expected one such as anomaly.HalfSpaceTrees"
        raise ValueError(msg)
    if isinstance(model, base.SupervisedAnomalyDetector):
        return _Target(model)
    return _ValueOnly(preprocessing.MinMaxScaler() | model if kind == "HalfSpaceTrees" else model)


class _ValueOnly:
    """Gives a model the value and not the time."""

    def __init__(self, model: Scorer) -> None:
        self._model = model

    def learn_one(self, x: dict[Any, Any]) -> None:
        self._model.learn_one({"value": x["value"]})

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(self._model.score_one({"value": x["value"]}))


class _Target:
    """Gives a model that watches a target without features (GaussianScorer and its like) the value as that."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def learn_one(self, x: dict[Any, Any]) -> None:
        self._model.learn_one({}, x["value"])

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(self._model.score_one({}, x["value"]))


def scored(model: SeriesModel, rows: Iterator[Row]) -> Iterator[tuple[Row, SeriesScore]]:
    """Yield every row with what the model says of it, strictly online."""
    for row in rows:
        time_s = row.time_s if row.time_s is not None and abs(row.time_s) < _HIGHEST_TIME_S else None
        score = model.score(time_s, row.value)
        yield row, score
        model.learn(time_s, row.value, score)


def work(job: Job) -> tuple[int, int, float]:
    """Score one file; return its points, its alerts and the seconds that it took."""
    began = time.perf_counter()
    csv.field_size_limit(_LONGEST_FIELD)  # what is longer is a quote that was never closed
    points = alerts = 0
    job.target.parent.mkdir(parents=True, exist_ok=True)
    with opened(job.source) as lines, job.target.open("w", encoding="utf-8", newline="") as answer:
        writer = csv.writer(answer, lineterminator="\n")
        writer.writerow([*job.columns])
        for row, score in scored(built(job.choice), job.reader(lines)):
            writer.writerow([*row.texts, f"{score.fresh if job.fresh else score.onset:.9g}", int(score.alert)])
            points += 1
            alerts += score.alert
    return points, alerts, time.perf_counter() - began


def run(jobs: list[Job], processes: int) -> int:
    """Score all files, the largest first, telling of each on stderr; return the exit status."""
    jobs = sorted(jobs, key=lambda job: -job.source.stat().st_size)
    failed = 0
    with ProcessPoolExecutor(max_workers=max(1, min(processes, len(jobs)))) as pool:
        running = {pool.submit(work, job): job for job in jobs}
        for number, done in enumerate(as_completed(running), start=1):
            name = running[done].source.name
            try:
                points, alerts, took_s = done.result()
            except (OSError, EOFError, csv.Error) as error:
                failed += 1
                print(f"[{number}/{len(jobs)}] {name}: cannot be read: {error}", file=sys.stderr)
                continue
            per_point = 1e6 * took_s / max(1, points)
            print(
                f"[{number}/{len(jobs)}] {name}: {points} points, {alerts} alerts, {per_point:.0f} us a point",
                file=sys.stderr,
            )
    return 1 if failed else 0


def options(description: str) -> argparse.ArgumentParser:
    """Return the options that both programs have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the series")
    parser.add_argument("--out", type=Path, required=True, help="folder for the scores; made if it is not there")
    parser.add_argument("--model", default="", help="a River model instead of ours, such as anomaly.HalfSpaceTrees")
    parser.add_argument("--memory", type=int, help="points that the novelty remembers (default: as shipped)")
    parser.add_argument("--tail", type=int, help="points that the p-value is taken from (default: as shipped)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one a core")
    return parser


def choice_of(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Choice:
    """Return what the options choose; end the program where that cannot be built."""
    choice = Choice(arguments.model, arguments.memory, arguments.tail)
    try:
        built(choice)
    except ValueError as error:
        parser.error(str(error))
    if not arguments.data.is_dir():
        parser.error(f"--data {arguments.data}: is no folder")
    return choice
