"""What is normal: detectors/models/baseline.py, and the views that stand on it."""

import math

import pytest

from detectors.assembler import ClosedWindow
from detectors.models.baseline import SHARE, Baseline
from detectors.models.mean import MICRO
from detectors.models.rhythm import Memory, RhythmName
from detectors.models.views import View, ViewScore
from detectors.sentiment_drop import ViewName
from tests.detectors.simulate import HOUR_US, START_US, Null, view, windows

DAY_US = 24 * HOUR_US
A = ("a",)


def baseline(rhythm: RhythmName = "hour_of_week", window_us: int = HOUR_US) -> Baseline:
    return Baseline(SHARE, Memory(window_us, 28 * DAY_US, rhythm))


def teach(known: Baseline, share: float, hours: range, group: tuple[str, ...] = A, weight: float = 1.0) -> None:
    for hour in hours:
        end_us = START_US + hour * HOUR_US
        expected = known.predict(group, end_us)
        known.learn(group, end_us, share, expected=expected, count=200, spread=0.2, weight=weight)


def test_a_prediction_changes_nothing() -> None:
    known = baseline()
    teach(known, 0.4, range(100))
    before = known.state()
    known.predict(A, START_US + 1000 * HOUR_US)
    known.predict(("never seen",), START_US + 1000 * HOUR_US)
    assert known.state() == before


def test_a_group_without_history_borrows_from_its_siblings_with_doubt() -> None:
    known = baseline()
    first = known.predict(A, START_US)
    teach(known, 0.6, range(300), ("b",))
    new, old = known.predict(A, START_US + 300 * HOUR_US), known.predict(("b",), START_US + 300 * HOUR_US)
    assert new.value == pytest.approx(0.6, abs=0.02)
    assert old.doubt < SHARE.group_sd**2 < new.doubt < first.doubt
    assert new.degrees > first.degrees


def test_evidence_of_its_own_outweighs_the_siblings() -> None:
    known = baseline()
    teach(known, 0.6, range(200), ("b",))
    teach(known, 0.2, range(200, 230))
    assert known.predict(A, START_US + 230 * HOUR_US).value == pytest.approx(0.2, abs=0.05)


def test_what_the_siblings_have_just_learned_counts_for_the_next_prediction_of_the_same_end() -> None:
    known = baseline()
    teach(known, 0.2, range(100), ("b",))
    end_us = START_US + 100 * HOUR_US
    groups = (A, ("b",), ("c",))
    for share, group in ((0.9, ("b",)), (0.4, ("c",)), (0.1, A)):
        known.predict(A, end_us)
        known.learn(group, end_us, share, expected=known.predict(group, end_us), count=200, spread=0.2, weight=1.0)
        fresh = baseline()
        fresh.restore(known.state())
        assert [known.predict(one, end_us) for one in groups] == [fresh.predict(one, end_us) for one in groups]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused_and_changes_nothing(value: float) -> None:
    known = baseline()
    teach(known, 0.4, range(50))
    before, end_us = known.state(), START_US + 50 * HOUR_US
    with pytest.raises(ValueError, match="must be finite"):
        known.learn(A, end_us, 0.4, expected=known.predict(A, end_us), count=200, spread=0.2, weight=value)
    assert known.state() == before


def test_hours_of_the_day_are_learned_and_so_are_those_of_the_week() -> None:
    known = baseline()
    for hour in range(6 * 7 * 24):
        night, weekend = hour % 24 < 6, hour // 24 % 7 >= 5
        share = 0.3 + 0.2 * night + 0.1 * (weekend and not night)
        end_us = START_US + (hour + 1) * HOUR_US
        known.learn(A, end_us, share, expected=known.predict(A, end_us), count=500, spread=0.2, weight=1.0)
    start_us = START_US + 6 * 7 * DAY_US

    def expected(day: int, hour: int) -> float:
        return known.predict(A, start_us + day * DAY_US + (hour + 1) * HOUR_US).value

    assert expected(1, 3) == pytest.approx(0.5, abs=0.03)
    assert expected(1, 12) == pytest.approx(0.3, abs=0.03)
    assert expected(5, 12) == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize(("rhythm", "window_us"), [("none", HOUR_US), ("hour_of_week", 7 * DAY_US)])
def test_without_a_rhythm_all_hours_are_equal(rhythm: RhythmName, window_us: int) -> None:
    known = baseline(rhythm, window_us)
    teach(known, 0.4, range(50))
    first = known.predict(A, START_US + 60 * HOUR_US).value
    for hour in range(61, 228):
        assert known.predict(A, START_US + hour * HOUR_US).value == pytest.approx(first, abs=1e-3)


