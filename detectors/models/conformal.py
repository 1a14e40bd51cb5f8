"""Alarm levels and p-values that need no model of the scores: conformal prediction, online."""

import bisect
import math
from collections import deque
from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]


class AdaptiveLevel(msgspec.Struct, kw_only=True, tag="adaptive-level.1"):
    """A level that follows its own alarms, so that their share is ``target`` in the long run (Gibbs and Candes 2021).

    After every test the level goes up by ``step * target``, and after an alarm down by ``step``. Whatever the p-values
    are like, the share of alarms among ``n`` tests is within ``(1 + step) / (n * step)`` of ``target``: it holds the
    *rate of alarms*, true and false together, also where p-values are wrong or drift. It does so by being stricter
    after a burst of alarms, true ones too; it says nothing of which are false.

    It is plain data and decodes with the same future.

    Attributes:
        target: share of tests that should alarm.
        step: how far one alarm moves the level. Without it, a tenth of ``target``: an alarm then takes a tenth of the
            level, and ``1 / target`` quiet tests bring it back.
        raw: the level as the rule keeps it, which may leave [0, 1]; starts at ``target``.

    >>> level = AdaptiveLevel(target=0.01)
    >>> level.record(True)
    >>> round(level.level(), 5)
    0.00901
    """

    target: Share
    step: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    raw: float = math.nan

    def __post_init__(self) -> None:
        if self.step == 0.0:
            self.step = 0.1 * self.target
        if math.isnan(self.raw):
            self.raw = self.target

    def level(self) -> float:
        """Return the level of the next test: alarm at p-values at or below it; 0.0: never, 1.0: always."""
        return min(1.0, max(0.0, self.raw))

    def record(self, alarmed: bool) -> None:
        """Take note of a test."""
        self.raw += self.step * (self.target - alarmed)


class ConformalScores:
    """P-values from the ranks of scores among recent ones: right for any distribution that does not change.

    ``p = (1 + number of recent scores at or above it) / (1 + number of recent scores)``. If scores are exchangeable, it
    is at or below ``a`` with probability ``a`` at most; ties only make it larger. It depends on the order of scores
    alone: any rising function of them gives the same p-values. The smallest is ``1 / (1 + size)``: a level of 0.001
    needs a window of 999.

    Args:
        size: recent scores that are kept.

    >>> scores = ConformalScores(size=99)
    >>> for score in range(99):
    ...     scores.learn(score)
    >>> scores.p_value(98.5), scores.p_value(49), scores.p_value(-1)
    (0.01, 0.51, 1.0)
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def p_value(self, score: float) -> float:
        """Return the p-value of a score; 1.0 for NaN and before the first was learned. Changes nothing."""
        count = len(self._sorted)
        if math.isnan(score):
            return 1.0
        return (1 + count - bisect.bisect_left(self._sorted, score)) / (1 + count)

    def learn(self, score: float) -> None:
        """Learn a score; NaN is not learned."""
        if math.isnan(score):
            return
        if len(self._recent) == self.size:
            del self._sorted[bisect.bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(score)
        bisect.insort(self._sorted, score)

    def state(self) -> list[float]:
        """Return the recent scores, oldest first: all that there is."""
        return list(self._recent)

    def restore(self, state: list[float]) -> None:
        """Take over a state; of a longer window, the newest scores."""
        self._recent = deque(state[-self.size :])
        self._sorted = sorted(self._recent)
