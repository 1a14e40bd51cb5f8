"""One replay from a file to the store, in a process of its own, on a core of its own, with its figures as it goes.

    python -m benchmarks.replaying RECORDING FOLDER [every]

prints a :class:`Replayed` as JSON, with ``every`` of one of every detector that is shipped. What is imported and
compiled but once is there before; then the process waits with the flow until ``FOLDER/go`` is there.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from os import getpid
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import measure, services
from benchmarks.throughput import CONFIG, every_detector, tuned, warm_up, whole_flow
from pipeline.tallies import Tallies

SAMPLE_EVERY_S = 0.1
BATCH_SIZE = 8_000
"""With one of every detector, which then have one shard each."""
GO = "go"


class Sample(NamedTuple):
    """Where it stood: events so far, seconds of the wall clock and of the processor, bytes resident."""

    events: int
    wall_s: float
    cpu_s: float
    resident_bytes: int


class Replayed(msgspec.Struct):
    """What a replay did.

    Attributes:
        began_s, ended_s: of the flow, by a clock that all processes share.
        peak_bytes: the most that was ever resident.
        state_bytes: of the recovery folder in the end.
    """

    events: int
    began_s: float
    ended_s: float
    cpu_s: float
    changes: int
    peak_bytes: int
    state_bytes: int
    samples: list[Sample]

    @property
    def wall_s(self) -> float:
        """How long the flow ran."""
        return self.ended_s - self.began_s


class Sampler:
    """Notes where a flow stands, from a thread."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, tallies: Tallies) -> None:
        """Begin."""
        self._note(tallies)
        self._thread = threading.Thread(target=self._run, args=(tallies,), daemon=True)
        self._thread.start()

    def _run(self, tallies: Tallies) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            self._note(tallies)

    def _note(self, tallies: Tallies) -> None:
        resident = measure.resident_bytes(getpid())
        self.samples.append(Sample(tallies.events, time.monotonic(), time.process_time(), resident))

    def stop(self) -> None:
        """End."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()


def replay_all(
    recordings: Sequence[Path], folders: Sequence[Path], cores: Sequence[str], *, every: bool = False
) -> list[Replayed]:
    """Replay recordings at the same time, each on its core, and return what they did."""
    processes = []
    for recording, folder, core in zip(recordings, folders, cores, strict=True):
        folder.mkdir()
        more = ("every",) if every else ()
        command = services.python("-m", "benchmarks.replaying", str(recording), str(folder), *more, cores=core)
        processes.append(subprocess.Popen(command, env=services.environment(), cwd=folder, stdout=subprocess.PIPE))
    for folder, process in zip(folders, processes, strict=True):
        while not (folder / "ready").exists():
            if process.poll() is not None:
                msg = f"a replay ended with {process.returncode} before it began"
                raise services.BenchmarkError(msg)
            time.sleep(0.02)
    for folder in folders:
        (folder / GO).touch()
    done = []
    for process in processes:
        output, _ = process.communicate()
        if process.returncode != 0:
            msg = f"a replay ended with {process.returncode}"
            raise services.BenchmarkError(msg)
        done.append(msgspec.json.decode(output.splitlines()[-1], type=Replayed))  # its log stands before
    return done


def main() -> None:
    """Replay one recording."""
    recording, folder = Path(sys.argv[1]), Path(sys.argv[2])
    config_text = tuned(every_detector(), BATCH_SIZE, 1) if sys.argv[3:] == ["every"] else CONFIG
    warm_up(recording, folder / "first", config_text)
    sampler = Sampler()

    def begin(tallies: Tallies) -> None:
        (folder / "ready").touch()
        while not (folder / GO).exists():
            time.sleep(0.005)
        sampler.watch(tallies)

    run = whole_flow(recording, folder, watch=begin, config_text=config_text)
    ended_s = sampler.samples[0].wall_s + run.wall_s
    sampler.stop()
    replayed = Replayed(
        events=run.events,
        began_s=sampler.samples[0].wall_s,
        ended_s=ended_s,
        cpu_s=run.cpu_s,
        changes=run.changes,
        peak_bytes=measure.peak_bytes(getpid()),
        state_bytes=measure.folder_bytes(folder / "recovery"),
        samples=sampler.samples,
    )
    sys.stdout.buffer.write(msgspec.json.encode(replayed))


if __name__ == "__main__":
    main()
