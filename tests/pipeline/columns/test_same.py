"""Columns and rows give the same, whatever the records are and however they are cut."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.columns.records import Records
from tests.pipeline.columns.rig import CASES, PLAIN, WINDOWS, Pair

pytest.importorskip("numba")
SETS = pytest.mark.parametrize("detectors", [PLAIN, WINDOWS, PLAIN + CASES], ids=["columns", "labels", "cases"])


@SETS
@pytest.mark.parametrize("odd", [0.0, 0.02, 0.3])
def test_recordings_give_the_same_by_columns_and_by_rows(tmp_path: Path, detectors: str, odd: float) -> None:
    pair = Pair(tmp_path, detectors)
    records = Records(7, odd, late=0.002)
    for _ in range(25):
        feed, size = records.rng.choice(("crm", "erp")), records.rng.choice((1, 2, 17, 120))
        pair.take(records.batch(size), feed=feed)
    pair.finish()
    # Batches with late events are taken by rows.
    assert pair.columns.router.as_columns >= 20
    assert pair.rows.router.as_columns == 0
    assert pair.rows.tallies.duplicates > 20


@SETS
@pytest.mark.parametrize("odd", [0.0, 0.3])
def test_live_flows_give_the_same_by_columns_and_by_rows(tmp_path: Path, detectors: str, odd: float) -> None:
    pair = Pair(tmp_path, detectors)
    records = Records(8, odd)
    for _ in range(25):
        batch = records.batch(records.rng.choice((1, 30, 60)))
        pair.take(batch, now_us=records.at_us - records.rng.choice((0, 0, 0, 400_000_000)))
    pair.finish()
    assert pair.rows.tallies.dead_letters["crm"]["from_future"] > 5
    assert pair.rows.tallies.late > 5


@SETS
def test_windows_are_judged_the_same(tmp_path: Path, detectors: str) -> None:
    pair = Pair(tmp_path, detectors, judged=True)
    records = Records(9, 0.0)
    told = [repr(pair.take(records.batch(100))) for _ in range(20)]
    pair.finish()
    assert sum("Finding(" in each for each in told) > 3


@given(
    seed=st.integers(0, 2**32), odd=st.sampled_from([0.05, 0.4, 1.0]), sizes=st.lists(st.integers(1, 40), max_size=6)
)
@settings(max_examples=20, deadline=None)
def test_any_stream_gives_the_same_by_columns_and_by_rows(
    tmp_path_factory: pytest.TempPathFactory, seed: int, odd: float, sizes: list[int]
) -> None:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    records = Records(seed, odd, extreme=True)
    for size in sizes:
        pair.take(records.batch(size))
    pair.finish()


def test_how_a_stream_is_cut_changes_nothing(tmp_path: Path) -> None:
    records = Records(10, 0.1, late=0.0).batch(600)
    panes: list[object] = []
    for size in (1, 7, 600):
        pair = Pair(tmp_path / str(size))
        for first in range(0, len(records), size):
            pair.take(records[first : first + size])
        tallies = pair.columns.tallies
        panes.append((tallies.events, tallies.duplicates, tallies.late, tallies.dead_letters))
    assert panes[0] == panes[1] == panes[2]
