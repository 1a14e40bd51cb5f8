"""Scores the series of the Numenta Anomaly Benchmark as the product would, point by point; never reads a label.

python benchmarks/nab.py --data DIR --out DIR

DIR of ``--data`` holds ``<category>/<series>.csv`` (columns ``timestamp,value``), or ``data/`` with that in it. The
answer is ``<category>/<series>.csv`` with ``timestamp,value,anomaly_score,alert``. ``anomaly_score`` is the novelty of
the point where it is above that of the 100 points before it, else 0; ``alert`` is 1 where the shipped defaults would
open an alert.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a file: the folder above is not on the path, and this one should not be
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.series.rows import nab_rows
from benchmarks.series.running import Job, choice_of, options, run

COLUMNS = ("timestamp", "value", "anomaly_score", "alert")


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = options(__doc__.partition("\n")[0] if __doc__ else "")
    given = parser.parse_args(arguments)
    choice = choice_of(given, parser)
    data: Path = given.data / "data" if (given.data / "data").is_dir() else given.data
    files = sorted(path for path in data.glob("*/*.csv") if path.is_file())
    if not files:
        parser.error(f"--data {data}: holds no <category>/<series>.csv")
    jobs = [Job(path, given.out / path.relative_to(data), nab_rows, COLUMNS, True, choice) for path in files]
    return run(jobs, given.processes)


if __name__ == "__main__":
    sys.exit(main())
