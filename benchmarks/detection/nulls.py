"""Streams in which nothing is wrong: for each window, how much happens, and how good it is.

A null stream gives, for every group and window, two figures: *volume*, a factor on how many events there are, and
*mood*, in standard deviations of what the quality of a window varies by anyway.
:mod:`benchmarks.detection.worlds` makes the windows of a detector out of them.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Step = tuple[Floats, Floats]
"""Volume factors and moods of all groups, for one window."""
Null = Callable[[np.random.Generator, int, float], Iterator[Step]]
"""``null(rng, groups, windows_a_day)`` yields steps for ever."""
_VOLUME_SD = 0.1


def stationary(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield independent windows: nothing changes but by chance."""
    del a_day
    while True:
        yield np.exp(_VOLUME_SD * rng.normal(size=groups)), rng.normal(size=groups)


def seasonal(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield a day and a week: three times as much at noon as at night, less and worse at weekends."""
    window = 0
    phase = rng.uniform(-0.5, 0.5, size=groups)
    while True:
        day = window / a_day
        wave = np.sin(2 * math.pi * day + phase)
        weekend = float(int(day) % 7 >= 5)
        volume = np.exp(0.55 * wave - 0.4 * weekend + _VOLUME_SD * rng.normal(size=groups))
        yield volume, rng.normal(size=groups) + 2.0 * wave + 1.5 * weekend
        window += 1


def ar(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield windows with a memory: both figures are autoregressive with 0.9 from one window to the next."""
    del a_day
    keep, new = 0.9, math.sqrt(1 - 0.81)
    volume, mood = rng.normal(size=groups), rng.normal(size=groups)
    while True:
        yield np.exp(2 * _VOLUME_SD * volume), mood
        volume = keep * volume + new * rng.normal(size=groups)
        mood = keep * mood + new * rng.normal(size=groups)


def heavy_tailed(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield windows that now and then are far off: both figures follow Student's t with three degrees of freedom."""
    del a_day
    scale = 1.0 / math.sqrt(3.0)
    while True:
        volume = np.clip(rng.standard_t(3, size=groups) * scale, -20, 20)
        yield np.exp(_VOLUME_SD * volume), np.clip(rng.standard_t(3, size=groups) * scale, -20, 20)


def counts(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield small windows (see :data:`SMALL`): chance comes from counting."""
    del a_day
    while True:
        yield np.ones(groups), np.zeros(groups)
        rng.normal()


def bursty(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield peaks of volume: once a day or so, for three hours, five times as much, and no worse."""
    length = max(1, round(a_day / 8))
    left = np.zeros(groups, dtype=np.int64)
    while True:
        starts = (left == 0) & (rng.random(groups) < 1.0 / a_day)
        left = np.where(starts, length, np.maximum(0, left - 1))
        volume = np.where(left > 0, 5.0, 1.0) * np.exp(_VOLUME_SD * rng.normal(size=groups))
        yield volume, rng.normal(size=groups)


def drifting(rng: np.random.Generator, groups: int, a_day: float) -> Iterator[Step]:
    """Yield slow change: groups wander by a standard deviation of mood a fortnight, and a tenth of their volume."""
    step = 1.0 / math.sqrt(14.0 * a_day)
    volume, mood = np.zeros(groups), np.zeros(groups)
    while True:
        yield np.exp(volume + _VOLUME_SD * rng.normal(size=groups)), mood + rng.normal(size=groups)
        volume = volume + 0.1 * step * rng.normal(size=groups)
        mood = mood + step * rng.normal(size=groups)


NULLS: dict[str, Null] = {
    "stationary": stationary,
    "seasonal": seasonal,
    "ar": ar,
    "heavy_tailed": heavy_tailed,
    "counts": counts,
    "bursty": bursty,
    "drifting": drifting,
}
SMALL = "counts"
"""The null whose windows hold few events."""
