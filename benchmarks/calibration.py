"""How often a p-value is at or below its nominal rate where nothing is wrong.

    python benchmarks/calibration.py --null seasonal --days 60 --groups 20 --seed 1 --json

Every window detector, with its defaults, sees windows that were made by a null stream
(:mod:`benchmarks.detection.nulls`). Counted are the windows that were scored after the first :data:`LEARNING_DAYS`
days, in groups that have warmed up. With ``--json`` the last line is
``{detector: {"0.01": realised, "0.001": ..., "0.0001": ...}}``.

``--table`` runs every null with the seeds 1 to ``--seeds`` and prints the table of the documentation.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.detection.measuring import run
from benchmarks.detection.nulls import NULLS
from benchmarks.detection.worlds import WORLDS

RATES = (1e-2, 1e-3, 1e-4)
LEARNING_DAYS = 7.0
NOT_READY = frozenset({"warming_up", "too_few"})


def realised(name: str, null: str, days: float, groups: int, seed: int) -> tuple[int, list[int]]:
    """Return how many windows counted, and how many of them were at or below each of :data:`RATES`."""
    counted, found = 0, [0] * len(RATES)
    for one in run(name, null, days=days, groups=groups, seed=seed):
        if one.day <= LEARNING_DAYS:
            continue
        for finding in one.outcome.findings:
            p_value = finding.p_value
            if p_value is None or finding.verdict in NOT_READY:
                continue
            counted += 1
            for index, rate in enumerate(RATES):
                found[index] += p_value <= rate
    return counted, found


def calibrate(null: str, days: float, groups: int, seeds: list[int], only: list[str]) -> dict[str, dict[str, float]]:
    """Return the realised rates of all detectors under one null; on all cores."""
    names = only or sorted(WORLDS)
    table: dict[str, dict[str, float]] = {}
    with ProcessPoolExecutor() as pool:
        jobs = {name: [pool.submit(realised, name, null, days, groups, seed) for seed in seeds] for name in names}
        for name, parts in jobs.items():
            counted, found = 0, [0] * len(RATES)
            for part in parts:
                more, hits = part.result()
                counted += more
                found = [a + b for a, b in zip(found, hits, strict=True)]
            table[name] = {
                f"{rate:g}" if rate > 1e-4 else "0.0001": hits / max(1, counted)
                for rate, hits in zip(RATES, found, strict=True)
            }
            print(
                f"{null:13} {name:20} {counted:8,} windows  "
                + "  ".join(f"{key}: {value:.2e}" for key, value in table[name].items()),
                file=sys.stderr,
            )
    return table


def as_table(tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a table in Markdown: a line for each detector, a column for each null, realised over nominal rates."""
    lines = [f"| | {' | '.join(tables)} |", f"|---|{'---|' * len(tables)}"]
    for name in next(iter(tables.values())):
        cells = [
            " / ".join(f"{realised / rate:.2f}" for realised, rate in zip(table[name].values(), RATES, strict=True))
            for table in tables.values()
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", choices=sorted(NULLS), default="stationary")
    parser.add_argument("--days", type=float, default=60.0)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3, help="with --table: how many")
    parser.add_argument("--detector", action="append", default=[], choices=sorted(WORLDS), help="only these")
    parser.add_argument("--table", action="store_true", help="every null, as a table in Markdown")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    options = parser.parse_args()
    nulls = list(NULLS) if options.table else [options.null]
    seeds = list(range(1, options.seeds + 1)) if options.table else [options.seed]
    tables = {null: calibrate(null, options.days, options.groups, seeds, options.detector) for null in nulls}
    if options.table:
        print(as_table(tables))
    if options.json:
        print(json.dumps(tables[options.null] if not options.table else tables))


if __name__ == "__main__":
    main()
