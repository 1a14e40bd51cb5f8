"""A drained flow has committed everything it handed out: the engine goes on behind it, wherever it was stopped."""

import random
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic

from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.engine.source import LaneSource
from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import Lane, LaneItem, Pace
from pipeline.recovery import STATE
from pipeline.snapshots import read_rows
from pipeline.stopping import Drain

TOTAL = 5_000


class Killed(Exception):
    """The flow ends where it stands."""


class Numbers:
    """A feed of the numbers up to :data:`TOTAL`, which asks for a drain at one of them."""

    name = "numbers"

    def __init__(self, drain: Drain, stop_at: int, rng: random.Random) -> None:
        self.quiet_polls = 0
        self._drain = drain
        self._stop_at = stop_at
        self._rng = rng
        self._at = 0

    def open(self, positions: dict[str, int]) -> None:
        self._at = positions.get("0", 0)

    def partitions(self) -> dict[str, Status]:
        return {"0": Status.READING}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        del partition
        if self.quiet_polls:
            self.quiet_polls -= 1
            if not self.quiet_polls:
                raise Killed
            return []
        if self._rng.random() < 0.1:
            return []
        numbers = range(self._at, min(TOTAL, self._at + self._rng.randrange(1, max_records)))
        self._at += len(numbers)
        if self._at >= self._stop_at or self._at == TOTAL:
            self._drain.request()
        if not numbers:
            return []
        return [RawBatch(self.name, "0", list(numbers), [str(number).encode() for number in numbers])]

    def positions(self) -> dict[str, int]:
        return {"0": self._at}

    def close(self) -> None:
        return None


class Counting(StatefulBatchLogic[LaneItem, tuple[int, int], int]):
    """Numbers what comes: a state that is lost or taken twice shows in the numbers."""

    def __init__(self, state: int | None) -> None:
        self._count = state or 0

    def on_batch(self, values: list[LaneItem]) -> tuple[list[tuple[int, int]], bool]:
        out = []
        for item in values:
            for batch in item.batches:
                for record in batch.records:
                    out.append((self._count, int(record)))
                    self._count += 1
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> int:
        return self._count


def run(
    folder: Path,
    written: list[tuple[int, int]],
    stop_at: int,
    rng: random.Random,
    epoch_us: int,
    *,
    killed_after_polls: int = 0,
) -> None:
    drain = Drain()

    def lane() -> Lane:
        feed = Numbers(drain, stop_at, rng)
        feed.quiet_polls = killed_after_polls
        feeds: Mapping[str, Any] = {"numbers": feed}
        return Lane(feeds, batch_size=100, clock_us=lambda: 0, tick_us=1, pace=Pace())

    flow = Dataflow("drained")
    records = op.filter(
        "records", op.input("numbers", flow, LaneSource(lane, drain)), lambda item: bool(item[1].batches)
    )
    counted = op.stateful_batch("count", records, Counting)
    steps = counted
    for number in range(12):  # a long way to the sink
        steps = op.map(f"step_{number}", steps, lambda pair: pair)
    sink: CallSink[tuple[int, int]] = CallSink(written.extend)
    op.output("out", steps, sink)
    folder.mkdir(exist_ok=True)
    execute(flow, epoch_us=epoch_us, folder=folder, identity=1)


@pytest.mark.parametrize("epoch_us", [1_000, 60_000_000])
def test_a_flow_drained_at_any_moment_has_done_everything_exactly_once(tmp_path: Path, epoch_us: int) -> None:
    rng = random.Random(epoch_us)
    written: list[tuple[int, int]] = []
    runs = 0
    while len(written) < TOTAL:
        run(tmp_path / "state", written, len(written) + rng.randrange(1, 600), rng, epoch_us)
        runs += 1
        assert runs < 200
    assert runs > 10
    assert written == [(number, number) for number in range(TOTAL)]


def test_a_flow_that_is_asked_before_it_reads_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    written: list[tuple[int, int]] = []
    run(tmp_path / "state", written, 1_000, random.Random(1), 60_000_000)
    so_far = len(written)
    for _ in range(3):
        run(tmp_path / "state", written, 0, random.Random(2), 60_000_000)
    run(tmp_path / "state", written, TOTAL, random.Random(3), 60_000_000)
    assert 0 < so_far < TOTAL
    assert written == [(number, number) for number in range(TOTAL)]


def test_what_a_kill_left_of_an_unfinished_epoch_counts_in_no_later_execution(tmp_path: Path) -> None:
    """The engine writes what keys have, and then that the epoch is over: a kill in between leaves the first."""
    written: list[tuple[int, int]] = []
    folder = tmp_path / "state"
    run(folder, written, 1_000, random.Random(1), 60_000_000)
    before = len(written)
    left = shutil.copytree(folder, tmp_path / "as_it_was")
    run(folder, written, 2_000, random.Random(2), 60_000_000)
    del written[before:]  # killed: what came after the last whole epoch is done again
    newer = {(row.step, row.key): row.state for row in read_rows(folder / STATE)}
    with closing(sqlite3.connect(left / STATE / "part-0.sqlite3")) as base, base:
        ((front,),) = base.execute("SELECT max(worker_frontier) FROM fronts")
        base.executemany(
            "INSERT OR REPLACE INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)",
            [(step, key, front, state) for (step, key), state in newer.items()],
        )
    # The key has nothing to do in the epoch that has the number of the one that was not finished.
    with pytest.raises(RuntimeError):
        run(left, written, TOTAL, random.Random(3), 1_000, killed_after_polls=100)
    run(left, written, TOTAL, random.Random(4), 60_000_000)
    assert 0 < before < TOTAL
    assert written == [(number, number) for number in range(TOTAL)]
