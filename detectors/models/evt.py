"""How rare a number is among the last so many: a finite-window tail by extreme value theory.

Peaks over a high quantile follow a generalised Pareto distribution, whatever the numbers themselves follow (Pickands,
Balkema, de Haan). It is fitted by probability-weighted moments (Hosking and Wallis 1987), which need no iteration.

Every number is learned, also those that were found rare: a tail that leaves out what it flagged becomes thinner and
flags more, a loop that doubles to tenfolds the false alarms (SPOT with its alarms censored). The window is finite
instead, so that nothing is held for ever.
"""

import math
import struct
from typing import Any

import msgspec
import numpy as np

from detectors.models.series_ring import Ring, kept

SMALLEST = 1e-300
"""No p-value is smaller: "impossible" is never the honest answer."""
_HEAD = struct.Struct("<4sIII?5d")
_BITS = struct.Struct("<f"), struct.Struct("<I")
_MAGIC = b"EVT2"
_FEWEST_PEAKS = 10
"""With fewer numbers above the quantile the tail is not extrapolated: p is at least one in the numbers seen."""
_PRIOR_PEAKS = 20.0
"""How many peaks the prior shape counts as."""
_PRIOR_SHAPE = 0.1
"""A little heavier than exponential: what the scores of quiet series show."""
_SHAPES = (-0.5, 0.9)
_TYPICAL_OF = 2000
"""The median is that of so many: what is typical changes sooner than the tail is known."""


class TailFit(msgspec.Struct, frozen=True):
    """A generalised Pareto tail: ``P(X > x) = share * (1 + shape * (x - start) / scale) ** (-1 / shape)``."""

    start: float
    share: float
    shape: float
    scale: float

    def beyond(self, value: float) -> float:
        """Return the probability of a number above ``value``, which is not below ``start``."""
        steps = (value - self.start) / self.scale
        if abs(self.shape) < 1e-9:
            return max(SMALLEST, self.share * math.exp(-min(700.0, steps)))
        base = 1.0 + self.shape * steps
        if base <= 0.0:
            return SMALLEST
        return max(SMALLEST, self.share * math.exp(max(-700.0, -math.log(base) / self.shape)))


class TailPrior(msgspec.Struct, frozen=True):
    """A tail that holds before there are numbers: ``P(X >= x) = (1 + x / scale) ** (-1 / shape)`` for x >= 0.

    Attributes:
        weight: how many numbers it counts as. It fades as the window fills, and is nothing when that is full.
        scale, shape: above 0.
    """

    weight: float
    scale: float
    shape: float

    def beyond(self, value: float) -> float:
        """Return the probability of a number at least as large as ``value``."""
        return float((1.0 + max(0.0, value) / self.scale) ** (-1.0 / self.shape))


