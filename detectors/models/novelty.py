"""How new a number is for its series: distances to the nearest of what was seen, in units of the series' range.

Three views, each the distance to the *one* nearest neighbour in memory, before the point is learned:

* *value*: to the nearest value seen;
* *context*: to the nearest (value, mean of the last 4, of 16, of 64), so that a usual value at an unusual
  moment is new;
* *hour*: to the nearest residual against the mean of this hour (UTC; working days and weekends apart).

Their sum is divided by the range of what is remembered. One neighbour is enough: what was seen once is not new, so that
the repeats of an anomaly score near 0. The range, and not a noise scale, is the unit: it asks whether the surprise is
large for somebody who looks at the chart.

A fourth view, *jump*, is the novelty of the step away from the last few points, in units of what steps are usual just
now. It may raise the sum, at most threefold: on a smooth series a small step that no noise explains is worth more than
its height on the chart.
"""

import math
import struct
from collections.abc import Hashable
from typing import Any

import msgspec
import numpy as np
from river.base import AnomalyDetector

from detectors.models.series_past import Extent, LongPast
from detectors.models.series_ring import Ring, kept

HIGHEST = 10.0
"""No score is higher."""
_SPANS = (4, 16, 64)
_CONTEXT = 1 + len(_SPANS)
_RESIDUAL, _JUMP, _ROWS = _CONTEXT, _CONTEXT + 1, _CONTEXT + 2
_HOURS = 48
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_FEWEST = 20
_STEP_RATE = 0.01
_LONGEST_JUMP = 50.0
_JUMP_RAISES = 3.0
_JUMP_FLOOR = 1e-3
_TINY = 1e-9
_PAST_CAPACITY = 512
_PAST_MEMORIES = 10
"""The long past of values reaches over so many memories."""
_ALIKE = 1.0 / 400.0
"""Values of the long past within this share of the range are one."""
_GIANT = 20.0
_GIANT_EVERY = 50
_MAGIC = b"NOV2"
_HEAD = struct.Struct("<4sIIQ6d")


class Novelty(msgspec.Struct, frozen=True):
    """What a point is in each view (in units of the range; ``jump`` in its own), and together, in [0, HIGHEST]."""

    score: float
    value: float = 0.0
    context: float = 0.0
    hour: float = 0.0
    jump: float = 0.0


