"""Columns may begin, and end, anywhere: in the middle of a stream, and where a process goes on from a snapshot."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import LaneItem
from tests.pipeline.columns.records import Records
from tests.pipeline.columns.rig import CASES, PLAIN, Side

pytest.importorskip("numba")

from pipeline.columns.lane import build

PARTITION = ("crm", "0")


def item(records: list[bytes]) -> LaneItem:
    """Return records as the lane of a replay gives them."""
    batch = RawBatch(*PARTITION, list(range(len(records))), records)
    return LaneItem([batch], {PARTITION: Status.READING}, None)


def told(taken: list[Any]) -> list[Any]:
    """Return what was taken, without what only carries time: a process that begins tells it to everybody once more."""
    return [one for one in taken if "Finding(" in str(one) or any(isinstance(part, list) and part for part in one)]


def begin_columns(side: Side) -> None:
    """Do what the thread does that fetches the machine code, at a place in the stream that is known."""
    lane: Any = side.prepare._decoder._columns
    assert lane is not None
    assert lane._scanner is None
    lane._scanner = build(lane._wants)


@pytest.mark.parametrize("at", [1, 4, 9])
def test_columns_that_begin_in_the_middle_change_nothing(tmp_path: Path, at: int) -> None:
    rows = Side(tmp_path / "rows", PLAIN, "off", judged=True)
    mixed = Side(tmp_path / "mixed", PLAIN, "auto", judged=True)
    records = Records(31, 0.01, late=0.002)
    for number in range(12):
        if number == at:
            begin_columns(mixed)
        batch = records.batch(90)
        assert mixed.take(item(batch)) == rows.take(item(batch))
    assert mixed.rest() == rows.rest()
    assert mixed.router.as_columns > 0


@pytest.mark.parametrize(("before", "after"), [("off", "on"), ("on", "off")])
@pytest.mark.parametrize("detectors", [PLAIN, PLAIN + CASES], ids=["windows", "cases"])
def test_a_snapshot_by_one_way_is_gone_on_from_by_the_other(
    tmp_path: Path, before: str, after: str, detectors: str
) -> None:
    whole = Side(tmp_path / "whole", detectors, before, judged=True)
    first = Side(tmp_path / "parts", detectors, before, judged=True)
    records = Records(32, 0.02, late=0.002)
    for _ in range(6):
        batch = records.batch(90)
        assert first.take(item(batch)) == whole.take(item(batch))
    state, windows = first.prepare.snapshot(), {name: state.snapshot() for name, state in first.states.items()}
    assert whole.prepare.snapshot() == state
    second = Side(tmp_path / "parts", detectors, after, judged=True)
    second.prepare.restore(state)
    for name, window in windows.items():
        second.states[name].restore(window)
    for _ in range(6):
        batch = records.batch(90)
        assert told(second.take(item(batch))) == told(whole.take(item(batch)))
    # Counts, the step's own state, the files of ids, the windows.
    ours, theirs = second.rest(), whole.rest()
    assert [ours[0], *ours[3:6]] == [theirs[0], *theirs[3:6]]


@pytest.mark.parametrize("sizes", [(90,), (1, 7), (45, 400)])
def test_how_a_stream_with_late_events_is_cut_changes_no_window(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    records = Records(33, 0.02, late=0.01).batch(900)
    expected = Side(tmp_path / "rows", PLAIN, "off", judged=True)
    expected.take(item(records))
    cut = Side(tmp_path / "cut", PLAIN, "on", judged=True)
    first = number = 0
    while first < len(records):
        size = sizes[number % len(sizes)]
        cut.take(item(records[first : first + size]))
        first, number = first + size, number + 1
    assert cut.tallies.late == expected.tallies.late > 0
    assert cut.rest()[5] == expected.rest()[5]
    assert cut.prepare.progress == expected.prepare.progress