class EvtTail:
    """Upper tail of the last ``window`` numbers.

    They are remembered to 8 significant bits (0.4 %), in two bytes each. Where that makes ties, ties count as larger.

    Args:
        window: how many numbers are remembered, at least 20.
        quantile: share of them that lies below the fitted tail, in (0, 1).
        refit_every: after how many numbers the tail is fitted anew.
        prior: what holds until there are numbers; None: nothing is known.

    Raises:
        ValueError: an argument is out of its range.

    >>> tail = EvtTail()
    >>> tail.p_value(1.0)
    1.0
    >>> for number in range(99):
    ...     tail.learn(float(number))
    >>> tail.p_value(98.5), tail.p_value(98.0), tail.p_value(-1.0)
    (0.01, 0.02, 1.0)
    """

    def __init__(
        self, window: int = 5000, quantile: float = 0.95, refit_every: int = 50, prior: TailPrior | None = None
    ) -> None:
        if window < 20 or not 0.0 < quantile < 1.0 or refit_every < 1:
            msg = f"window {window}, quantile {quantile}, refit_every {refit_every}: expected >= 20, in (0, 1), >= 1"
            raise ValueError(msg)
        self.quantile = quantile
        self.refit_every = refit_every
        self._ring = Ring(1, window, "<u2")
        self.prior = prior
        self._since_fit = 0
        self._fit: TailFit | None = None
        self._median = 0.0

    @property
    def count(self) -> int:
        """How many numbers are remembered."""
        return self._ring.count

    @property
    def median(self) -> float:
        """Half of the last 2,000 numbers were smaller when the tail was last fitted; 0 before that."""
        return self._median

    def p_value(self, value: float) -> float:
        """Return the probability of a number at least as large as ``value``, in (0, 1]. Changes nothing.

        Below the fitted tail, and until there is one, it is the conformal ``(1 + ties and larger) / (1 + all)``, which
        holds whatever the distribution. What is not a finite number is no evidence: 1.
        """
        if not math.isfinite(value):
            return 1.0
        code = coded(value)
        single = _number(code)
        count = self._ring.count
        weight, pseudo = 0.0, 0.0
        if self.prior is not None:
            weight = self.prior.weight * (1.0 - count / self._ring.capacity)
            pseudo = weight * self.prior.beyond(single)
        if self._fit is not None and single > self._fit.start:
            return (count * self._fit.beyond(single) + pseudo) / (count + weight)
        larger = int(np.count_nonzero(self._ring.held >= code))
        return (1.0 + larger + pseudo) / (1.0 + count + weight)

    def learn(self, value: float) -> None:
        """Remember ``value``. What is not a finite number is passed over."""
        if not math.isfinite(value):
            return
        self._ring.append([coded(value)])
        self._since_fit += 1
        if self._since_fit >= self.refit_every:
            self._since_fit = 0
            numbers = decoded(self._ring.held[0])
            self._fit = fitted(numbers, self.quantile)
            self._median = float(np.median(decoded(self._ring.recent(0, _TYPICAL_OF))))

    def tops(self, value: float, count: int) -> bool:
        """Say whether ``value`` is larger than each of the last ``count`` numbers, as they are remembered."""
        recent = self._ring.recent(0, count)
        return recent.size == 0 or coded(value) > int(recent.max())

    def state(self) -> bytes:
        """Return the state; :meth:`restore` of it continues bit for bit."""
        fit = self._fit or TailFit(0.0, 0.0, 0.0, 0.0)
        head = (self._ring.capacity, self._ring.count, self._since_fit, self._fit is not None)
        return _HEAD.pack(_MAGIC, *head, self._median, *msgspec.structs.astuple(fit)) + self._ring.to_bytes()

    def restore(self, state: bytes | memoryview) -> None:
        """Take over a state of a tail with the same arguments.

        Raises:
            ValueError: the bytes are no state of such a tail.
        """
        if len(state) < _HEAD.size or bytes(state[:4]) != _MAGIC:
            msg = f"expected the state of a tail ({_MAGIC!r} and its numbers), got {len(state)} bytes"
            raise ValueError(msg)
        _, window, count, since_fit, is_fitted, median, *fit = _HEAD.unpack_from(state)
        if window != self._ring.capacity:
            msg = f"the state is that of a tail over {window} numbers, not over {self._ring.capacity}"
            raise ValueError(msg)
        self._ring.fill(memoryview(state)[_HEAD.size :], count)
        self._since_fit = since_fit
        self._median = median
        self._fit = TailFit(*fit) if is_fitted else None


def coded(value: float) -> int:
    """Return a finite number in 16 bits, rounded, such that codes are ordered as the numbers are.

    >>> coded(-2.0) < coded(-1.0) < coded(0.0) < coded(0.001) < coded(1.0) < coded(1.01)
    True
    """
    floats, words = _BITS
    bits: int = words.unpack(floats.pack(kept(value) + 0.0))[0]
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return bits ^ 0xFFFF if bits & 0x8000 else bits | 0x8000


def decoded(codes: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the numbers behind codes.

    >>> decoded([coded(-2.5), coded(0.0), coded(98.5)]).tolist()
    [-2.5, 0.0, 98.5]
    """
    words = np.asarray(codes, dtype=np.uint32)
    bits = np.where(words & 0x8000, words & 0x7FFF, words ^ 0xFFFF).astype(np.uint32) << np.uint32(16)
    return bits.view(np.float32)


def _number(code: int) -> float:
    floats, words = _BITS
    bits = code & 0x7FFF if code & 0x8000 else code ^ 0xFFFF
    value: float = floats.unpack(words.pack(bits << 16))[0]
    return value


def fitted(numbers: np.ndarray[Any, np.dtype[np.float32]], quantile: float) -> TailFit | None:
    """Return the tail of ``numbers`` above their ``quantile``; None where there are too few peaks, or all are alike.

    With few peaks the shape leans on a prior, and it is widened by one in the number of peaks: the tail of a *new*
    number when the scale is itself estimated (for exponential peaks that is exact).
    """
    total = numbers.size
    rank = int(quantile * total)
    if total - rank < _FEWEST_PEAKS:
        return None
    upper = np.partition(numbers, rank)[rank:].astype(np.float64)
    start = float(upper[0])
    peaks = np.sort(upper[upper > start]) - start
    count = peaks.size
    if count < _FEWEST_PEAKS:
        return None
    mean = float(peaks.mean())
    weighted = float(np.dot(peaks, np.arange(count - 1, -1, -1))) / (count * (count - 1))
    spread = mean - 2.0 * weighted
    shape = 2.0 - mean / spread if spread > 1e-12 * mean else _SHAPES[0]
    shape = (count * shape + _PRIOR_PEAKS * _PRIOR_SHAPE) / (count + _PRIOR_PEAKS) + 1.0 / count
    shape = min(_SHAPES[1], max(_SHAPES[0], shape))
    scale = mean * (1.0 - shape)
    return TailFit(start, count / total, shape, scale) if scale > 0.0 else None
