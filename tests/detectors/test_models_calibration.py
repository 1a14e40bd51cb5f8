"""A p-value is a promise: where nothing is wrong, a share p of the windows is at or below p. Measured, seeded."""

import math

import numpy as np
import pytest

from detectors.assembler import ClosedWindow
from detectors.contract import Context, Progress
from detectors.models.mean import MICRO
from detectors.sentiment_drop import SentimentDropSettings, ViewName, build
from detectors.windowed import Windowed
from tests.detectors.simulate import HOUR_US, START_US, Null, p_values, view, windows

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
@pytest.mark.parametrize("of", ["negative_share", "mean"])
def test_the_realised_false_rate_of_a_view_is_near_the_nominal_one(name: str, of: ViewName) -> None:
    null, after_days = NULLS[name]
    found = p_values(null, view(of), after_days=after_days)
    assert len(found) > 6000
    assert 0.005 < sum(p <= 1e-2 for p in found) / len(found) < 0.0135
    assert sum(p <= 1e-3 for p in found) / len(found) < 0.0018


def test_on_fifty_thousand_windows_one_in_a_thousand_is_one_in_a_thousand() -> None:
    found = p_values(Null(0.02, 100, days=105, groups=20, seed=9), view("negative_share", "hour_of_day"))
    assert len(found) > 49_000
    assert 0.0005 < sum(p <= 1e-3 for p in found) / len(found) < 0.0015
    assert 0.007 < sum(p <= 1e-2 for p in found) / len(found) < 0.012


@pytest.mark.parametrize("of", ["negative_share", "mean"])
def test_a_real_drop_is_found(of: ViewName) -> None:
    known = view(of)
    for window in windows(Null(0.02, 100, days=14)):
        known.learn(window, known.expect(window), 1.0)
    bad = ClosedWindow(0, window.end_us, ("g0",), [100, 75, (10 - 75) * 1_000_000, 85 * 1_000_000])
    assert known.score(bad, known.expect(bad)).p_value < 1e-4


def test_overlapping_windows_keep_the_false_rate_and_few_of_them_become_alerts() -> None:
    """The mood of each group wanders with a memory of two hours; hourly windows hop by a quarter of an hour."""
    rng = np.random.default_rng(1)
    detector = build("mood", SentimentDropSettings(window=HOUR_US, hop=HOUR_US // 4), Context())
    assert isinstance(detector, Windowed)
    state, pane_us = detector.state(), HOUR_US // 4
    memory = math.exp(-pane_us / (2 * HOUR_US))
    moods = np.zeros(8)
    p_values, alerts, days = [], 0, 30
    for pane in range(START_US // pane_us, START_US // pane_us + days * 96):
        moods = memory * moods + math.sqrt(1 - memory * memory) * rng.normal(size=8)
        sums: list[tuple[int, tuple[str, ...], list[int]]] = []
        for group in range(8):
            count = 1 + int(rng.poisson(24))
            negative = int(rng.binomial(count, 1 / (1 + math.exp(0.5 - 0.3 * moods[group]))))
            positive = int(rng.binomial(count - negative, 0.5))
            figures = [count, negative, (positive - negative) * MICRO, (positive + negative) * MICRO]
            sums.append((pane, (f"g{group}",), figures))
        now_us = (pane + 1) * pane_us
        outcome = state.update(sums, Progress(now_us, now_us))
        alerts += sum(change.status == "firing" for change in outcome.changes)
        p_values += [found.p_value for found in outcome.findings if found.p_value is not None]
    assert len(p_values) > 22_000
    assert sum(p_value <= 1e-2 for p_value in p_values) / len(p_values) < 0.013
    assert sum(p_value <= 1e-3 for p_value in p_values) / len(p_values) < 0.002
    assert alerts <= 0.5 * 8 * days / 7
