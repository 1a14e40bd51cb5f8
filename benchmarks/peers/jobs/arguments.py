"""The command line that all contestants have."""

import argparse
import subprocess
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Return ``input`` (files, a folder or topics), ``output``, ``work`` (an empty folder), ``cores``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cores", type=int, default=1)
    return parser.parse_args()


def run_each(options: argparse.Namespace) -> None:
    """Run this program once for each input, at the same time; the outputs get numbers."""
    processes = []
    for number, path in enumerate(options.input):
        work = options.work / str(number)
        work.mkdir()
        output = options.output.with_suffix(f".{number}.csv")
        own = ["--input", str(path), "--output", str(output), "--work", str(work)]
        processes.append(subprocess.Popen([sys.executable, "-m", f"{__package__}.{Path(sys.argv[0]).stem}", *own]))
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit("a process failed")
