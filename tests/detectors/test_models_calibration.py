"""A p-value is a promise: where nothing is wrong, a share p of the windows is at or below p. Measured, seeded."""

import pytest

from detectors.assembler import ClosedWindow
from detectors.models.sentiment import View
from tests.detectors.simulate import Null, model, p_values, windows

NULLS = {
    "windows differ by counting alone": (Null(0.0, 40, days=120), 1),
    "overdispersed": (Null(0.02, 100, days=120), 1),
    "strongly overdispersed, large windows": (Null(0.1, 300, days=120), 1),
    "small windows": (Null(0.02, 30, days=120), 1),
    "many groups, little history": (Null(0.02, 100, days=8, groups=40), 1),
    "daily and weekly rhythm, still being learned": (Null(0.02, 100, days=56, groups=6, daily=0.1, weekend=0.05), 1),
    "daily and weekly rhythm, learned": (Null(0.01, 200, days=100, daily=0.1, weekend=0.05), 35),
}


@pytest.mark.parametrize("name", NULLS)
def test_the_realised_false_rate_is_near_the_nominal_one(name: str) -> None:
    null, after_days = NULLS[name]
    found = p_values(null, model(), after_days=after_days)
    tests = len(found["all"])
    assert tests > 6000
    for view in ("negative_share", "mean"):
        assert 0.005 < sum(p <= 1e-2 for p in found[view]) / tests < 0.0135, view
        assert sum(p <= 1e-3 for p in found[view]) / tests < 0.0018, view
    # Two views of the same events say much the same, so Bonferroni gives away up to half.
    assert 0.003 < sum(p <= 1e-2 for p in found["all"]) / tests < 0.0115
    assert sum(p <= 1e-3 for p in found["all"]) / tests < 0.0015


def test_on_fifty_thousand_windows_one_in_a_thousand_is_one_in_a_thousand() -> None:
    found = p_values(Null(0.02, 100, days=105, groups=20, seed=9), model(("negative_share",), rhythm="hour_of_day"))
    tests = len(found["negative_share"])
    assert tests > 49_000
    assert 0.0005 < sum(p <= 1e-3 for p in found["negative_share"]) / tests < 0.0015
    assert 0.007 < sum(p <= 1e-2 for p in found["negative_share"]) / tests < 0.012


@pytest.mark.parametrize("view", ["negative_share", "mean"])
def test_a_real_drop_is_found(view: View) -> None:
    known = model((view,))
    for window in windows(Null(0.02, 100, days=14)):
        known.learn(window, 1.0)
    bad = ClosedWindow(0, window.end_us, ("g0",), [100, 75, (10 - 75) * 1_000_000, 85 * 1_000_000])
    assert known.score(bad).p_value < 1e-4
