"""Makegood: a replay of the file through the product's own flow, with everything on that it has on in a replay.

That is: the file feed, decoding with full checks, dead letters into their database, repeats dropped (ids in memory and
in a changelog), watermarks and lateness, the Bytewax engine, recovery with a snapshot every five seconds. Only the
detector is the job's own (``minutes.py``).

With two files there are two processes, one a file, as Makegood grows over cores; a third step, timed too, adds up the
windows that both have seen a part of.
"""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

import benchmarks.peers.jobs.minutes  # noqa: F401 - registers the job's detector
from benchmarks.peers.jobs.arguments import arguments
from benchmarks.peers.jobs.minutes import MICRO
from detectors.contract import Finding
from pipeline.assembly import load_settings
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.memory import tune_memory
from pipeline.replay import recording_flow
from pipeline.tallies import Tallies

CONFIG = """
time: {{lateness: 10s}}
feeds:
  cases: {{type: file, path: {path}, format: jsonl}}
detectors:
  minutes: {{type: minutes}}
flow: {{batch_size: {batch_size}, epoch: 5s, columns: on}}
"""
BATCH_SIZE = 4000
COLUMNS = ("minute", "service", "region", "count", "breach_share", "mean_sentiment")
Key = tuple[int, str, str]
Sums = tuple[Key, int, int, int]
"""Minute, service and region; count, breaches, sum of sentiment in millionths."""


def replay(path: Path, work: Path, findings: CallSink[Finding]) -> Tallies:
    """Replay one file through the product's flow."""
    config = work / "bench.yaml"
    config.write_text(CONFIG.format(path=path.absolute(), batch_size=BATCH_SIZE))
    settings = load_settings(config).settings
    tallies = Tallies()
    with DeadLetters(work / "dead.db") as dead:
        flow = recording_flow(
            settings,
            tallies=tallies,
            folder=work / "state",
            alert_sink=CallSink(lambda _: None),
            dead=dead,
            finding_sink=findings,
        )
        tune_memory()
        execute(flow, epoch_us=settings.flow.epoch, folder=work / "state", identity=["peers"])
    return tallies


def one(path: Path, output: Path, work: Path, *, partial: bool) -> None:
    """Replay one file and write its windows; ``partial`` ones as sums, for :func:`add_up`."""
    sums: list[Sums] = []
    if partial:
        tallies = replay(path, work, CallSink(lambda findings: sums.extend(map(_sums, findings))))
        output.write_bytes(msgspec.msgpack.encode(sums))
    else:
        with output.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(COLUMNS)
            tallies = replay(
                path, work, CallSink(lambda findings: out.writerows([_row(*_sums(finding)) for finding in findings]))
            )
    print(
        f"{tallies.records} records, {tallies.events} events, {tallies.duplicates} repeats dropped, "
        f"{tallies.late} late, {tallies.dead_letter_count} dead letters"
    )


def _sums(finding: Finding) -> Sums:
    group, details = finding.group, finding.details
    key = (finding.start_us // 1_000_000, group["service"], group["region"])
    return key, finding.count, int(details["breached"]), int(details["micros"])


def _row(key: Key, count: int, breached: int, micros: int) -> tuple[int, str, str, int, float, float]:
    return (*key, count, breached / count, micros / MICRO / count)


def add_up(parts: Sequence[Path], output: Path) -> None:
    """Add partial windows up and write them."""
    decode = msgspec.msgpack.Decoder(list[Sums]).decode
    windows = {key: sums for key, *sums in decode(parts[0].read_bytes())}
    for part in parts[1:]:
        for key, *sums in decode(part.read_bytes()):
            known = windows.get(key)
            windows[key] = sums if known is None else [a + b for a, b in zip(known, sums, strict=True)]
    with output.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows([_row(key, *sums) for key, sums in windows.items()])


def main() -> None:
    """Run the job: one file in this process, several in one process each."""
    options = arguments()
    if len(options.input) == 1:
        one(options.input[0], options.output, options.work, partial=options.output.suffix == ".part")
        return
    parts, processes = [], []
    for number, path in enumerate(options.input):
        work = options.work / str(number)
        work.mkdir()
        parts.append(work / "windows.part")
        command = [sys.executable, "-m", "benchmarks.peers.jobs.makegood", "--input", str(path)]
        processes.append(subprocess.Popen([*command, "--output", str(parts[-1]), "--work", str(work)]))
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit("a worker failed")
    add_up(parts, options.output)


if __name__ == "__main__":
    main()
