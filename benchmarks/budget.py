"""Whether an alert budget is held: alerts opened in months in which nothing is wrong.

    python benchmarks/budget.py --null seasonal --days 90 --groups 200 --budget "2 per week" --json

Every window detector, with its defaults and the budget, sees a null stream (:mod:`benchmarks.detection.nulls`). Counted
are the alerts that open after the first :data:`LEARNING_DAYS` days, and given as a share of what the budget accepts in
the same time, with the 95 % interval that chance alone would give around one.
"""

import argparse
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.detection.measuring import DAY_US, run
from benchmarks.detection.nulls import NULLS
from benchmarks.detection.worlds import WORLDS
from detectors.deciding import Decision

LEARNING_DAYS = 7.0


def opened(name: str, null: str, days: float, groups: int, seed: int, budget: str) -> int:
    """Return how many alerts opened after the first days."""
    found = 0
    for one in run(name, null, days=days, groups=groups, seed=seed, alert_budget=budget):
        if one.day > LEARNING_DAYS:
            found += sum(change.status == "firing" for change in one.outcome.changes)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", action="append", choices=sorted(NULLS), help="default: all")
    parser.add_argument("--days", type=float, default=90.0)
    parser.add_argument("--groups", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", default="2 per week")
    parser.add_argument("--detector", action="append", choices=sorted(WORLDS), help="default: all")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    options = parser.parse_args()
    accepted_budget = Decision.model_validate({"alert_budget": options.budget}).budget()
    if accepted_budget is None:
        parser.error("no budget")
    accepted = accepted_budget.per(round((options.days - LEARNING_DAYS) * DAY_US))
    spread = 1.96 / math.sqrt(accepted)
    print(f"accepted: {accepted:.1f} alerts; by chance within {max(0.0, 1 - spread):.2f} to {1 + spread:.2f} of that")
    print("| null | detector | alerts | of the budget |\n|---|---|---|---|")
    table: dict[str, dict[str, float]] = {}
    with ProcessPoolExecutor() as pool:
        jobs = {
            (null, name): pool.submit(opened, name, null, options.days, options.groups, options.seed, options.budget)
            for null in options.null or NULLS
            for name in options.detector or sorted(WORLDS)
        }
        for (null, name), job in jobs.items():
            table.setdefault(null, {})[name] = job.result() / accepted
            print(f"| {null} | `{name}` | {job.result()} | {job.result() / accepted:.2f} |", flush=True)
    if options.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
