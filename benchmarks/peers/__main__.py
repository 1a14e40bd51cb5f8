"""Runs the comparison: ``python -m benchmarks.peers``, or ``make bench-peers``. Linux only."""

import argparse
import os
import shutil
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.peers import environments, machine, process, publish, report, windows
from benchmarks.peers.contestants import BY_NAME, CONTESTANTS, REPO, Contestant
from benchmarks.peers.inputs import Inputs, Size, outputs
from benchmarks.peers.topics import running_broker
from tests.support.kafka import BrokerUnavailable

_LIMIT_S = 1_800.0
_QUIET = 0.5
"""Load of the last minute above which somebody else is at work."""


class Bench:
    """One comparison.

    Args:
        folder: everything that is made goes there.
        events, baseline: lines of the recording, and of the beginning whose time is taken off.
    """

    def __init__(self, folder: Path, events: int, baseline: int) -> None:
        self._folder = folder
        self._environments = folder / "env"
        self._events = events
        self._baseline = baseline
        self._cores = sorted(os.sched_getaffinity(0))
        self.inputs = Inputs(folder / "data", events, baseline)
        self._expected = {drop: self.inputs.exact(drop_repeats=drop) for drop in (False, True)}

    def enter(self, contestant: Contestant, cores: int) -> report.Measured:
        """Return the contestant's row, its environment made."""
        row = report.Measured(contestant.name, "", cores, self._events - self._baseline)
        try:
            if contestant.environment:
                environments.make(self._environments, contestant.environment)
                row.version = environments.version(self._environments, contestant.environment)
            else:
                row.version = machine.own_version(contestant.name)
        except environments.CannotInstallError as error:
            row.error = str(error)
        return row

    def warm(self, row: report.Measured) -> None:
        """Run a contestant once over the beginning, so that what it compiles once and keeps is there."""
        if row.error:
            return
        try:
            self._run(BY_NAME[row.name], row.cores, "first")
        except (process.ContestantError, BrokerUnavailable) as error:
            row.error = str(error)
            print(f"  {row.name}: {error}", flush=True)

    def measure(self, row: report.Measured) -> None:
        """Run a contestant once over the beginning and once over everything; compare its windows."""
        contestant = BY_NAME[row.name]
        try:
            first, _ = self._run(contestant, row.cores, "first")
            full, found = self._run(contestant, row.cores, "full")
        except (process.ContestantError, BrokerUnavailable) as error:
            row.error = str(error)
            print(f"  {row.name}: {error}", flush=True)
            return
        row.first.append(first)
        row.full.append(full)
        row.wrong += windows.differences(self._expected[contestant.drops_repeats], found)
        print(
            f"  {row.name:18} {full.wall_s:7.2f} s wall, {full.cpu_s:7.2f} s CPU, {full.peak_bytes / 2**20:6.0f} MiB; "
            f"beginning {first.wall_s:6.2f} s wall, {first.cpu_s:6.2f} s CPU; "
            f"{'WRONG: ' + '; '.join(row.wrong) if row.wrong else 'equal'}",
            flush=True,
        )

    def _run(self, contestant: Contestant, cores: int, size: Size) -> tuple[process.Run, windows.Windows]:
        work = self._folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        output = work / "windows.csv"
        broker = self.inputs.broker
        run = process.run(
            contestant.command(self._environments, self.inputs.of(contestant, cores, size), output, work, cores),
            cores=",".join(map(str, self._cores[:cores])),
            cwd=REPO,
            environment={
                **contestant.environment_variables(cores),
                **({} if broker is None else {"PEERS_KAFKA": broker.bootstrap}),
            },
            log=self._folder / f"{contestant.name}.log",
            limit_s=_LIMIT_S,
        )
        found = windows.read(outputs(output)) if size == "full" else {}
        shutil.rmtree(work)
        return run, found


def main() -> None:
    """Run the comparison and print it."""
    options = _options()
    chosen = [BY_NAME[name] for name in options.only] if options.only else list(CONTESTANTS)
    process.become_reaper()
    described = machine.describe()
    if os.getloadavg()[0] > _QUIET:
        print(f"the machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be too low", flush=True)
    bench = Bench(options.folder, options.events, options.baseline)
    rows = [bench.enter(contestant, 1) for contestant in chosen]
    if options.cores == 2:
        rows += [bench.enter(contestant, 2) for contestant in chosen if contestant.two is not None]
    # We and the broker stay off the core of the one-core contestants.
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]} if os.cpu_count() != 1 else {0})
    with ExitStack() as stack:
        if any(contestant.kafka for contestant in chosen):
            bench.inputs.broker = stack.enter_context(running_broker(options.folder / "kafka"))
        for row in rows:
            bench.warm(row)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
            for row in rows:
                if not row.error:
                    bench.measure(row)
    text = _text(rows, options.events, options.baseline, described)
    print("\n" + text)
    results = {"machine": described, "at": datetime.now(UTC).isoformat(timespec="minutes"), "rows": rows}
    encoded = msgspec.json.format(msgspec.json.encode(results))
    (options.folder / "results.json").write_bytes(encoded + b"\n")
    if options.publish:
        publish.publish(text, encoded)
    sys.exit(1 if any(row.wrong or row.error for row in rows) else 0)


def _text(rows: list[report.Measured], events: int, baseline: int, described: str) -> str:
    lines = [
        f"{events:,} events; {datetime.now(UTC):%Y-%m-%d}; {described}",
        f"Taken off as start-up: the median run over the first {baseline:,} event(s), after one that is not timed",
        "(what is compiled once and kept on disk is compiled there, for everybody).",
    ]
    for cores in sorted({row.cores for row in rows}):
        lines += ["", "One core" if cores == 1 else "Two cores", ""]
        lines += report.table([row for row in rows if row.cores == cores])
    lines += ["", "\\* for reference: no stream processor, no stream, or not what its library offers.", ""]
    return "\n".join([*lines, *[f"- {line}" for line in report.conclusions(rows)]]) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="lines of the recording (default: 2000000)")
    parser.add_argument("--rounds", type=int, default=3, help="of everybody in turns (default: 3)")
    parser.add_argument("--only", type=_names, default=[], help=f"comma-separated: {', '.join(BY_NAME)}")
    parser.add_argument("--cores", type=int, choices=(1, 2), default=2, help="2 (default): also for two cores")
    parser.add_argument(
        "--baseline", type=int, default=1, help="take off the run over this many events (default: 1, start-up alone)"
    )
    parser.add_argument("--folder", type=lambda text: Path(text).absolute(), default=REPO / "var" / "peers")
    parser.add_argument("--publish", action="store_true", help="put the results into benchmarks/peers/")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        msg = f"unknown: {', '.join(unknown)}; there are: {', '.join(BY_NAME)}"
        raise argparse.ArgumentTypeError(msg)
    return names


if __name__ == "__main__":
    main()
