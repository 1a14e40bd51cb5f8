"""A mean over the events of a window (sentiment, survey score, log of a duration): judged by Student's t."""

import math
from collections.abc import Sequence

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.baseline import Baseline, BaselineState, Scale
from detectors.models.means import Means, MeansState
from detectors.models.prediction import Prediction, degrees_of, excess_of
from detectors.models.rhythm import Memory
from detectors.models.tails import student_upper
from detectors.models.views import Lever, Side, ViewScore
from detectors.panes import Group

MICRO = 1_000_000
"""Values are summed as integers in millionths."""
_PRIOR_SPREAD_COUNT = 50.0
_LEAST_SPREAD_SHARE = 0.003
_ALL: Group = ()


class Expectation(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong: its mean, and the variance of single values."""

    mean: Prediction
    spread: float


class _State(msgspec.Struct, array_like=True, frozen=True):
    mean: BaselineState
    spreads: MeansState
    shared_spread: MeansState


_DECODER = msgspec.msgpack.Decoder(_State)


class MeanView:
    """The mean of a value over the events of a window; worse than normal is unusual, better never is.

    Args:
        name: of the view.
        count, total, squares: places in the windows' vectors: events that have the value, the sum of their values and
            of the squares of these, both in millionths.
        bad: which side of normal is bad.
        min_count: windows with fewer are not scored.
        scale: of the value.
        prior_spread: variance of single values before any data.
        memory: what it remembers by.
    """

    expectation: type[msgspec.Struct] = Expectation

    def __init__(
        self,
        name: str,
        *,
        count: int,
        total: int,
        squares: int,
        bad: Side,
        min_count: int,
        scale: Scale,
        prior_spread: float,
        memory: Memory,
    ) -> None:
        self.name = name
        self._places = (count, total, squares)
        self.bad: Side = bad
        self._sign = 1.0 if bad == "high" else -1.0
        self._best, self._worst = (scale.low, scale.high) if bad == "high" else (scale.high, scale.low)
        self._min_count = min_count
        self._prior_spread = prior_spread
        self._baseline = Baseline(scale, memory)
        self._spreads = Means(1, memory.half_life_us)
        self._shared_spread = Means(1, memory.half_life_us)
        self.history, self.unsettle = self._baseline.history, self._baseline.unsettle

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Do nothing: each window is seen by itself."""

    def expect(self, window: ClosedWindow) -> Expectation:
        """Return what the mean should be."""
        prediction = self._baseline.predict(window.group, window.end_us)
        return Expectation(prediction, self._spread(window.group, window.end_us))

    def scores(self, window: ClosedWindow, expected: Expectation) -> bool:
        """Return whether there are enough events."""
        del expected
        return window.vector[self._places[0]] >= self._min_count

    def score(self, window: ClosedWindow, expected: Expectation) -> ViewScore:
        """Return how unusually bad the mean is, in a window with at least one event that has the value."""
        count = window.vector[self._places[0]]
        mean = window.vector[self._places[1]] / (MICRO * count)
        prediction, spread = expected.mean, expected.spread
        noise = spread / count
        excess = excess_of(prediction, spread)
        score = self._sign * (mean - prediction.value) / math.sqrt(excess + noise)
        return ViewScore(mean, prediction.value, student_upper(score, degrees_of(prediction, excess, noise)))

    def lever(self, window: ClosedWindow, expected: Expectation) -> Lever:
        """Return how far the sum of the values may be from good to bad."""
        del expected
        count, total, _ = self._places
        most = MICRO * window.vector[count]
        return Lever(total, round(self._best * most), round(self._worst * most), counts=False)

    def value(self, window: ClosedWindow) -> float | None:
        """Return the mean, None where there are too few events."""
        count, total, _ = self._places
        events = window.vector[count]
        return window.vector[total] / (MICRO * events) if events >= self._min_count else None

    def learn(self, window: ClosedWindow, expected: Expectation, weight: float) -> None:
        """Learn a window; one without values teaches nothing."""
        count, total, squares = (window.vector[place] for place in self._places)
        if count < 1:
            return
        group, end_us = window.group, window.end_us
        mean = total / (MICRO * count)
        self._baseline.learn(
            group, end_us, mean, expected=expected.mean, count=count, spread=expected.spread, weight=weight
        )
        if count > 1:
            observed = max(0.0, (squares / MICRO - count * mean * mean) / (count - 1))
            for known, row in (
                (self._spreads, self._spreads.row(group)),
                (self._shared_spread, self._shared_spread.row(_ALL)),
            ):
                known.learn(row, 0, observed, weight=weight * (count - 1), at_us=end_us)

    def _spread(self, group: Group, end_us: int) -> float:
        """Return the variance of single values: the group's own, on that of its siblings, on a fixed prior."""
        value = self._prior_spread
        for known, row in (
            (self._shared_spread, self._shared_spread.get(_ALL)),
            (self._spreads, self._spreads.get(group)),
        ):
            if row is not None:
                learned = known.weight(row, 0, end_us)
                value = (learned * row[0] + _PRIOR_SPREAD_COUNT * value) / (learned + _PRIOR_SPREAD_COUNT)
        return max(_LEAST_SPREAD_SHARE * self._prior_spread, value)

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group; what it taught about its siblings stays."""
        self._baseline.forget_group(group)
        self._spreads.forget(group)

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        return msgspec.msgpack.encode(
            _State(self._baseline.state(), self._spreads.state(), self._shared_spread.state())
        )

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        decoded = _DECODER.decode(state)
        self._baseline.restore(decoded.mean)
        self._spreads.restore(decoded.spreads)
        self._shared_spread.restore(decoded.shared_spread)
