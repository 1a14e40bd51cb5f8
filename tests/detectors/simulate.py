"""Windows of sentiments in which nothing is wrong; seeded; they may vary by more than counting explains."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from detectors.assembler import ClosedWindow
from detectors.models.baseline import SENTIMENT
from detectors.models.mean import MICRO, MeanView
from detectors.models.rhythm import Memory, RhythmName
from detectors.models.share import ShareView
from detectors.models.views import View
from detectors.sentiment_drop import COUNT, NEGATIVE, SQUARES, SUM, ViewName

HOUR_US = 3_600_000_000
START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday


class Null(NamedTuple):
    """A company in which nothing is wrong.

    Attributes:
        correlation: of events in one window; 0: windows differ by counting alone.
        events: events in a window, on average.
        daily, weekend: how far the negative share swings over the day, and is higher at weekends.
    """

    correlation: float
    events: float
    days: int
    groups: int = 4
    daily: float = 0.0
    weekend: float = 0.0
    seed: int = 1


def windows(null: Null) -> Iterator[ClosedWindow]:
    """Yield hourly windows by (end, group). Sentiments are -1, 0 or 1."""
    rng = np.random.default_rng(null.seed)
    for hour in range(null.days * 24):
        start_us = START_US + hour * HOUR_US
        swing = null.daily * math.sin(2 * math.pi * hour / 24) + null.weekend * (hour // 24 % 7 >= 5)
        for group in range(null.groups):
            share = 0.3 + 0.1 * (group % 4) + swing
            count = max(1, int(rng.poisson(null.events)))
            if null.correlation > 0.0:
                share = rng.beta(share * (1 / null.correlation - 1), (1 - share) * (1 / null.correlation - 1))
            negative = int(rng.binomial(count, share))
            positive = int(rng.binomial(count - negative, 0.5))
            vector = [count, negative, (positive - negative) * MICRO, (positive + negative) * MICRO]
            yield ClosedWindow(start_us, start_us + HOUR_US, (f"g{group}",), vector)


def view(name: ViewName, rhythm: RhythmName = "hour_of_week") -> View:
    """Return a view of hourly windows, as ``sentiment_drop`` has it."""
    memory = Memory(HOUR_US, 28 * 24 * HOUR_US, rhythm)
    if name == "negative_share":
        return ShareView(name, part=NEGATIVE, count=COUNT, min_count=1, memory=memory)
    return MeanView(
        name,
        count=COUNT,
        total=SUM,
        squares=SQUARES,
        bad="low",
        min_count=1,
        scale=SENTIMENT,
        prior_spread=0.35,
        memory=memory,
    )


def p_values(null: Null, of: View, *, after_days: int = 1) -> list[float]:
    """Score every window, then learn it; return the p-values after the first days."""
    found: list[float] = []
    for window in windows(null):
        expected = of.expect(window)
        if window.end_us > START_US + after_days * 24 * HOUR_US:
            found.append(of.score(window, expected).p_value)
        of.learn(window, expected, 1.0)
    return found
