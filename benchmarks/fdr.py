"""What rules of online false discovery rate do with a simulated stream of p-values.

    python -m benchmarks.fdr [--tests 50000] [--seeds 5] [--alpha 0.1] [--json]

P-values of nulls are uniform, those of anomalies log-uniform between 1e-8 and 1e-3. Streams: 1 anomaly in 1,000 tests;
1 in 5,000; bursts of 20 anomalies, 2 in 1,000 of all tests. Of each rule: false discovery proportion (false rejections
of all; 0 without any), recall, recall in the last quarter (a rule that has fallen silent finds nothing there), each
over all seeds together, and microseconds a test.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import measure
from detectors.models.fdr import Addis, Lord, MemoryLord, Rule, Saffron, decide

BURST = 20


class Stream(NamedTuple):
    """What anomalies a stream holds: their share of all tests, and how many follow one another."""

    name: str
    share: float
    burst: int


STREAMS = (
    Stream("0.1 % anomalies", 0.001, 1),
    Stream("0.02 % anomalies", 0.0002, 1),
    Stream("bursts of 20, 0.2 %", 0.002, BURST),
    Stream("none", 0.0, 1),
)


class Fixed:
    """Tests at the same level for ever: what rules are compared with."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def level(self) -> float:
        return self.alpha

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Learn nothing."""


def rules(alpha: float) -> dict[str, Callable[[], Rule | Fixed]]:
    """Return what is measured, by name."""
    return {
        "fixed 1e-3": lambda: Fixed(1e-3),
        "fixed 1e-4": lambda: Fixed(1e-4),
        "LORD++": lambda: Lord(alpha=alpha),
        "SAFFRON": lambda: Saffron(alpha=alpha),
        "ADDIS": lambda: Addis(alpha=alpha),
        "mem-LORD 0.99": lambda: MemoryLord(alpha=alpha, memory=0.99),
        "mem-LORD 0.999": lambda: MemoryLord(alpha=alpha, memory=0.999),
        "mem-LORD 0.9999": lambda: MemoryLord(alpha=alpha, memory=0.9999),
    }


def stream(kind: Stream, tests: int, seed: int) -> list[tuple[float, bool]]:
    """Return p-values, each with whether it is of an anomaly."""
    rng = random.Random(f"{kind.name}/{seed}")
    found: list[tuple[float, bool]] = []
    while len(found) < tests:
        if rng.random() < kind.share / kind.burst:
            found += [(10 ** rng.uniform(-8.0, -3.0), True) for _ in range(kind.burst)]
        else:
            found.append((rng.random(), False))
    return found[:tests]


class Outcome(NamedTuple):
    """Counts of one run, and the level it ended at."""

    rejected: int
    false: int
    anomalies: int
    late_found: int
    late_anomalies: int
    last_level: float


def run(rule: Any, tests: list[tuple[float, bool]]) -> Outcome:
    """Put a stream through a rule."""
    rejected = false = late_found = 0
    late_from = len(tests) * 3 // 4
    for at, (p_value, anomaly) in enumerate(tests):
        if decide(rule, p_value):
            rejected += 1
            false += not anomaly
            late_found += anomaly and at >= late_from
    anomalies = sum(anomaly for _, anomaly in tests)
    late = sum(anomaly for _, anomaly in tests[late_from:])
    return Outcome(rejected, false, anomalies, late_found, late, rule.level())


def together(outcomes: list[Outcome]) -> dict[str, float]:
    """Return the figures of several runs."""
    rejected, false, anomalies, late_found, late, _ = (sum(column) for column in zip(*outcomes, strict=True))
    return {
        "fdp": round(false / rejected, 3) if rejected else 0.0,
        "recall": round((rejected - false) / anomalies, 3) if anomalies else 0.0,
        "late_recall": round(late_found / late, 3) if late else 0.0,
        "false_alarms": false,
        "last_level": max(outcome.last_level for outcome in outcomes),
    }


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--json", action="store_true", help="print the JSON alone")
    options = parser.parse_args()
    started = measure.machine()
    rows: list[dict[str, Any]] = []
    for kind in STREAMS:
        streams = [stream(kind, options.tests, seed) for seed in range(options.seeds)]
        for name, make in rules(options.alpha).items():
            began = time.process_time()
            outcomes = [run(make(), tests) for tests in streams]
            each_us = (time.process_time() - began) / options.tests / options.seeds * 1e6
            rows.append({"stream": kind.name, "rule": name, **together(outcomes), "us": round(each_us, 2)})
    if options.json:
        print(json.dumps({"rows": rows, **started, "tests": options.tests, "seeds": options.seeds}))
    else:
        measure.tell(rows, started, tests=options.tests, seeds=options.seeds, alpha=options.alpha)


if __name__ == "__main__":
    main()
