"""The scoring of the Numenta Anomaly Benchmark, v1.1, written afresh from its definition.

A detection is a point whose score reaches the threshold. In a window of labels only the earliest detection earns, the
more the earlier; a window without one costs. A detection outside windows costs, less shortly behind a window. The first
15 % of a series (at most 750 points) are not scored. 0 is a detector that says nothing, 100 a perfect one.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.series.rows import nab_rows, opened

Floats = npt.NDArray[np.float64]


class Profile(NamedTuple):
    """What a window found, a false detection, and a window missed are worth."""

    found: float
    false: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "low FP": Profile(1.0, 0.22, 1.0),
    "low FN": Profile(1.0, 0.11, 2.0),
}


class Labelled(NamedTuple):
    """A series and its windows.

    Attributes:
        name: ``<category>/<series>.csv``.
        worth: of a detection at each point before weights: in a window in (0, 1], outside in [-1, 0).
        window: number of the window that each point lies in; -1: none.
        start: first point that is scored.
    """

    name: str
    worth: Floats
    window: npt.NDArray[np.int64]
    start: int

    @property
    def category(self) -> str:
        """The folder of the series."""
        return self.name.partition("/")[0]


def sigmoid(position: float) -> float:
    """Return the worth at ``position``: -1 at the left edge of a window, 0 at its right, then behind it.

    >>> round(sigmoid(-1.0), 4), sigmoid(0.0), sigmoid(4.0)
    (0.9866, 0.0, -1.0)
    """
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def labelled(name: str, points: int, windows: Sequence[tuple[int, int]]) -> Labelled:
    """Return a series of ``points`` points whose windows are (first, last) index, in order, apart from each other."""
    worth = np.full(points, -1.0)
    window = np.full(points, -1, dtype=np.int64)
    for number, (left, right) in enumerate(windows):
        width = right - left + 1
        for i in range(left, right + 1):
            worth[i] = sigmoid(-(right - i + 1) / width) / sigmoid(-1.0)
            window[i] = number
        after = windows[number + 1][0] if number + 1 < len(windows) else points
        for i in range(right + 1, after):
            worth[i] = sigmoid((i - right) / (width - 1)) if width > 1 else -1.0
    return Labelled(name, worth, window, math.ceil(min(math.floor(0.15 * points), 0.15 * 5000)))


def corpus(data: Path) -> list[Labelled]:
    """Return the series under ``data`` (with ``data/`` and ``labels/combined_windows.json`` in it)."""
    windows = json.loads((data / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    found = []
    for name in sorted(windows):
        with opened(data / "data" / name) as lines:
            times = [datetime.fromisoformat(row.texts[0]) for row in nab_rows(lines)]
        first: dict[datetime, int] = {}
        for i, time in enumerate(times):
            first.setdefault(time, i)
        bounds = [(first[datetime.fromisoformat(a)], first[datetime.fromisoformat(b)]) for a, b in windows[name]]
        found.append(labelled(name, len(times), bounds))
    return found


def sweep(series: Labelled, scores: Floats, profile: Profile) -> tuple[Floats, Floats]:
    """Return thresholds, falling from infinity, and what the series earns with each."""
    score, worth, window = (a[series.start :] for a in (scores, series.worth, series.window))
    gain = np.where(window < 0, profile.false * worth, 0.0)
    base = 0.0
    for number in np.unique(window[window >= 0]):
        base -= profile.missed
        inside = np.flatnonzero(window == number)
        inside = inside[np.argsort(-score[inside], kind="stable")]
        best = np.maximum.accumulate(profile.found * worth[inside])
        gain[inside] = np.diff(best, prepend=-profile.missed)
    order = np.argsort(-score, kind="stable")
    score, total = score[order], base + np.cumsum(gain[order])
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if score.size else np.array([], dtype=np.int64)
    return np.concatenate(([np.inf], score[last])), np.concatenate(([base], total[last]))


class Table(NamedTuple):
    """What every series earns with every threshold: ``earned[series, threshold]``, and how many windows it has."""

    thresholds: Floats
    earned: Floats
    windows: Floats
    profile: Profile

    def score(self, series: Sequence[int], threshold: int) -> float:
        """Return the normalised score of some of the series at a threshold (its number)."""
        return self.normalised(
            float(self.earned[list(series), threshold].sum()), float(self.windows[list(series)].sum())
        )

    def normalised(self, earned: float, windows: float) -> float:
        """Return a sum as 0 for saying nothing, 100 for perfect."""
        worst, best = -self.profile.missed * windows, self.profile.found * windows
        return 100.0 * (earned - worst) / (best - worst) if windows else 0.0

    def best(self, series: Sequence[int]) -> int:
        """Return the number of the threshold that is best for some of the series."""
        return int(self.earned[list(series)].sum(axis=0).argmax())


def table(series: Sequence[Labelled], scores: Sequence[Floats], profile: Profile) -> Table:
    """Return what every series earns with every threshold that makes a difference to any of them."""
    sweeps = [sweep(one, score, profile) for one, score in zip(series, scores, strict=True)]
    thresholds = np.unique(np.concatenate([found for found, _ in sweeps]))[::-1]
    earned = np.empty((len(series), thresholds.size))
    for row, (own, totals) in enumerate(sweeps):
        earned[row] = totals[np.searchsorted(-own, -thresholds, side="right") - 1]
    windows = [float(np.unique(one.window[one.start :][one.window[one.start :] >= 0]).size) for one in series]
    return Table(thresholds, earned, np.array(windows), profile)
