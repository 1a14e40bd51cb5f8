"""Numbers of events: detectors/models/rate.py."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.assembler import ClosedWindow
from detectors.models.rate import RateView
from detectors.models.rhythm import Memory, RhythmName
from detectors.models.views import Side

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday


def view(bad: Side, rhythm: RhythmName = "none", *, relative: bool = False, min_expected: float = 1.0) -> RateView:
    memory = Memory(HOUR_US, 28 * DAY_US, rhythm)
    return RateView("events", count=0, bad=bad, min_expected=min_expected, memory=memory, relative=relative)


def window(hour: int, group: str, count: int) -> ClosedWindow:
    return ClosedWindow(START_US + hour * HOUR_US, START_US + (hour + 1) * HOUR_US, (group,), [count])


def play(
    of: RateView, counts: Callable[[int], list[int]], hours: int, *, after: int = 0, first: int = 0
) -> list[float]:
    """Score and learn windows of some groups; return the p-values after the first ``after`` hours."""
    found = []
    for hour in range(first, first + hours):
        windows = [window(hour, f"g{index}", count) for index, count in enumerate(counts(hour))]
        of.begin(windows)
        expected = [of.expect(one) for one in windows]
        for one, told in zip(windows, expected, strict=True):
            if hour >= first + after and of.scores(one, told):
                found.append(of.score(one, told).p_value)
            of.learn(one, told, 1.0)
    return found


@pytest.mark.parametrize("bad", ["high", "low"])
@pytest.mark.parametrize(("mean", "excess"), [(8.0, 0.0), (60.0, 0.0), (60.0, 0.05), (400.0, 0.2)])
def test_the_realised_false_rate_is_near_the_nominal_one_on_both_sides(bad: Side, mean: float, excess: float) -> None:
    rng = np.random.default_rng([int(mean), int(100 * excess)])

    def counts(_hour: int) -> list[int]:
        rates = mean * (rng.gamma(1 / excess, excess, size=8) if excess else np.ones(8))
        return [int(count) for count in rng.poisson(rates)]

    found = play(view(bad), counts, 60 * 24, after=14 * 24)
    assert len(found) > 8_000
    for rate, least, most in ((0.1, 0.75, 1.25), (1e-2, 0.4, 1.8)):
        realised = sum(p_value <= rate for p_value in found) / len(found)
        assert least * rate < realised < most * rate


def test_a_day_that_is_always_the_same_is_normal() -> None:
    of = view("low", "hour_of_day")

    def counts(hour: int) -> list[int]:
        return [200 if 8 <= hour % 24 < 20 else 10] * 3

    found = play(of, counts, 21 * 24, after=14 * 24)
    assert min(found) > 0.05
    noon, night = window(21 * 24 + 12, "g0", 10), window(21 * 24, "g0", 10)
    assert of.score(noon, of.expect(noon)).p_value < 0.01
    assert of.score(night, of.expect(night)).p_value > 0.2


def test_a_new_group_has_the_rhythm_of_its_siblings() -> None:
    of = view("low", "hour_of_day")
    play(of, lambda hour: [200 if 8 <= hour % 24 < 20 else 10] * 4, 14 * 24)
    for hour in range(14 * 24 + 8, 14 * 24 + 18):
        known = window(hour, "new", 60)
        of.learn(known, of.expect(known), 1.0)
    assert of.expect(window(14 * 24 + 30, "new", 0)).count < 12
    assert of.expect(window(14 * 24 + 36, "new", 0)).count > 40


def test_what_all_groups_have_in_common_is_left_out_of_account() -> None:
    rng = np.random.default_rng(5)
    absolute, relative = view("low"), view("low", relative=True)
    for of in (absolute, relative):
        play(of, lambda _hour: [int(count) for count in rng.poisson(100, size=5)], 14 * 24)
    holiday = [window(14 * 24, f"g{index}", 40) for index in range(5)]
    one_fails = [window(14 * 24, f"g{index}", 40 if index == 0 else 100) for index in range(5)]

    def p_of_the_first(of: RateView, windows: list[ClosedWindow]) -> float:
        of.begin(windows)
        return of.score(windows[0], of.expect(windows[0])).p_value

    assert p_of_the_first(absolute, holiday) < 1e-3
    assert p_of_the_first(relative, holiday) > 0.05
    assert p_of_the_first(relative, one_fails) < 1e-3


def test_a_large_group_that_fails_does_not_excuse_itself_and_two_groups_have_nothing_in_common() -> None:
    for sizes, suspicious in (((1000, 50, 50, 50), True), ((100, 100), True)):
        of = view("low", relative=True)
        rng = np.random.default_rng(6)
        play(of, lambda _hour, sizes=sizes, rng=rng: [int(rng.poisson(size)) for size in sizes], 14 * 24)  # type: ignore[misc]
        windows = [window(14 * 24, f"g{index}", size // 4 if index == 0 else size) for index, size in enumerate(sizes)]
        of.begin(windows)
        assert (of.score(windows[0], of.expect(windows[0])).p_value < 1e-3) is suspicious


def test_more_than_usual_in_all_groups_does_not_make_the_usual_too_few() -> None:
    of = view("low", relative=True)
    play(of, lambda _hour: [100] * 5, 14 * 24)
    campaign = [window(14 * 24, f"g{index}", 100 if index == 0 else 500) for index in range(5)]
    of.begin(campaign)
    assert of.score(campaign[0], of.expect(campaign[0])).p_value > 0.2


@pytest.mark.parametrize("change", ["learn", "unsettle", "forget", "restore"])
def test_what_was_expected_at_the_beginning_of_an_end_is_anew_when_something_changes(change: str) -> None:
    def counts(hour: int) -> list[int]:
        return [100 + hour % 24, 50, 80, 90]

    of, other = view("low", "hour_of_day", relative=True), view("low", "hour_of_day", relative=True)
    play(of, counts, 100)
    play(other, counts, 10)
    windows = [window(100, f"g{index}", 90) for index in range(4)]
    of.begin(windows)
    first = of.expect(windows[0])
    if change == "learn":
        of.learn(windows[1], of.expect(windows[1]), 1.0)
    elif change == "restore":
        of.restore(other.state())
    elif change == "forget":
        of.forget(("g0",))
    else:
        of.unsettle(("g0",), 0.1)
    now = of.expect(windows[0])
    assert now != first
    fresh = view("low", "hour_of_day")
    fresh.restore(of.state())
    assert now.doubt == fresh.expect(windows[0]).doubt


def test_windows_in_which_too_little_is_expected_are_not_scored_unless_much_comes() -> None:
    of = view("high", min_expected=5.0)
    play(of, lambda _hour: [2], 10 * 24)
    for count, scored in ((0, False), (4, False), (5, True), (500, True)):
        one = window(240, "g0", count)
        assert of.scores(one, of.expect(one)) is scored
    storm = window(240, "g0", 500)
    assert of.score(storm, of.expect(storm)).p_value < 1e-4


def test_a_level_that_is_unsettled_is_learned_anew_in_a_day() -> None:
    of, rng = view("high"), np.random.default_rng(12)
    play(of, lambda _hour: [int(rng.poisson(100 * rng.gamma(20, 0.05))) for _ in range(3)], 14 * 24)
    of.unsettle(("g0",), 0.02)
    play(of, lambda _hour: [300], 24, first=14 * 24)
    assert of.expect(window(15 * 24, "g0", 0)).count > 240
    of.forget(("g0",))
    assert of.history(("g0",)) == 0.0
    assert of.history(("g1",)) == 14 * 24


COUNTS = st.one_of(st.integers(0, 50), st.just(0), st.integers(0, 10**12))


@given(st.lists(COUNTS, max_size=30), st.sampled_from(["high", "low"]), st.integers(0, 30), st.booleans())
def test_whatever_is_counted_is_judged_and_a_stop_changes_nothing(
    counts: list[int], bad: Side, cut: int, relative: bool
) -> None:
    straight, resumed = view(bad, "hour_of_week", relative=relative), view(bad, "hour_of_week", relative=relative)
    for hour, count in enumerate(counts):
        windows = [window(5 * hour, "a", count), window(5 * hour, "b", 7), window(5 * hour, "c", count // 3)]
        for of in (straight, resumed):
            of.begin(windows)
        for one in windows:
            expected = straight.expect(one)
            assert expected == resumed.expect(one)
            assert math.isfinite(expected.count)
            assert expected.count > 0.0
            assert 0.0 < straight.score(one, expected).p_value <= 1.0
            straight.learn(one, expected, 0.5)
            resumed.learn(one, expected, 0.5)
        if hour == cut:
            kept = resumed.state()
            resumed = view(bad, "hour_of_week", relative=relative)
            resumed.restore(kept)
    assert resumed.state() == straight.state()
