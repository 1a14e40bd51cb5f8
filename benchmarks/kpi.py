"""Scores the series of the AIOps KPI data as the product would, point by point; a label is passed through unread.

python benchmarks/kpi.py --data DIR --out DIR

DIR of ``--data`` holds ``*.csv`` or ``*.csv.gz`` of epoch seconds, value, label, without a heading. The answer is a CSV
of the same stem with ``timestamp,value,label,score,alert``. ``score`` is the novelty of the point where something
begins or grows, else 0 (``SeriesScore.onset``); ``alert`` is 1 where the shipped defaults would open an alert.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a file: the folder above is not on the path, and this one should not be
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.series.rows import kpi_rows
from benchmarks.series.running import Job, choice_of, options, run

COLUMNS = ("timestamp", "value", "label", "score", "alert")


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = options(__doc__.partition("\n")[0] if __doc__ else "")
    given = parser.parse_args(arguments)
    choice = choice_of(given, parser)
    files = sorted(path for kind in ("*.csv", "*.csv.gz") for path in given.data.glob(kind) if path.is_file())
    if not files:
        parser.error(f"--data {given.data}: holds no *.csv or *.csv.gz")
    jobs = [
        Job(path, given.out / f"{path.name.removesuffix('.gz')}", kpi_rows, COLUMNS, False, choice) for path in files
    ]
    return run(jobs, given.processes)


if __name__ == "__main__":
    sys.exit(main())
