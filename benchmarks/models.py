"""What River's models cost, wrapped and bare: microseconds to learn and to score, and bytes of state.

    python -m benchmarks.models [--observations 1500] [--rounds 3] [--json]

Two features, seeded; the best of the rounds, each on a model of its own that has learned as many observations before.
Bare classes are measured where they take the same input: without scale, guard or state. CPU time of this process.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Any

from river import anomaly, drift, stats

from benchmarks import measure
from config.models import ANOMALY_NAMES, DRIFT_NAMES
from detectors.models.conformal import AdaptiveLevel, ConformalScores
from detectors.models.fdr import MemoryLord
from detectors.models.river_safe import build_drift_detector, build_model
from detectors.models.river_safe.statistics import SafeEWMean, SafeEWVar, SafeQuantile, SafeRollingQuantile

PARAMETERS: dict[str, dict[str, Any]] = {
    "anomaly.QuantileFilter": {"anomaly_detector": "anomaly.HalfSpaceTrees"},
    "anomaly.ThresholdFilter": {"anomaly_detector": "anomaly.HalfSpaceTrees", "threshold": 0.95},
}
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"class": name, **PARAMETERS.get(name, {})} for name in ANOMALY_NAMES},
    "anomaly.HalfSpaceTrees, 25 trees": {"class": "anomaly.HalfSpaceTrees", "n_trees": 25},
    "anomaly.GaussianScorer, window 500": {"class": "anomaly.GaussianScorer", "window_size": 500},
    "anomaly.PredictiveAnomalyDetection, season 144": {
        "class": "anomaly.PredictiveAnomalyDetection",
        "predictive_model": {"class": "time_series.HoltWinters", "beta": 0.1, "gamma": 0.1, "seasonality": 144},
    },
}
BARE: dict[str, Callable[[], Any]] = {
    "anomaly.HalfSpaceTrees": lambda: anomaly.HalfSpaceTrees(seed=0),
    "anomaly.HalfSpaceTrees, 25 trees": lambda: anomaly.HalfSpaceTrees(n_trees=25, seed=0),
    "anomaly.LODA": lambda: anomaly.LODA(seed=0),
    "anomaly.LocalOutlierFactor": anomaly.LocalOutlierFactor,
    "anomaly.OneClassSVM": anomaly.OneClassSVM,
}
STATISTICS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "stats.EWMean": (lambda: SafeEWMean(0.1), lambda: stats.EWMean(0.1)),
    "stats.EWVar": (lambda: SafeEWVar(0.1), lambda: stats.EWVar(0.1)),
    "stats.Quantile": (lambda: SafeQuantile(0.9), lambda: stats.Quantile(0.9)),
    "stats.RollingQuantile, window 500": (
        lambda: SafeRollingQuantile(0.9, 500),
        lambda: stats.RollingQuantile(0.9, 500),
    ),
}
BARE_DRIFT: dict[str, Any] = {
    "drift.ADWIN": drift.ADWIN,
    "drift.PageHinkley": drift.PageHinkley,
    "drift.KSWIN": drift.KSWIN,
}


def each_us(call: Callable[[Any], object], values: list[Any]) -> float:
    """Return the CPU microseconds of a call."""
    began = time.process_time_ns()
    for value in values:
        call(value)
    return (time.process_time_ns() - began) / len(values) / 1_000


def best(
    make: Callable[[], Any], learn: str, score: str | None, before: list[Any], values: list[Any], rounds: int
) -> tuple[float, float | None, Any]:
    """Return microseconds to learn, microseconds to score, and a taught model."""
    learned, scored, model = [], [], make()
    for _ in range(rounds):
        model = make()
        for value in before:
            getattr(model, learn)(value)
        if score is not None:
            scored.append(each_us(getattr(model, score), values[: max(20, len(values) // 5)]))
        learned.append(each_us(getattr(model, learn), values))
    return round(min(learned), 2), round(min(scored), 2) if scored else None, model


def figures(observations: int, rounds: int) -> list[dict[str, Any]]:
    """Measure everything once."""
    rng = random.Random(1)
    both = [{"latency": rng.gauss(0.5, 0.1), "share": rng.gauss(0.5, 0.1)} for _ in range(2 * observations)]
    one = [x["latency"] for x in both]
    rows = []
    for name, parameters in VARIANTS.items():
        known, new = both[:observations], both[observations:]
        learn, score, model = best(lambda p=parameters: build_model(p), "learn_one", "score_one", known, new, rounds)  # type: ignore[misc]
        row: dict[str, Any] = {"class": name, "learn us": learn, "score us": score, "state bytes": len(model.state())}
        if name in BARE:
            bare_learn, bare_score, _ = best(BARE[name], "learn_one", "score_one", known, new, rounds)
            row |= {"bare learn us": bare_learn, "bare score us": bare_score}
        rows.append(row)
    updated = {name: (lambda n=name: build_drift_detector(n), BARE_DRIFT[name]) for name in DRIFT_NAMES}
    for name, (make, bare) in {**updated, **STATISTICS}.items():
        known_one, new_one = one[:observations], one[observations:]
        learn, _, model = best(make, "update", None, known_one, new_one, rounds)
        bare_learn, _, _ = best(bare, "update", None, known_one, new_one, rounds)
        rows.append({"class": name, "learn us": learn, "state bytes": len(model.state()), "bare learn us": bare_learn})
    rows += [_rule(rounds, observations), _conformal(one, observations, rounds), _adaptive(rounds, observations)]
    return rows


def _rule(rounds: int, tests: int) -> dict[str, Any]:
    """Measure mem-LORD with a rejection in a hundred tests."""
    outcomes = [at % 100 == 0 for at in range(tests)]
    learned, scored = [], []
    for _ in range(rounds):
        rule = MemoryLord(memory=0.9999)
        learned.append(each_us(rule.record, outcomes))
        scored.append(each_us(lambda _, asked=rule: asked.level(), outcomes))  # type: ignore[misc]
    return {
        "class": "mem-LORD, 1 rejection in 100",
        "learn us": round(min(learned), 2),
        "score us": round(min(scored), 2),
    }


def _conformal(one: list[float], observations: int, rounds: int) -> dict[str, Any]:
    learn, score, _ = best(
        lambda: ConformalScores(1_000), "learn", "p_value", one[:observations], one[observations:], rounds
    )
    return {"class": "conformal p-value, window 1000", "learn us": learn, "score us": score}


def _adaptive(rounds: int, tests: int) -> dict[str, Any]:
    learn, _, _ = best(lambda: AdaptiveLevel(target=0.01), "record", None, [], [False] * tests, rounds)
    return {"class": "adaptive level", "learn us": learn}


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the JSON alone")
    options = parser.parse_args()
    started = measure.machine()
    rows = figures(options.observations, options.rounds)
    if options.json:
        print(json.dumps({"rows": rows, **started, "observations": options.observations}))
    else:
        measure.tell(rows, started, observations=options.observations)


if __name__ == "__main__":
    main()
