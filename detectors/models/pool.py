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
(likelihood with censoring, profiled as Grimshaw did, 1993): a few real failures must not make the next one look
ordinary, and where failures are more than a few, they are. The memory is finite, so what was unusual last year is not
what counts today. At the start :data:`PRIOR` windows are taken for granted in which the model was right.
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

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
_SHAPE_SD = 0.3
"""How far the shape of the tail is expected to be from exponential before any data."""
_MOST_SHAPE = 0.9
_DOUBT = 0.25
"""Of the shapes whose log-likelihood is so much below the best, the heavier one is taken: 0.7 standard deviations. The
likeliest shape understates what is rare, on average and most where little has been seen."""
_STEPS = np.concatenate((-np.geomspace(0.5, 0.01, 12), [0.0], np.geomspace(0.01, 4.0, 24)))
"""Shape by scale, in units of the mean excess, that are tried; rising."""
_ALMOST_STRAIGHT = 1e-6
_LEAST_ROOM = -0.95
"""No score may lie beyond the end of a tail that ends: shape by scale, times the largest that was seen."""
_REFIT_SHARE = 50
_LEAST_REFIT = 64
_LEAST_TAIL = 5
_DAY_US = 86_400_000_000
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
        days: number of a day, and how many scores it brought, rising.
    """

    scores: bytes
    since_fit: int
    fitted: int
    days: list[tuple[int, int]]


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
        self._days: dict[int, int] = {}
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
        day = at_us // _DAY_US
        self._days[day] = self._days.get(day, 0) + 1
        self._ring[self._next] = min(_MOST_SCORE, max(0.0, score))
        self._next = (self._next + 1) % len(self._ring)
        self._count = min(len(self._ring), self._count + 1)
        self._since_fit += 1
        if self._since_fit >= self._patience(len(self)):
            self._since_fit = 0
            self._fitted = self._recent(day)
            self._fit(self._in_order()[-self._fitted :])

    def p_value(self, score: float) -> float:
        """Return how often a score at least this high is seen where nothing is wrong; ties count half."""
        if score > self._threshold:
            return _beyond(score, *self.tail)
        known = self._sorted
        least, most = np.searchsorted(known, (score, np.nextafter(np.float32(score), np.float32(np.inf))))
        above = len(known) - 0.5 * (float(least) + float(most))
        return min(1.0, max(self._share, above / len(known)))

    @property
    def tail(self) -> Tail:
        """What :func:`read_off` reads a score off."""
        return self._threshold, self._share, self._shape, self._scale, 1.0 / (_REACH * len(self._sorted))

    def _recent(self, today: int) -> int:
        """Return how many of the newest scores count."""
        if len(self._days) > RECENT_DAYS:
            self._days = {day: count for day, count in self._days.items() if day > today - RECENT_DAYS}
        return min(self._window, self._count, max(LEAST, sum(self._days.values())))

    def _in_order(self) -> Floats:
        """Return what is remembered, oldest first."""
        if self._count < len(self._ring):
            return self._ring[: self._count]
        return np.roll(self._ring, -self._next)

    def _fit(self, scores: Floats) -> None:
        self._sorted: Floats = np.sort(np.concatenate((scores, self._expected)))
        known = len(self._sorted)
        first = known - max(10, int(_TAIL_SHARE * known))
        self._threshold = float(self._sorted[first - 1])
        tail = self._sorted[first:].astype(np.float64) - self._threshold
        tail = tail[tail > 0.0]
        self._share = len(tail) / known
        self._shape, self._scale = _pareto(tail, int(_CENSORED * known))

    def state(self) -> PoolState:
        """Return the state as plain data."""
        scores = self._in_order().astype("<f4").tobytes()
        return PoolState(scores, self._since_fit, self._fitted, sorted(self._days.items()))

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
        self._days = dict(state.days)
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


def _pareto(excesses: npt.NDArray[np.float64], censored: int) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution that doubts the likeliest one (:data:`_DOUBT`).

    Args:
        excesses: above 0, rising.
        censored: of the largest so many only is known that they are larger than the others.
    """
    seen = excesses[: len(excesses) - censored]
    count = len(seen)
    if count < _LEAST_TAIL:  # nothing to fit: as if the model were right
        return 0.0, 1.0 / math.log(10.0)
    bound = float(seen[-1])
    mean = (float(seen.sum()) + censored * bound) / count
    thetas = _STEPS / mean
    thetas = thetas[thetas * bound > _LEAST_ROOM]
    # With theta = shape / scale fixed, the likeliest shape is a sum of logarithms.
    logs = np.log1p(np.outer(thetas, seen)).sum(axis=1)
    shapes = (logs + censored * np.log1p(thetas * bound)) / count
    scales = np.full_like(thetas, mean)
    np.divide(shapes, thetas, out=scales, where=thetas != 0.0)
    likelihood = -count * np.log(scales) - logs - 0.5 * (shapes / _SHAPE_SD) ** 2
    best = int(np.argmax(likelihood))
    aim = likelihood[best] - _DOUBT
    lower = best + int(np.argmax(likelihood[best:] < aim))
    if lower == best:  # even the heaviest tail that is tried is likely enough
        theta = float(thetas[-1])
    else:
        part = (likelihood[lower - 1] - aim) / (likelihood[lower - 1] - likelihood[lower])
        theta = float(thetas[lower - 1] + part * (thetas[lower] - thetas[lower - 1]))
    shape = (float(np.log1p(theta * seen).sum()) + censored * math.log1p(theta * bound)) / count
    if abs(shape) < _ALMOST_STRAIGHT:
        return 0.0, mean
    shape = min(_MOST_SHAPE, shape)
    return shape, shape / theta
