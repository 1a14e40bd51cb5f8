"""``makegood``, with a watch on when it stands still: run as ``python -m benchmarks.watchedflow flow ...``.

Nothing is changed but that a few calls are timed. When the process ends, a :class:`Watched` is written as JSON to the
file that ``BENCH_WATCH`` names. With ``BENCH_WATCH_WHOLE`` all cases are written once more, to that folder, and timed.
"""

import functools
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from detectors.contract import CaseShard
from pipeline import cli
from pipeline.engine.logic import DetectLogic, PrepareLogic
from pipeline.engine.source import LanePartition
from pipeline.lane import Lane
from pipeline.state_log import StateLog

LEAST_STOP_S = 0.02
WATCH_VARIABLE = "BENCH_WATCH"
WHOLE_VARIABLE = "BENCH_WATCH_WHOLE"


class Stop(msgspec.Struct):
    """A stretch in which no records were read.

    Attributes:
        at_us: when it began, by the wall clock.
        seconds: from the end of one look for records to the begin of the next.
        snapshots_s: of that, in calls of ``snapshot``; the rest is what the flow had to do with what it had read,
            the engine's own writing, and the garbage collector.
        collector_s: of it, in the garbage collector.
    """

    at_us: int
    seconds: float
    snapshots_s: float
    collector_s: float


class Watched(msgspec.Struct):
    """What was seen.

    Attributes:
        first_look_us: when records were first looked for: everything was restored then.
        stops: those that were long, or held snapshots.
        whole_s: seconds to write all cases, where it was asked for; ``whole_bytes``, ``cases``: of them.
    """

    first_look_us: int = 0
    stops: list[Stop] = []
    whole_s: float = 0.0
    whole_bytes: int = 0
    cases: int = 0


class Watch:
    """Wraps the calls."""

    def __init__(self) -> None:
        self.seen = Watched(stops=[])
        self._shards: dict[int, CaseShard] = {}
        self._looked_s = 0.0
        self._snapshots_s = self._collector_s = self._collecting_s = 0.0

    def install(self) -> None:
        """Watch from here on."""
        for owner in (PrepareLogic, DetectLogic, LanePartition):
            self._time_snapshots(owner)
        self._watch_looks()
        gc.callbacks.append(self._collector)
        write = StateLog.write

        @functools.wraps(write)
        def remembering(log: StateLog, shard: CaseShard) -> Any:
            self._shards[id(shard)] = shard
            return write(log, shard)

        setattr(StateLog, "write", remembering)  # noqa: B010 - mypy

    def _time_snapshots(self, owner: type) -> None:
        snapshot: Callable[[Any], object] = owner.snapshot  # type: ignore[attr-defined]

        @functools.wraps(snapshot)
        def timed(logic: Any) -> object:
            began_s = time.monotonic()
            try:
                return snapshot(logic)
            finally:
                self._snapshots_s += time.monotonic() - began_s

        setattr(owner, "snapshot", timed)  # noqa: B010 - mypy

    def _watch_looks(self) -> None:
        look = Lane.next

        @functools.wraps(look)
        def watched(lane: Lane) -> object:
            now_s = time.monotonic()
            if self.seen.first_look_us == 0:
                self.seen.first_look_us = time.time_ns() // 1000
            elif self._snapshots_s > 0 or now_s - self._looked_s >= LEAST_STOP_S:
                passed_s = now_s - self._looked_s
                at_us = time.time_ns() // 1000 - int(passed_s * 1e6)
                self.seen.stops.append(Stop(at_us, passed_s, self._snapshots_s, self._collector_s))
            self._snapshots_s = self._collector_s = 0.0
            items = look(lane)
            self._looked_s = time.monotonic()
            return items

        setattr(Lane, "next", watched)  # noqa: B010 - mypy

    def _collector(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_s = time.monotonic()
        else:
            self._collector_s += time.monotonic() - self._collecting_s

    def write_whole(self, folder: Path) -> None:
        """Write all cases of all shards to new logs, as if everything had changed, and time it."""
        shards = list(self._shards.values())
        began_s = time.monotonic()
        for number, shard in enumerate(shards):
            log = StateLog(folder, f"whole.{number}")
            log.write(_All(shard))
        self.seen.whole_s = time.monotonic() - began_s
        self.seen.whole_bytes = sum(path.stat().st_size for path in folder.iterdir())
        self.seen.cases = sum(map(len, shards))


class _All:
    """A shard of which everything has changed."""

    def __init__(self, shard: CaseShard) -> None:
        self._shard = shard
        self.update, self.snapshot, self.keys = shard.update, shard.snapshot, shard.keys
        self.restore, self.rebuild = shard.restore, shard.rebuild

    def __len__(self) -> int:
        return len(self._shard)

    def delta(self, also: Any = ()) -> Any:
        del also
        return self._shard.delta(self._shard.keys())


def main() -> None:
    """Run the command, watched."""
    watch = Watch()
    watch.install()
    try:
        cli.app()
    finally:
        whole = os.environ.get(WHOLE_VARIABLE)
        if whole:
            watch.write_whole(Path(whole))
        path = os.environ.get(WATCH_VARIABLE)
        if path:
            Path(path).write_bytes(msgspec.json.encode(watch.seen))


if __name__ == "__main__":
    main()