def test_windows_that_differ_by_more_than_counting_show_as_correlation() -> None:
    found = {}
    for correlation in (0.0, 0.02, 0.1):
        known = baseline("none")
        for window in windows(Null(correlation, 200, days=40, groups=1)):
            share = window.vector[1] / window.vector[0]
            group, end_us, count = window.group, window.end_us, window.vector[0]
            expected = known.predict(group, end_us)
            known.learn(group, end_us, share, expected=expected, count=count, spread=0.21, weight=1.0)
        found[correlation] = known.predict(("g0",), window.end_us).correlation
    assert found[0.0] < 0.002
    assert found[0.02] == pytest.approx(0.02, rel=0.25)
    assert found[0.1] == pytest.approx(0.1, rel=0.25)


def test_a_failure_is_not_learned_away_in_its_first_hours() -> None:
    known = baseline()
    teach(known, 0.3, range(14 * 24))
    usual = known.predict(A, START_US + 14 * DAY_US).value
    teach(known, 0.95, range(14 * 24, 14 * 24 + 12), weight=0.1)
    after = known.predict(A, START_US + 15 * DAY_US).value
    assert usual < after < usual + 0.02


def test_a_lasting_change_becomes_normal() -> None:
    known = baseline()
    teach(known, 0.3, range(14 * 24))
    teach(known, 0.5, range(14 * 24, 200 * 24))
    assert known.predict(A, START_US + 200 * DAY_US).value == pytest.approx(0.5, abs=0.01)


def test_a_forgotten_group_is_new_again_and_its_siblings_keep_what_it_taught() -> None:
    known = baseline()
    teach(known, 0.6, range(100))
    known.forget_group(A)
    new = known.predict(A, START_US + 100 * HOUR_US)
    assert known.history(A) == 0.0
    assert new.value == pytest.approx(0.6, abs=0.02)
    assert new.doubt > SHARE.group_sd**2


def test_a_group_of_no_labels_is_not_mistaken_for_the_siblings() -> None:
    known = baseline()
    teach(known, 0.6, range(100), ())
    known.forget_group(())
    assert known.predict((), START_US + 100 * HOUR_US).value == pytest.approx(0.6, abs=0.02)


VIEWS: tuple[ViewName, ...] = ("negative_share", "mean")


@pytest.mark.parametrize("name", VIEWS)
def test_a_restored_view_scores_and_learns_byte_for_byte_as_one_that_never_stopped(name: ViewName) -> None:
    straight, stopped = view(name), view(name)
    for index, window in enumerate(windows(Null(0.02, 50, days=4, groups=2, seed=3))):
        expected = straight.expect(window)
        assert stopped.expect(window) == expected
        assert straight.score(window, expected) == stopped.score(window, expected)
        straight.learn(window, expected, 0.25)
        stopped.learn(window, expected, 0.25)
        if index % 10 == 0:
            state = stopped.state()
            stopped = view(name)
            stopped.restore(state)
            assert stopped.state() == state
    assert straight.state() == stopped.state()


def learn(known: View, window: ClosedWindow) -> None:
    known.learn(window, known.expect(window), 1.0)


def score(known: View, window: ClosedWindow) -> ViewScore:
    found: ViewScore = known.score(window, known.expect(window))
    return found


@pytest.mark.parametrize("name", VIEWS)
def test_sentiments_that_never_vary_are_scored_all_the_same(name: ViewName) -> None:
    known = view(name)
    for hour in range(100):
        learn(known, ClosedWindow(0, START_US + hour * HOUR_US, A, [40, 0, 0, 0]))
    usual = score(known, ClosedWindow(0, START_US + 101 * HOUR_US, A, [40, 0, 0, 0]))
    assert usual.p_value > 0.3
    awful = score(known, ClosedWindow(0, START_US + 101 * HOUR_US, A, [40, 40, -40 * MICRO, 40 * MICRO]))
    assert awful.p_value < 1e-9


@pytest.mark.parametrize("name", VIEWS)
def test_better_than_usual_is_never_unusual(name: ViewName) -> None:
    known = view(name)
    for window in windows(Null(0.02, 100, days=7, groups=1)):
        learn(known, window)
    better = score(known, ClosedWindow(0, window.end_us + HOUR_US, ("g0",), [100, 0, 100 * MICRO, 100 * MICRO]))
    assert better.p_value > 0.9
