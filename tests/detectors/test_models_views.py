"""Shares and means of windows: detectors/models/share.py and mean.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.assembler import ClosedWindow
from detectors.models.baseline import SENTIMENT
from detectors.models.mean import MICRO, MeanView
from detectors.models.rhythm import Memory
from detectors.models.share import ShareView
from detectors.models.views import Side, View

HOUR_US = 3_600_000_000
START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday
MEMORY = Memory(HOUR_US, 28 * 24 * HOUR_US, "hour_of_week")


def share(min_count: int = 1) -> ShareView:
    return ShareView("share", part=1, count=0, min_count=min_count, memory=MEMORY)


def mean(bad: Side = "low", min_count: int = 1) -> MeanView:
    return MeanView(
        "mean",
        count=0,
        total=1,
        squares=2,
        bad=bad,
        min_count=min_count,
        scale=SENTIMENT,
        prior_spread=0.3,
        memory=MEMORY,
    )


def window(hour: int, *vector: int, group: str = "g") -> ClosedWindow:
    return ClosedWindow(START_US + hour * HOUR_US, START_US + (hour + 1) * HOUR_US, (group,), list(vector))


def taught(of: View, *vector: int, hours: int = 200) -> View:
    for hour in range(hours):
        one = window(hour, *vector)
        of.learn(one, of.expect(one), 1.0)
    return of


def p_of(of: View, *vector: int, group: str = "g") -> float:
    one = window(300, *vector, group=group)
    return of.score(one, of.expect(one)).p_value


def test_more_bad_ones_are_unusual_and_fewer_never() -> None:
    of = taught(share(), 100, 20)
    assert p_of(of, 100, 60) < 1e-4
    assert p_of(of, 100, 20) == pytest.approx(0.5, abs=0.1)
    assert p_of(of, 100, 0) > 0.8


def test_the_same_share_of_fewer_says_less() -> None:
    of = taught(share(), 100, 20)
    assert p_of(of, 10, 6) > 10 * p_of(of, 100, 60)


def test_more_bad_ones_than_there_are_is_as_bad_as_all() -> None:
    of = taught(share(), 100, 20)
    one, all_of_them = window(300, 10, 500), window(300, 10, 10)
    assert of.score(one, of.expect(one)) == of.score(all_of_them, of.expect(all_of_them))
    assert of.score(one, of.expect(one)).value == 1.0


@pytest.mark.parametrize(("bad", "worse"), [("low", -40 * MICRO), ("high", 90 * MICRO)])
def test_a_mean_is_judged_on_its_bad_side_only(bad: Side, worse: int) -> None:
    of = taught(mean(bad), 100, 25 * MICRO, 50 * MICRO)
    assert p_of(of, 100, worse, 90 * MICRO) < 1e-4
    assert p_of(of, 100, 50 * MICRO - worse, 90 * MICRO) > 0.9


def test_values_that_vary_more_make_a_mean_less_sure() -> None:
    steady, varied = taught(mean(), 50, 25 * MICRO, 13 * MICRO), taught(mean(), 50, 25 * MICRO, 45 * MICRO)
    assert p_of(steady, 50, 10 * MICRO, 10 * MICRO) < p_of(varied, 50, 10 * MICRO, 10 * MICRO)


def test_windows_with_too_few_are_not_scored() -> None:
    cases: list[tuple[View, list[int], list[int]]] = [
        (share(5), [4, 4], [5, 0]),
        (mean(min_count=5), [4, 0, 0], [5, 0, 0]),
    ]
    for of, few, enough in cases:
        for vector, scored in ((few, False), (enough, True)):
            one = window(0, *vector)
            assert of.scores(one, of.expect(one)) is scored


def test_empty_windows_teach_nothing() -> None:
    for of, empty in ((share(), (0, 0)), (mean(), (0, 0, 0))):
        before = of.expect(window(0, *empty))
        taught(of, *empty)
        assert of.expect(window(300, *empty)) == before
        assert of.history(("g",)) == 0.0


def test_a_group_that_is_forgotten_is_new_and_what_it_taught_of_others_stays() -> None:
    for of, vector in ((share(), (100, 80)), (mean(), (100, -60 * MICRO, 50 * MICRO))):
        taught(of, *vector)
        of.forget(("g",))
        assert of.history(("g",)) == 0.0
        assert p_of(of, *vector) > 0.2  # its siblings' level, which it set itself


def test_a_level_that_is_unsettled_gives_way_to_what_comes() -> None:
    of = taught(share(), 100, 20)
    settled = p_of(of, 100, 60)
    of.unsettle(("g",), 0.02)
    assert p_of(of, 100, 60) > 5 * settled


COUNTS = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 10**12))


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=25), st.integers(0, 25), st.floats(0.05, 1.0))
def test_whatever_shares_come_are_judged_and_a_stop_changes_nothing(
    vectors: list[tuple[int, int]], cut: int, weight: float
) -> None:
    straight, resumed = share(), share()
    for hour, (count, bad) in enumerate(vectors):
        one = window(7 * hour, count, bad, group="ab"[hour % 2])
        expected = straight.expect(one)
        assert resumed.expect(one) == expected
        assert 0.0 < expected.value < 1.0
        if straight.scores(one, expected):
            assert 0.0 < straight.score(one, expected).p_value <= 1.0
        straight.learn(one, expected, weight)
        resumed.learn(one, expected, weight)
        if hour == cut:
            kept = resumed.state()
            resumed = share()
            resumed.restore(kept)
    assert resumed.state() == straight.state()


@given(st.lists(st.tuples(COUNTS, st.floats(-1.0, 1.0), st.floats(0.0, 1.0)), max_size=25), st.integers(0, 25))
def test_whatever_means_come_are_judged_and_a_stop_changes_nothing(
    moments: list[tuple[int, float, float]], cut: int
) -> None:
    straight, resumed = mean(), mean()
    for hour, (count, value, spread) in enumerate(moments):
        total = round(count * value * MICRO)
        one = window(7 * hour, count, total, round(count * (value * value + spread) * MICRO), group="ab"[hour % 2])
        expected = straight.expect(one)
        assert resumed.expect(one) == expected
        assert expected.spread > 0.0
        assert math.isfinite(expected.mean.value)
        if straight.scores(one, expected):
            assert 0.0 < straight.score(one, expected).p_value <= 1.0
        straight.learn(one, expected, 1.0)
        resumed.learn(one, expected, 1.0)
        if hour == cut:
            kept = resumed.state()
            resumed = mean()
            resumed.restore(kept)
    assert resumed.state() == straight.state()
