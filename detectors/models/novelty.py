"""How new a number is for its series: distances to the nearest of what was seen, in units of the series' range.

Three views, each the distance to the *one* nearest neighbour in memory, before the point is learned:

* *value*: to the nearest value seen;
* *context*: to the nearest (value, mean of the last 4, of 16, of 64), so that a usual value at an unusual
  moment is new;
* *hour*: to the nearest residual against the mean of this hour (UTC; working days and weekends apart).

Their sum is divided by the range of what is remembered. One neighbour is enough: what was seen once is not new, so that
the repeats of an anomaly score near 0. The range, and not a noise scale, is the unit: it asks whether the surprise is
large for somebody who looks at the chart.
"""

import math
import struct
from collections.abc import Hashable
from typing import Any

import msgspec
import numpy as np
from river.base import AnomalyDetector

from detectors.models.series_ring import Ring, kept

HIGHEST = 10.0
"""No score is higher."""
_SPANS = (4, 16, 64)
_CONTEXT = 1 + len(_SPANS)
_HOURS = 48
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_FEWEST = 20
_MAGIC = b"NOV1"
_HEAD = struct.Struct("<4sIQd3d")
_SMALLEST_RANGE = 1e-9


class Novelty(msgspec.Struct, frozen=True):
    """What a point is in each view, in units of the range, and together. ``score`` is in [0, HIGHEST]."""

    score: float
    value: float = 0.0
    context: float = 0.0
    hour: float = 0.0


class RangeNovelty(AnomalyDetector):
    """Range-normalised novelty of one series of numbers.

    Features of a point: ``value``, a number, and ``time``, in seconds since the epoch (without it, the hour view is
    left out). The score is 0 for what was seen before; 0.1 means "in three views together, a tenth of the range away
    from anything seen". What is no finite number scores 0 and is not learned. Scoring changes nothing.

    Args:
        memory: how many points are remembered, at least 20. 2,000 take 40 kB.
        trim: share of the remembered values left out at each end of the range: what a giant outlier cannot widen.
        warm_up: points after which a score counts half: with little memory everything is new.
        hour_rate: how fast the mean of an hour follows.

    >>> model = RangeNovelty()
    >>> for minute in range(1000):
    ...     model.learn_one({"value": minute % 60, "time": 60.0 * minute})
    >>> model.score_one({"value": 17, "time": 60_000.0}) < 0.2 < model.score_one({"value": 90, "time": 60_000.0})
    True
    """

    def __init__(
        self, memory: int = 2000, trim: float = 0.0005, warm_up: float = 300.0, hour_rate: float = 0.01
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
        self._ring = Ring(_CONTEXT + 1, memory)
        self._seen = 0
        self._origin = 0.0
        self._means = [0.0] * len(_SPANS)
        self._hours = [math.nan] * _HOURS
        self._ends: tuple[float, float] | None = None

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
        gone = self._ring.append(point)
        self._seen += 1
        self._means = point[1:_CONTEXT]
        if slot is not None:
            mean = self._hours[slot]
            self._hours[slot] = point[0] if math.isnan(mean) else mean + self.hour_rate * (point[0] - mean)
        if self._ends is not None:
            low, high = self._ends
            count = self._ring.count
            inside = low < point[0] < high and (gone is None or low < gone[0] < high)
            if not inside or (gone is None and int(self.trim * count) != int(self.trim * (count - 1))):
                self._ends = None

    def views(self, value: float, time_s: float | None = None) -> Novelty:
        """Return how new the point is, view by view. Changes nothing that a result depends on."""
        if not math.isfinite(value) or self._ring.count < _FEWEST:
            return Novelty(0.0)
        point, slot = self._point(value, time_s)
        low, high = self._range()
        unit = high - low + _SMALLEST_RANGE * (1.0 + abs(value))
        held = self._ring.held
        steps = held - np.array(point, dtype=np.float32)[:, np.newaxis]
        steps *= np.float32(1.0 / unit)
        steps *= steps
        nearest_value = math.sqrt(float(steps[0].min()))
        nearest_context = math.sqrt(float(steps[:_CONTEXT].sum(axis=0).min()) / _CONTEXT)
        nearest_hour = math.sqrt(float(steps[_CONTEXT].min())) if slot is not None else 0.0
        total = min(HIGHEST, nearest_value + nearest_context + nearest_hour)
        seen = self._seen + 1.0
        return Novelty(total * seen / (seen + self.warm_up), nearest_value, nearest_context, nearest_hour)

    def state(self) -> bytes:
        """Return the state; :meth:`restore` of it continues bit for bit."""
        head = _HEAD.pack(_MAGIC, self._ring.count, self._seen, self._origin, *self._means)
        return head + np.array(self._hours, dtype="<f8").tobytes() + self._ring.to_bytes()

    def restore(self, state: bytes | memoryview) -> None:
        """Take over a state of a model with the same arguments.

        Raises:
            ValueError: the bytes are no state of such a model.
        """
        start = _HEAD.size + 8 * _HOURS
        if len(state) < start or bytes(state[:4]) != _MAGIC:
            msg = f"expected the state of a novelty model ({_MAGIC!r} and its memory), got {len(state)} bytes"
            raise ValueError(msg)
        _, count, self._seen, self._origin, *self._means = _HEAD.unpack_from(state)
        self._hours = np.frombuffer(state, dtype="<f8", count=_HOURS, offset=_HEAD.size).tolist()
        self._ring.fill(memoryview(state)[start:], count)
        self._ends = None

    def _point(self, value: float, time_s: float | None) -> tuple[list[float], int | None]:
        """Return the column to remember for a point (value, three means, residual), and its hour."""
        offset = kept(value - self._origin)
        first = 1.0 / (self._seen + 1.0)
        point = [offset]
        for mean, span in zip(self._means, _SPANS, strict=True):
            point.append(mean + max(first, 2.0 / (span + 1.0)) * (offset - mean))
        if time_s is None:
            return [*point, 0.0], None
        hours = int(time_s // _HOUR_S)
        weekend = (int(time_s // _DAY_S) + 3) % 7 >= 5
        slot = hours % 24 + 24 * weekend
        mean = self._hours[slot]
        point.append(0.0 if math.isnan(mean) else offset - mean)
        return point, slot

    def _range(self) -> tuple[float, float]:
        """Return the least and the greatest of the remembered values that are not trimmed off."""
        if self._ends is None:
            values = self._ring.held[0]
            cut = int(self.trim * values.size)
            if cut == 0:
                self._ends = float(values.min()), float(values.max())
            else:
                ordered = np.partition(values, (cut, values.size - 1 - cut))
                self._ends = float(ordered[cut]), float(ordered[values.size - 1 - cut])
        return self._ends
