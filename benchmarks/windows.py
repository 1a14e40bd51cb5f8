"""What a closed window costs, and what a group's state weighs.

    python -m benchmarks.windows [--groups 2000] [--days 3] [--detector sentiment_drop] [--json]

Every window detector, with its defaults, sees a null stream until its memory is in use; then each closed window is
timed as the flow runs it: panes merged, all views scored, read off their pools, decided, and an earlier window learned.
Time is that of the processor, so that what else the machine does counts for little.
After that the whole state is written and read back, as a snapshot and a restart do.
"""

import argparse
import json
import statistics
import time
from typing import Any

from benchmarks import measure
from benchmarks.detection.measuring import DAY_US, detector, steps
from benchmarks.detection.worlds import WORLDS
from detectors.contract import Progress


def one(name: str, groups: int, days: float, seed: int) -> dict[str, Any]:
    """Return the figures of one detector."""
    of = detector(name)
    state = of.state()
    per_window: list[float] = []
    hop_us = of.settings.spec().hop_us
    rounds = max(20, int(days * DAY_US / hop_us))
    for number, (now_us, panes) in enumerate(steps(of, "seasonal", groups=groups, seed=seed)):
        began = time.process_time()
        outcome = state.update(panes, Progress(now_us, now_us))
        took = time.process_time() - began
        if number > rounds // 2:
            per_window.append(took / max(1, len(outcome.findings)))
        if number >= rounds:
            break
    began = time.perf_counter()
    snapshot = state.snapshot()
    written = time.perf_counter()
    of.state().restore(snapshot)
    read = time.perf_counter()
    return {
        "detector": name,
        "us a window": round(statistics.median(per_window) * 1e6, 1),
        "us at most": round(max(per_window) * 1e6, 1),
        "kB a group": round(len(snapshot) / groups / 1e3, 2),
        "snapshot s": round(written - began, 3),
        "restore s": round(read - written, 3),
    }


def main() -> None:
    """Measure and print; with ``--json`` the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=2000)
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--detector", action="append", choices=sorted(WORLDS), help="default: all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = measure.machine()
    rows = [one(name, options.groups, options.days, options.seed) for name in options.detector or sorted(WORLDS)]
    print(measure.table(rows))
    print(started)
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
