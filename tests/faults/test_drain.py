"""A drained flow has committed everything it handed out: the engine goes on behind it, wherever it was stopped."""

import random
from collections.abc import Mapping
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
from pipeline.stopping import Drain

TOTAL = 5_000


class Numbers:
    """A feed of the numbers up to :data:`TOTAL`, which asks for a drain at one of them."""

    name = "numbers"

    def __init__(self, drain: Drain, stop_at: int, rng: random.Random) -> None:
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


def run(folder: Path, written: list[tuple[int, int]], stop_at: int, rng: random.Random, epoch_us: int) -> None:
    drain = Drain()

    def lane() -> Lane:
        feeds: Mapping[str, Any] = {"numbers": Numbers(drain, stop_at, rng)}
        return Lane(feeds, batch_size=100, clock_us=lambda: 0, tick_us=1, pace=Pace())

    flow = Dataflow("drained")
    counted = op.stateful_batch("count", op.input("numbers", flow, LaneSource(lane, drain)), Counting)
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
