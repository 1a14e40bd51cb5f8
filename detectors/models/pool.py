"""Makes p-values keep their word: how often a score at least this high has been seen lately, in all groups together.

A model's p-value is as good as the model. Where windows are not what it takes them for (heavier tails, memory from one
window to the next, a rhythm that it does not know), the same error shows in all groups of a detector and in many
windows before anything happens. So the scores ``-log10 p`` of the last windows of all groups are kept, and a new one is
read off their distribution: its rank where there are enough as high, and beyond them a generalised Pareto tail (Siffer
et al.: Anomaly Detection in Streams with Extreme Value Theory, KDD 2017), which on this scale is an exponential one
when the model is right.

Everything calm is learned, however high its score: not to learn what one flags makes the tail thinner and the alarms
more, in a loop. (Of an open alert the first window is learned: the rest is one thing, not many.) But of the highest
:data:`_CENSORED` of the scores only their number is believed, and the tail beyond them is drawn on from those below
(:mod:`detectors.models.pareto`): a few real failures must not make the next one look
ordinary. Six hours in which far more windows were in the tail than in the same six hours of other days are left out
whole (:mod:`detectors.models.calm`): something was wrong, alert or not. Where failures are usual, they are.

The memory is finite, so what was unusual last year is not what counts today. At the start :data:`PRIOR` windows are
taken for granted in which the model was right.
"""

import math
from array import array
from bisect import bisect_left, bisect_right

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.models.calm import BLOCK_US, DAY_BLOCKS, calm
from detectors.models.pareto import fit_tail
from detectors.models.tails import SMALLEST

PRIOR = 500
"""How many windows in which the model was right are taken for granted."""
WINDOW = 20_000
"""Scores that are remembered, at most."""
RECENT_DAYS = 21
"""Of these, the ones of so many days count, and some older ones where that would be fewer than :data:`LEAST`: what a
detector did not know yet a month ago says little of what it does not know now."""
LEAST = 3_000
_TAIL_SHARE = 0.05
"""The share of scores that are taken for the tail."""
_REFIT_SHARE = 50
_LEAST_REFIT = 64
_RECENT_BLOCKS = RECENT_DAYS * DAY_BLOCKS
_MOST_SCORE = 300.0
_CENSORED = 0.0007
"""The share of scores of which only their number is believed."""
_REACH = 50.0
"""How far beyond the scores that were seen the tail is believed: by so much rarer ones."""
Floats = npt.NDArray[np.float32]
Tail = tuple[float, float, float, float, float]
"""Threshold, share of the scores beyond it, shape and scale of the tail, and the smallest p-value it vouches for."""


class PoolState(msgspec.Struct, array_like=True, frozen=True):
    """State of a :class:`PooledTail` as plain data.

    Attributes:
        scores: as 32-bit floats, oldest first.
        since_fit: how many of them came after the last fit.
        fitted: how many were fitted then.
        blocks: number of a block of :data:`~detectors.models.calm.BLOCK_US`, and how many scores it brought, rising.
    """

    scores: bytes
    since_fit: int
    fitted: int
    blocks: list[tuple[int, int]]


