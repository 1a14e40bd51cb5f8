"""Case detectors answer the same whether quiet events come to them packed or one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract import Outcome
from detectors.events import Event
from pipeline.columns import pool
from pipeline.engine.logic import DetectLogic, DetectState, by_target
from pipeline.events import encode_event
from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import LaneItem
from pipeline.listening import Listening
from pipeline.records.text import Lines
from pipeline.routing import CaseBatch
from tests.pipeline.columns.lives import LifeRecords
from tests.pipeline.columns.rig import Side

pytest.importorskip("numba")
LIVES = """
  repeat_contact: {type: repeat_contact, window: 1d}
  negative_survey: {type: negative_survey, urgency: {severity: info, not_below: info}, open_for: 1d}
  stalled_recovery: {type: stalled_recovery, idle_limit: 3, case_retention: 2d, begins: [{at: opened}, {at: survey}]}
  residual_dissatisfaction: {type: residual_dissatisfaction, window: 1d, case_retention: 2d, retention: 2h}
  feed_silence: {type: feed_silence, window: 10m}
"""
CASES = f"""{LIVES}
  sla_breach:
    type: sla_breach
    retention: 6h
    idle_retention: 3d
    promises:
      - {{name: reply, kind: first_reply, target: 30, unit: minutes}}
      - {{name: resolution, kind: resolution, targets: {{high: 2, normal: 8}}, priority: normal, unit: hours}}
  patient: {{type: sla_breach, promises: [{{name: resolution, kind: resolution, target: 40, unit: hours}}]}}
  resolution_lag: {{type: resolution_lag, group_by: [queue], window: 1h, min_count: 2}}
"""
BY_STATUS = f"""{LIVES}
  by_status: {{type: stalled_recovery, idle_limit: 3, begins: [{{at: status, status: [waiting]}}], case_retention: 1d}}
"""
ALL_QUIET = """
  residual_dissatisfaction: {type: residual_dissatisfaction, window: 1d, case_retention: 2d, retention: 2h}
  feed_silence: {type: feed_silence, window: 10m}
"""


class Flow:
    """Prepare, and the shards behind it."""

    def __init__(self, folder: Path, detectors: str, mode: str) -> None:
        self.side = Side(folder, detectors, mode, judged=False)
        self._listening = Listening(self.side.built, self.side.shards)
        self._concluded: list[Event] = []
        self._logics: dict[str, DetectLogic] = {}
        self._scanner: object = None
        # One of the two prepares its snapshots all the time, the other one never.
        self._prepare_after = 15 if mode == "on" else 1_000_000
        self.packed = self.prepared = 0

    def _logic(self, state: DetectState | None) -> DetectLogic:
        folder = self.side.folder / "logs"
        concluded = self._concluded
        logic = DetectLogic(self.side.built, folder, state, self._listening, on_concluded=concluded.extend)
        logic.prepare_after = self._prepare_after
        return logic

    def take(self, records: Sequence[bytes]) -> list[Any]:
        """Return what the detectors say of records."""
        halves = [part for part in (records[: len(records) // 2], records[len(records) // 2 :]) if part]
        batches = [RawBatch("crm", "0", list(range(len(part))), Lines(b"\n".join(part))) for part in halves]
        item = LaneItem(batches, {("crm", "0"): Status.READING}, None)
        told: list[Any] = []
        for target, routed in by_target([("", each) for each in self.side.prepare.take(item)]):
            if not isinstance(routed, CaseBatch):
                continue
            self.packed += sum(len(quiet.keys) for quiet in routed.quiet)
            if target not in self._logics:
                self._logics[target] = self._logic(None)
            found, _ = self._logics[target].on_batch([routed])
            told += [(target, one.changes, one.findings) for one in found if isinstance(one, Outcome)]
            told += [(target, encode_event(event)) for event in self._concluded]
            self._concluded.clear()
            log = self._logics[target]._log
            self.prepared += log is not None and len(log._prepared)
        return told

    def turn(self) -> None:
        """Take what comes by rows if it was taken by columns, and the other way round."""
        taken: Any = self.side.prepare._decoder._columns
        taken._scanner, self._scanner = self._scanner, taken._scanner

    def snapshot(self) -> None:
        """Write everything down."""
        for logic in self._logics.values():
            logic.snapshot()

    def restart(self) -> None:
        """Go on from what was written down."""
        states = {target: logic.snapshot() for target, logic in self._logics.items()}
        self._logics = {target: self._logic(state) for target, state in states.items()}


def compare(folder: Path, records: LifeRecords, sizes: Sequence[int], detectors: str = CASES) -> tuple[Flow, int]:
    """Return the flow by columns, and how many lines it told: the same as that by rows."""
    rows, columns = (Flow(folder / mode, detectors, mode) for mode in ("off", "on"))
    told = 0
    for size in sizes:
        batch = records.batch(size)
        expected = rows.take(batch)
        assert columns.take(batch) == expected
        told += len(expected)
        chance = records.rng.random()
        if chance < 0.3:
            records.pause()
        for flow in (rows, columns):
            if chance < 0.2:
                flow.restart()
            elif chance < 0.5:
                flow.snapshot()
        if 0.1 < chance < 0.15:
            columns.turn()
    assert rows.packed == rows.prepared == 0
    return columns, told


@pytest.mark.parametrize("begins", [0.02, 0.3])
@pytest.mark.parametrize("things", [4, 40])
@pytest.mark.parametrize("detectors", [LIVES, CASES], ids=["lives", "cases"])
def test_answers_are_the_same(tmp_path: Path, detectors: str, things: int, begins: float) -> None:
    records = LifeRecords(things, things=things, begins=begins)
    columns, told = compare(tmp_path, records, [records.rng.choice((1, 5, 40, 200)) for _ in range(50)], detectors)
    assert columns.packed > 100
    assert columns.prepared > 100
    assert told > 50


def test_what_comes_before_its_beginning_outlives_a_restart(tmp_path: Path) -> None:
    # Much happens within the lateness: steps of cases come before these are opened.
    records = LifeRecords(1, things=30, begins=0.4, late=0.0, fresh=0.25, gaps_us=(0, 100_000, 2_000_000))
    columns, told = compare(tmp_path, records, [10] * 70)
    assert columns.packed > 100
    assert told > 30


def test_texts_may_be_numbered_anew_between_two_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_SPILL", 40)
    columns, _ = compare(tmp_path, LifeRecords(5, things=20, begins=0.05), [60] * 20)
    assert columns.packed > 100


@given(
    seed=st.integers(0, 2**32),
    things=st.integers(1, 60),
    odd=st.sampled_from([0.0, 0.1, 0.4]),
    late=st.sampled_from([0.0, 0.0, 0.02]),
    begins=st.sampled_from([0.0, 0.1, 0.6]),
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=25),
    detectors=st.sampled_from([CASES, LIVES, BY_STATUS, ALL_QUIET]),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_answers_to_any_stream_are_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    things: int,
    odd: float,
    late: float,
    begins: float,
    sizes: list[int],
    detectors: str,
) -> None:
    records = LifeRecords(seed, things=things, odd=odd, late=late, begins=begins)
    compare(tmp_path_factory.mktemp("flows"), records, sizes, detectors)
