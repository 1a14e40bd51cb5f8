"""Panes and windows: detectors/windows.py and detectors/assembler.py."""

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assembler import ClosedWindow, WindowAssembler
from detectors.contract import SnapshotVersionError
from detectors.panes import PaneLayout, Panes
from detectors.windows import WindowSpec

S = 1_000_000
FOREVER = 10**18


def spec(size_s: int, hop_s: int) -> WindowSpec:
    return WindowSpec(size_us=size_s * S, hop_us=hop_s * S)


def assembler(size_s: int, hop_s: int, *, forget_us: int = FOREVER, max_groups: int = 100) -> WindowAssembler:
    return WindowAssembler(spec(size_s, hop_s), 2, forget_us=forget_us, max_groups=max_groups)


def batch(windows: WindowSpec, events: list[tuple[int, str, int]]) -> Panes:
    """Return the panes of events (time in seconds, group, value): count and sum."""
    sums: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for time_s, group, value in events:
        known = sums.setdefault((time_s * S // windows.pane_us, (group,)), [0, 0])
        known[0] += 1
        known[1] += value
    return [(pane, group, vector) for (pane, group), vector in sums.items()]


def closed(windows: list[ClosedWindow]) -> list[tuple[int, int, str, list[int]]]:
    return [(w.start_us // S, w.end_us // S, w.group[0], w.vector) for w in windows]


@pytest.mark.parametrize(("size_s", "hop_s", "pane_s"), [(60, 60, 60), (60, 20, 20), (60, 40, 20), (90, 60, 30)])
def test_panes_are_the_greatest_common_part_of_size_and_hop(size_s: int, hop_s: int, pane_s: int) -> None:
    assert spec(size_s, hop_s).pane_us == pane_s * S


@pytest.mark.parametrize(
    ("size_us", "hop_us", "message"),
    [
        (0, 1, "longer than nothing"),
        (S, 0, "longer than nothing"),
        (60 * S, 61 * S, "hop 1m1s is longer than window 1m"),
        (10 * S, 3 * S + 1, "no common part of a second"),
    ],
)
def test_windows_that_lose_events_or_have_dust_for_panes_are_refused(size_us: int, hop_us: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSpec(size_us=size_us, hop_us=hop_us)


@given(size=st.integers(1, 12), hop=st.integers(1, 12), pane=st.integers(-50, 50))
def test_first_and_final_end_are_those_of_the_windows_that_hold_a_pane(size: int, hop: int, pane: int) -> None:
    if hop > size:
        return
    windows = spec(size, hop)
    start_us, end_us = pane * windows.pane_us, (pane + 1) * windows.pane_us
    holding = [
        end * windows.hop_us
        for end in range(-800, 800)
        if end * windows.hop_us - windows.size_us <= start_us and end_us <= end * windows.hop_us
    ]
    assert (holding[0], holding[-1]) == (windows.first_end_us(pane), windows.final_end_us(pane))


def test_a_window_is_half_open() -> None:
    windows = assembler(10, 10)
    windows.merge(batch(windows.spec, [(0, "a", 1), (9, "a", 1), (10, "a", 1)]))
    assert closed(list(windows.advance(20 * S))) == [(0, 10, "a", [2, 2]), (10, 20, "a", [1, 1])]


def test_a_window_closes_when_the_watermark_reaches_its_end_and_not_before() -> None:
    windows = assembler(10, 10)
    windows.merge(batch(windows.spec, [(3, "a", 1)]))
    assert list(windows.advance(10 * S - 1)) == []
    assert closed(list(windows.advance(10 * S))) == [(0, 10, "a", [1, 1])]
    assert list(windows.advance(10 * S)) == []


def test_hopping_windows_overlap() -> None:
    windows = assembler(6, 4)
    windows.merge(batch(windows.spec, [(3, "a", 1), (5, "a", 10)]))
    assert closed(list(windows.advance(12 * S))) == [
        (-2, 4, "a", [1, 1]),
        (2, 8, "a", [2, 11]),
        (6, 12, "a", [0, 0]),
    ]


def test_a_known_group_has_empty_windows_and_an_unknown_one_none() -> None:
    windows = assembler(10, 10)
    windows.merge(batch(windows.spec, [(0, "a", 1), (35, "b", 1)]))
    assert closed(list(windows.advance(50 * S))) == [
        (0, 10, "a", [1, 1]),
        (10, 20, "a", [0, 0]),
        (20, 30, "a", [0, 0]),
        (30, 40, "a", [0, 0]),
        (30, 40, "b", [1, 1]),
        (40, 50, "a", [0, 0]),
        (40, 50, "b", [0, 0]),
    ]


def test_a_group_is_forgotten_after_its_time_and_comes_back_as_new() -> None:
    windows = assembler(10, 10, forget_us=20 * S)
    windows.merge(batch(windows.spec, [(0, "a", 1), (1000, "a", 1)]))
    ends = [window.end_us // S for window in windows.advance(1020 * S)]
    assert ends == [10, 20, 30, 1010, 1020]


def test_a_gap_of_years_costs_nothing_when_nobody_is_known() -> None:
    windows = assembler(1, 1)
    windows.merge(batch(windows.spec, [(10**9, "a", 1)]))
    assert closed(list(windows.advance((10**9 + 1) * S))) == [(10**9, 10**9 + 1, "a", [1, 1])]


def test_a_leap_of_centuries_closes_no_more_windows_than_a_group_is_remembered_for() -> None:
    windows = assembler(10, 10, forget_us=100 * S)
    windows.merge(batch(windows.spec, [(0, "a", 1)]))
    assert len(list(windows.advance(10**10 * S))) == 11
    assert windows.closed_end_us == 10**10 * S


def test_groups_beyond_the_most_are_left_out_by_name_and_counted() -> None:
    windows = assembler(10, 10, max_groups=2)
    windows.merge(batch(windows.spec, [(1, "c", 1), (1, "a", 1), (1, "b", 1), (11, "c", 1)]))
    assert {window.group[0] for window in windows.advance(20 * S)} == {"a", "b"}
    assert windows.unknown_groups == 2
    assert windows.groups == [("a",), ("b",)]


def test_what_is_late_for_all_its_windows_is_dropped_and_counted() -> None:
    windows = assembler(10, 10)
    windows.merge(batch(windows.spec, [(5, "a", 1)]))
    list(windows.advance(10 * S))
    windows.merge(batch(windows.spec, [(6, "a", 1), (6, "a", 1), (10, "a", 1)]))
    assert closed(list(windows.advance(20 * S))) == [(10, 20, "a", [1, 1])]
    assert (windows.late_events, windows.late_windows) == (2, 2)


def test_with_hopping_windows_an_event_can_be_late_for_one_and_on_time_for_the_next() -> None:
    windows = assembler(10, 5)
    windows.merge(batch(windows.spec, [(7, "a", 1)]))
    list(windows.advance(10 * S))
    windows.merge(batch(windows.spec, [(8, "a", 1)]))
    assert closed(list(windows.advance(15 * S))) == [(5, 15, "a", [2, 2])]
    assert (windows.late_events, windows.late_windows) == (0, 1)


def test_late_is_measured_by_the_watermark_even_before_the_first_event() -> None:
    windows = assembler(10, 10)
    list(windows.advance(100 * S))
    windows.merge(batch(windows.spec, [(50, "a", 1)]))
    assert list(windows.advance(110 * S)) == []
    assert windows.late_events == 1


def test_panes_of_other_windows_or_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="length 5s came where format 1 and length 10s is expected"):
        PaneLayout(10 * S, 2, 10 * S).decode(PaneLayout(5 * S, 2, 5 * S).encode([(1, ("a",), [1, 1])]))
    with pytest.raises(ValueError, match="1 figures, expected 2"):
        PaneLayout(10 * S, 2, 10 * S).decode(PaneLayout(10 * S, 1, 10 * S).encode([(0, ("a",), [1])]))
    with pytest.raises(ValueError, match="not a batch of panes"):
        PaneLayout(10 * S, 2, 10 * S).decode(b"panes")


def test_panes_are_decoded_as_they_were_encoded() -> None:
    panes: Panes = [(pane, (group,), [pane, 7]) for pane in (3, 1, 2) for group in ("b", "a")]
    assert PaneLayout(10 * S, 2, 10 * S).decode(PaneLayout(10 * S, 2, 10 * S).encode(panes)) == panes


@pytest.mark.parametrize("state", [b"", b"\x90", msgspec.msgpack.encode([99, 0, 0, 0, 0, [], []])])
def test_a_snapshot_of_another_format_is_refused(state: bytes) -> None:
    with pytest.raises(SnapshotVersionError):
        assembler(10, 10).restore(state)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 6),
    hop=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    events=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abc"), st.integers(-9, 9)), max_size=40),
)
def test_windows_equal_a_count_by_hand_in_every_order_cut_and_after_every_restore(
    size: int, hop: int, seed: int, events: list[tuple[int, str, int]]
) -> None:
    if hop > size:
        return
    rng = random.Random(seed)
    order = events.copy()
    rng.shuffle(order)
    windows = assembler(size, hop)
    while order:
        cut = rng.randint(1, len(order))
        windows.merge(batch(windows.spec, order[:cut]))
        order = order[cut:]
        resumed = assembler(size, hop)
        resumed.restore(windows.snapshot())
        assert resumed.snapshot() == windows.snapshot()
        windows = resumed
    found = []
    for watermark_s in sorted(rng.sample(range(1, 80), 5)):
        found += closed(list(windows.advance(watermark_s * S)))
        resumed = assembler(size, hop)
        resumed.restore(windows.snapshot())
        windows = resumed
    last_s = max((end for _, end, _, _ in found), default=0)
    expected: Counter[tuple[int, str]] = Counter()
    for time_s, group, _ in events:
        for end in range(last_s + 1):
            if end % hop == 0 and end - size <= time_s < end:
                expected[end, group] += 1
    assert {(end, group): vector[0] for _, end, group, vector in found if vector[0]} == dict(expected)
    assert sum(vector[1] for *_, vector in found) == sum(
        value * sum(end % hop == 0 and end - size <= time_s < end for end in range(last_s + 1))
        for time_s, _, value in events
    )
    assert [(end, group) for _, end, group, _ in found] == sorted((end, group) for _, end, group, _ in found)
    assert windows.late_events == 0
