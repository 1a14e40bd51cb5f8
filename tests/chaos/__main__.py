"""``python -m tests.chaos``: notifiers are killed, Redis is, providers fail; what is lost, what is told twice?"""

import argparse
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from tests.chaos.evidence import Findings
from tests.chaos.plan import plan
from tests.chaos.report import Tally
from tests.chaos.running import Run, arena
from tests.support.tied import tied_to_us

NIGHTLY_RUNS = 500
SEED = 20150221


def main() -> int:
    """Make the runs, print the table; return 1 when anything is wrong."""
    options = _options()
    if options.part is not None:
        _part(options.runs, options.seed, *options.part)
        return 0
    runs = options.runs or (NIGHTLY_RUNS if options.nightly else 50)
    began_s = time.monotonic()
    tally, failed = made(runs, options.seed, options.jobs, only=options.only, tell=sys.stderr.write)
    took_s = time.monotonic() - began_s
    sys.stdout.write(f"{tally.table()}\n\n{tally.runs} runs in {took_s:.0f} s, seed {options.seed}.\n")
    return 1 if failed or tally.bad else 0


def made(
    runs: int, seed: int, jobs: int, tell: Callable[[str], object], *, only: int | None = None
) -> tuple[Tally, int]:
    """Make runs side by side; return their figures, and how many of the processes that made them failed.

    Args:
        runs: how many.
        seed: of the first; each has the next one.
        jobs: runs at the same time.
        tell: is given what is found, and how far it is.
        only: number of the one that is made.
    """
    parts = [(part, jobs) for part in range(min(jobs, runs))] if only is None else [(only, max(runs, only + 1))]
    found: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    last = max(runs, 0 if only is None else only + 1)
    command = [sys.executable, "-m", "tests.chaos", "--runs", f"{last}", "--seed", f"{seed}", "--part"]
    processes = [
        subprocess.Popen([*tied_to_us(), *command, f"{part}", f"{of}"], stdout=subprocess.PIPE, text=True)
        for part, of in parts
    ]

    def read(process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            found.put(line)
        found.put(None)

    for process in processes:
        threading.Thread(target=read, args=(process,)).start()
    tally, left = Tally(), len(processes)
    while left:
        line = found.get()
        if line is None:
            left -= 1
            continue
        one = msgspec.json.decode(line, type=Findings)
        tally.add(one)
        for words in (*one.lost, *one.wrong, *one.rare):
            tell(f"\nrun {one.number}, seed {one.seed}: {words}\n")
        tell(f"\r{tally.runs} of {runs if only is None else 1}")
    tell("\n")
    return tally, sum(process.wait() != 0 for process in processes)


def _part(runs: int, seed: int, part: int, of: int) -> None:
    with arena() as at:
        for number in range(part, runs, of):
            found = Run(at, plan(seed + number, number))()
            sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
            sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, help="how many (50)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first run; each has the next one (%(default)s)")
    parser.add_argument("--jobs", type=int, default=3, help="runs at the same time (%(default)s)")
    parser.add_argument("--nightly", action="store_true", help=f"{NIGHTLY_RUNS} runs")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="make only the run of this number again")
    parser.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