class RangeNovelty(AnomalyDetector):
    """Range-normalised novelty of one series of numbers.

    Features of a point: ``value``, a number, and ``time``, in seconds since the epoch (without it, the hour view is
    left out). The score is 0 for what was seen before; 0.1 means "in three views together, a tenth of the range away
    from anything seen". What is no finite number scores 0 and is not learned. Scoring changes nothing.

    Args:
        memory: how many points are remembered, at least 20. 2,000 take 48 kB. Single values are remembered, thinned,
            for ten times as long.
        trim: share of the remembered values left out at each end of the range.
        warm_up: points after which a score counts half: with little memory everything is new.
        hour_rate: how fast the mean of an hour follows.

    >>> model = RangeNovelty()
    >>> for minute in range(1000):
    ...     model.learn_one({"value": minute % 60, "time": 60.0 * minute})
    >>> model.score_one({"value": 17, "time": 60_000.0}) < 0.2 < model.score_one({"value": 90, "time": 60_000.0})
    True
    """

    def __init__(
        self, memory: int = 2000, trim: float = 0.0005, warm_up: float = 600.0, hour_rate: float = 0.01
    ) -> None:
        if memory < _FEWEST or not 0.0 <= trim < 0.5 or warm_up < 0.0 or not 0.0 < hour_rate <= 1.0:
            msg = (
                f"memory {memory}, trim {trim}, warm_up {warm_up}, hour_rate {hour_rate}: "
                f"expected >= {_FEWEST}, in [0, 0.5), >= 0, in (0, 1]"
            )
            raise ValueError(msg)
        self.memory = memory
        self.trim = trim
        self.warm_up = warm_up
        self.hour_rate = hour_rate
        self._ring = Ring(_ROWS, memory)
        self._past = LongPast(_PAST_CAPACITY, _PAST_MEMORIES * memory)
        self._extent = Extent(self._ring, 0, trim)
        self._jumps = Extent(self._ring, _JUMP, trim)
        self._seen = 0
        self._origin = 0.0
        self._means = [0.0] * len(_SPANS)
        self._usual_step = 0.0
        self._widest = math.inf
        self._hours = [math.nan] * _HOURS

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """Return how new the point is, in [0, 10]."""
        return self.views(float(x["value"]), x.get("time")).score

    def learn_one(self, x: dict[Hashable, Any]) -> None:
        """Learn the point, new or not."""
        value = float(x["value"])
        if not math.isfinite(value):
            return
        if self._seen == 0:
            self._origin = value
        point, slot = self._point(value, x.get("time"))
        step = abs(point[0] - self._means[0])
        gone = self._ring.append(point)
        if gone is not None:
            low, high = self._extent.ends()
            self._past.learn(float(gone[0]), alike=_ALIKE * (high - low), at=self._seen)
        self._seen += 1
        self._extent.changed(float(np.float32(point[0])), None if gone is None else float(gone[0]))
        self._jumps.changed(float(np.float32(point[_JUMP])), None if gone is None else float(gone[_JUMP]))
        self._means = point[1:_CONTEXT]
        self._usual_step += max(_STEP_RATE, 1.0 / self._seen) * (step - self._usual_step)
        if slot is not None:
            mean = self._hours[slot]
            self._hours[slot] = point[0] if math.isnan(mean) else mean + self.hour_rate * (point[0] - mean)
        if self._seen % _GIANT_EVERY == 0:
            self._widest = _widest(self._ring.held[0])

    def views(self, value: float, time_s: float | None = None) -> Novelty:
        """Return how new the point is, view by view. Changes nothing that a result depends on."""
        if not math.isfinite(value) or self._ring.count < _FEWEST:
            return Novelty(0.0)
        point, slot = self._point(value, time_s)
        low, high = self._extent.ends()
        unit = min(high - low, self._widest) + _TINY * (1.0 + abs(value))
        low, high = self._jumps.ends()
        units = np.full((_ROWS, 1), 1.0 / unit, dtype=np.float32)
        units[_JUMP] = 1.0 / (high - low + _JUMP_FLOOR)
        steps = self._ring.held - np.array(point, dtype=np.float32)[:, np.newaxis]
        steps *= units
        steps *= steps
        nearest_value = min(math.sqrt(float(steps[0].min())), self._past.nearest(point[0]) / unit)
        nearest_context = math.sqrt(float(steps[:_CONTEXT].sum(axis=0).min()) / _CONTEXT)
        nearest_hour = math.sqrt(float(steps[_RESIDUAL].min())) if slot is not None else 0.0
        nearest_jump = math.sqrt(float(steps[_JUMP].min()))
        total = nearest_value + nearest_context + nearest_hour
        total = min(HIGHEST, max(total, min(nearest_jump, _JUMP_RAISES * total)))
        seen = self._seen + 1.0
        score = total * seen / (seen + self.warm_up)
        return Novelty(score, nearest_value, nearest_context, nearest_hour, nearest_jump)

    def state(self) -> bytes:
        """Return the state; :meth:`restore` of it continues bit for bit."""
        numbers = (self._origin, self._usual_step, self._widest, *self._means)
        head = _HEAD.pack(_MAGIC, self._ring.count, self._past.count, self._seen, *numbers)
        return head + np.array(self._hours, dtype="<f8").tobytes() + self._ring.to_bytes() + self._past.to_bytes()

    def restore(self, state: bytes | memoryview) -> None:
        """Take over a state of a model with the same arguments.

        Raises:
            ValueError: the bytes are no state of such a model.
        """
        start = _HEAD.size + 8 * _HOURS
        if len(state) < start or bytes(state[:4]) != _MAGIC:
            msg = f"expected the state of a novelty model ({_MAGIC!r} and its memory), got {len(state)} bytes"
            raise ValueError(msg)
        _, count, past, seen, self._origin, self._usual_step, self._widest, *means = _HEAD.unpack_from(state)
        self._seen = seen
        self._means = means
        self._hours = np.frombuffer(state, dtype="<f8", count=_HOURS, offset=_HEAD.size).tolist()
        between = start + 4 * _ROWS * count
        self._ring.fill(memoryview(state)[start:between], count)
        self._past.fill(memoryview(state)[between:], past)
        self._extent.forget()
        self._jumps.forget()

    def _point(self, value: float, time_s: float | None) -> tuple[list[float], int | None]:
        """Return the column to remember for a point (value, three means, residual, jump), and its hour."""
        offset = kept(value - self._origin)
        first = 1.0 / (self._seen + 1.0)
        point = [offset]
        for mean, span in zip(self._means, _SPANS, strict=True):
            point.append(mean + max(first, 2.0 / (span + 1.0)) * (offset - mean))
        jump = (offset - self._means[0]) / (self._usual_step + _TINY * (1.0 + abs(value)))
        jump = min(_LONGEST_JUMP, max(-_LONGEST_JUMP, jump))
        if time_s is None:
            return [*point, 0.0, jump], None
        slot = _slot(time_s)
        mean = self._hours[slot]
        return [*point, 0.0 if math.isnan(mean) else offset - mean, jump], slot


def _slot(time_s: float) -> int:
    """Return the hour of day (UTC), plus 24 at weekends. The epoch was a Thursday."""
    weekend = (int(time_s // _DAY_S) + 3) % 7 >= 5
    return int(time_s // _HOUR_S) % 24 + 24 * weekend


def _widest(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """Return the widest range that is believed: twenty times that of the middle 98 %. A giant outlier is no unit."""
    cut = values.size // 100
    if cut < 3:
        return math.inf
    ordered = np.partition(values, (cut, values.size - 1 - cut))
    middle = float(ordered[values.size - 1 - cut]) - float(ordered[cut])
    return _GIANT * middle if middle > 0.0 else math.inf