class PooledTail:
    """The distribution of the last scores of all groups of a detector.

    Args:
        window: how many scores are remembered.
        prior: how many windows in which the model was right are taken for granted.

    >>> pool = PooledTail()
    >>> round(pool.p_value(3.0), 3)
    0.001
    """

    def __init__(self, window: int = WINDOW, prior: int = PRIOR) -> None:
        self._window = window
        # What was overwritten since the last fit is kept too, so that the fit can be made again after a restore.
        self._ring: Floats = np.empty(window + self._patience(window), dtype=np.float32)
        self._next = 0
        self._count = 0
        self._since_fit = 0
        self._fitted = 0
        self._blocks: dict[int, int] = {}
        self._single = array("f", [0.0])
        self._expected: Floats = -np.log10((np.arange(prior, dtype=np.float32) + 0.5) / prior)
        self._fit(self._ring[:0])

    def __len__(self) -> int:
        """Return how many scores are remembered."""
        return min(self._window, self._count)

    @staticmethod
    def _patience(count: int) -> int:
        return max(_LEAST_REFIT, count // _REFIT_SHARE)

    def learn(self, score: float, at_us: int) -> None:
        """Remember a score.

        Args:
            score: ``-log10`` of a p-value; not negative.
            at_us: event time; not before that of the last one.
        """
        block = at_us // BLOCK_US
        self._blocks[block] = self._blocks.get(block, 0) + 1
        self._ring[self._next] = min(_MOST_SCORE, max(0.0, score))
        self._next = (self._next + 1) % len(self._ring)
        self._count = min(len(self._ring), self._count + 1)
        self._since_fit += 1
        if self._since_fit >= self._patience(len(self)):
            self._since_fit = 0
            self._fitted = self._recent(block)
            self._fit(self._in_order()[-self._fitted :])

    def p_value(self, score: float) -> float:
        """Return how often a score at least this high is seen where nothing is wrong; ties count half."""
        if score > self._threshold:
            return _beyond(score, *self.tail)
        known = self._lookup
        self._single[0] = score
        rounded = self._single[0]  # as it would be remembered
        above = len(known) - 0.5 * (bisect_left(known, rounded) + bisect_right(known, rounded))
        return max(self._share, above / len(known))

    @property
    def tail(self) -> Tail:
        """What :func:`read_off` reads a score off."""
        return self._threshold, self._share, self._shape, self._scale, 1.0 / (_REACH * len(self._lookup))

    def _recent(self, now: int) -> int:
        """Return how many of the newest scores count."""
        if len(self._blocks) > _RECENT_BLOCKS:
            self._blocks = {block: count for block, count in self._blocks.items() if block > now - _RECENT_BLOCKS}
        return min(self._window, self._count, max(LEAST, sum(self._blocks.values())))

    def _in_order(self) -> Floats:
        """Return what is remembered, oldest first."""
        if self._count < len(self._ring):
            return self._ring[: self._count]
        return np.roll(self._ring, -self._next)

    def _by_block(self, scores: Floats) -> tuple[Floats, list[tuple[int, Floats]]]:
        """Return the scores of the last fit by the blocks that count, and before them those that are older."""
        parts, end, skipped = [], len(scores), self._since_fit
        for block in sorted(self._blocks, reverse=True):
            count = self._blocks[block] - skipped
            skipped = max(0, -count)
            if count > 0 and end > 0:
                parts.append((block, scores[max(0, end - count) : end]))
                end = max(0, end - count)
        return scores[:end], parts[::-1]

    def _fit(self, scores: Floats) -> None:
        told = calm(*self._by_block(scores), _TAIL_SHARE)
        ranked: Floats = np.sort(np.concatenate((told, self._expected)))
        # One score is looked up at a time: bisecting an array takes a twentieth of what numpy needs for it.
        self._lookup = array("f", ranked.tobytes())
        known = len(ranked)
        first = known - max(10, int(_TAIL_SHARE * known))
        self._threshold = float(ranked[first - 1])
        tail = ranked[first:].astype(np.float64) - self._threshold
        tail = tail[tail > 0.0]
        self._share = len(tail) / known
        self._shape, self._scale = fit_tail(tail, int(_CENSORED * known))

    def state(self) -> PoolState:
        """Return the state as plain data."""
        scores = self._in_order().astype("<f4").tobytes()
        return PoolState(scores, self._since_fit, self._fitted, sorted(self._blocks.items()))

    def restore(self, state: PoolState) -> None:
        """Take over a state.

        Raises:
            ValueError: when it is of a longer window.
        """
        scores = np.frombuffer(state.scores, dtype="<f4")
        if len(scores) > len(self._ring):
            msg = f"a pool of {len(scores)} scores does not fit into one of {len(self._ring)}"
            raise ValueError(msg)
        self._count = len(scores)
        self._next = self._count % len(self._ring)
        self._ring[: self._count] = scores
        self._since_fit, self._fitted = state.since_fit, state.fitted
        self._blocks = dict(state.blocks)
        known = self._ring[: self._count - self._since_fit]
        self._fit(known[len(known) - self._fitted :])


def read_off(score: float, tail: Tail) -> float:
    """Return what :meth:`PooledTail.p_value` said of a score when its tail was this; below the threshold about that.

    >>> pool = PooledTail()
    >>> read_off(3.0, pool.tail) == pool.p_value(3.0)
    True
    """
    threshold, share, _, _, _ = tail
    if score > threshold:
        return _beyond(score, *tail)
    if threshold <= 0.0 or share <= 0.0:
        return 1.0
    return float(share ** (max(0.0, score) / threshold))


def _beyond(score: float, threshold: float, share: float, shape: float, scale: float, credible: float) -> float:
    # Beyond what the past vouches for only half of the evidence counts: what happens once in a million windows cannot
    # be known after a hundred of them, and a detector that has just begun must see something overwhelming.
    least = max(SMALLEST, min(credible, math.pow(10.0, -0.5 * score)))
    reach = shape * (score - threshold) / scale
    if reach <= -1.0:
        return least
    power = -(score - threshold) / scale if shape == 0.0 else -math.log1p(reach) / shape
    return max(least, share * math.exp(power))
