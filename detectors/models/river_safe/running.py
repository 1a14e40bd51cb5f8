"""Mean and spread of all values, or of a window of them, by River's ``stats.Var`` kept clear of its rounding errors."""

import math
from collections import deque

import msgspec
from river import stats

from detectors.models.river_safe.scaling import CLIP, FLAT

_LOST = 1e-6
"""Share of the sum of squares below which what is left after taking values out is mostly rounding errors."""
_LEAST_SPREAD = 1e-30


class RunningState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state of a :class:`Running`."""

    anchor: float
    count: float
    mean: float
    squares: float
    highest: float
    most: float
    since: int
    window: list[float]


class Running:
    """Mean and standard deviation, of a window or of all values.

    ``utils.Rolling(stats.Var)`` takes old values out of a sum of squares. Where values turn constant, or a giant leaves
    the window, what remains is rounding errors, which may be negative: River's ``GaussianScorer`` then takes the root
    of it and raises ``TypeError``. Here values count from an anchor near them, and the sum is added up anew from the
    window once a window, and where too much of it has gone.

    A single giant is learned as ``CLIP`` standard deviations, or as the largest distance before it; the second of its
    size is believed (see :class:`~detectors.models.river_safe.scaling.Scaling`).

    Args:
        window_size: recent values that are looked at; None for all.
    """

    def __init__(self, window_size: int | None = None) -> None:
        self._window: deque[float] | None = None if window_size is None else deque(maxlen=window_size)
        self._anchor = 0.0
        self._highest = 0.0
        self._most = 0.0
        self._since = 0
        self._var = stats.Var()

    @property
    def count(self) -> int:
        """Values that are looked at."""
        return int(self._var.n)

    @property
    def mean(self) -> float:
        """Their mean; 0.0 for none."""
        return self._anchor + float(self._var.mean.get())

    @property
    def spread(self) -> float:
        """Their standard deviation, kept above the rounding errors of a constant."""
        return max(math.sqrt(max(0.0, self._var.get())), FLAT * abs(self.mean), _LEAST_SPREAD)

    def learn(self, value: float) -> float:
        """Learn a finite value (up to 1e100), and return what it was learned as."""
        if self.count == 0:
            self._anchor = value
        distance = value - self.mean
        bound = max(CLIP * self.spread, self._most)
        self._most = max(abs(distance), self._most * (1.0 - 1.0 / (self.count + 1.0)))
        taken = self.mean + math.copysign(bound, distance) if abs(distance) > bound and self.count > 1 else value
        if self._window is not None and len(self._window) == self._window.maxlen:
            self._var.revert(self._window[0] - self._anchor)
        self._var.update(taken - self._anchor)
        squares = self._var._S
        self._highest = max(self._highest, squares)
        if self._window is not None:
            self._window.append(taken)
            self._since += 1
            if squares < _LOST * self._highest or self._since >= len(self._window):
                self._add_up(taken)
        return taken

    def _add_up(self, anchor: float) -> None:
        """Add the window up anew, from an anchor that is in it: a constant then has no spread at all."""
        self._anchor = anchor
        self._since = 0
        self._var = stats.Var()
        for value in self._window or ():
            self._var.update(value - anchor)
        self._highest = self._var._S

    def plain(self) -> RunningState:
        """Return the state as plain data."""
        return RunningState(
            anchor=self._anchor,
            count=float(self._var.n),
            mean=float(self._var.mean.get()),
            squares=self._var._S,
            highest=self._highest,
            most=self._most,
            since=self._since,
            window=list(self._window or ()),
        )

    def take(self, state: RunningState) -> None:
        """Take over a state of one with the same window."""
        self._anchor, self._highest, self._most = state.anchor, state.highest, state.most
        self._since = state.since
        self._var = stats.Var()
        self._var.mean = stats.Mean._from_state(state.count, state.mean)
        self._var._S = state.squares
        if self._window is not None:
            self._window.clear()
            self._window.extend(state.window)
