"""Watches one series of numbers: how new each is, how rare that is here, and whether an alert would be opened for it.

The order is always score, decide, then learn. Every point is learned, flagged or not.
"""

import math
import pickle
import struct
from typing import Any, Protocol

import msgspec

from detectors.models.evt import EvtTail, TailPrior
from detectors.models.novelty import RangeNovelty
from detectors.models.series_flat import FlatLine
from detectors.models.series_ring import kept

LEAST_NOVELTY = 0.075
"""An alert needs this much novelty: "in three views together so much of the range away from anything seen"."""
LARGEST_P = 5e-2
"""An alert needs a novelty that so small a share of the points of this series reaches, or a smaller one."""
LARGEST_P_ALONE = 1e-3
"""The same where another River model stands in: its scores have no unit, the p-value decides alone."""
COOL_DOWN = 100
"""An alert needs a score above that of each of so many points before it: one for an episode, not one for a point."""
FADES = 12.0
"""An onset is newer than every point before it, each of which counts less by a factor of e in so many points."""
TYPICAL = 1.75
"""So many times the median novelty of this series is taken off: in a noisy one every point is a little new."""
RARE = 5e-3
"""From this p-value on a novelty counts whole; what is less rare here by the root of its share of the digits."""
PRIOR = TailPrior(weight=200.0, scale=0.0015, shape=0.68)
"""Tail of the novelty of young series without anomalies: eleven kinds of them, from Gaussian to Pareto, pooled."""
_FADED = math.exp(-1.0 / FADES)
_HEAD = struct.Struct("<4s?3Id")
_MAGIC = b"SER3"


class Scorer(Protocol):
    """Any anomaly model of River, or a pipeline that ends in one."""

    def learn_one(self, x: dict[Any, Any]) -> Any:
        """Learn a point."""

    def score_one(self, x: dict[Any, Any]) -> float:
        """Return its score: higher is more anomalous."""


class SeriesScore(msgspec.Struct, frozen=True):
    """What is said of a point.

    Attributes:
        novelty: how new beyond what is typical here, in [0, 10], less where that is not rare; of another River model:
            its score.
        p_value: share of the points of this series that are at least as new, in (0, 1].
        alert: an alert would be opened here.
        fresh: ``novelty`` where it is above that of every point of the cool-down, else 0: what an alert opened here
            would be worth. It ranks openings as ``novelty`` ranks points.
        views: ``value``, ``context``, ``hour`` in units of the range, ``jump``, and ``flat`` (1 where a flat line is
            told of); empty for another River model.
        raw: what :meth:`SeriesModel.learn` needs of it: the score before anything was taken off.
        onset: ``novelty`` where the point is newer than those shortly before it, else 0: something begins or grows
            here. It ranks points where each that is flagged counts, and the echoes of another should not.
    """

    novelty: float
    p_value: float
    alert: bool
    fresh: float
    views: dict[str, float]
    raw: float = 0.0
    onset: float = 0.0


class SeriesModel:
    """The model of one group's window values.

    Args:
        model: a River anomaly model that takes the place of the range-normalised novelty. Its score must be finite;
            one that is not counts as 0.
        memory: points that the novelty remembers.
        tail: points that the p-value is taken from.
        least_novelty, largest_p: what an alert needs. Defaults: as shipped.
        cool_down: points.

    >>> model = SeriesModel()
    >>> for minute in range(2000):
    ...     model.learn(60.0 * minute, float(minute % 60))
    >>> model.score(120_000.0, 20.0).alert, model.score(120_000.0, 120.0).alert
    (False, True)
    """

    def __init__(
        self,
        model: Scorer | None = None,
        *,
        memory: int = 2000,
        tail: int = 5000,
        least_novelty: float | None = None,
        largest_p: float | None = None,
        cool_down: int = COOL_DOWN,
    ) -> None:
        self._model: Scorer = RangeNovelty(memory) if model is None else model
        self._own = isinstance(self._model, RangeNovelty)
        default_least, default_p = (LEAST_NOVELTY, LARGEST_P) if self._own else (None, LARGEST_P_ALONE)
        self.least_novelty = default_least if least_novelty is None else least_novelty
        self.largest_p = default_p if largest_p is None else largest_p
        self.cool_down = cool_down
        self._tail = EvtTail(tail, prior=PRIOR if self._own else None)
        self._flat = FlatLine()
        self._peak = 0.0

    def score(self, time_s: float | None, value: float) -> SeriesScore:
        """Judge a point before it is learned. Changes nothing.

        Args:
            time_s: seconds since the epoch; None: not known, and the hour says nothing.
            value: the number. What is not finite is no evidence: novelty 0, p-value 1.
        """
        if not _is_number(value):
            return SeriesScore(novelty=0.0, p_value=1.0, alert=False, fresh=0.0, views={})
        raw, views = self._raw(time_s, value)
        p_value = self._tail.p_value(raw)
        opens = self._tail.tops(raw, self.cool_down)
        novelty = raw
        if self._own:
            rarity = max(0.0, min(1.0, math.log(p_value) / math.log(RARE)))
            novelty = max(0.0, raw - TYPICAL * self._tail.median) * math.sqrt(rarity)
            if self._flat.begins(value):
                opens, p_value = True, min(p_value, self._flat.p_value())
                novelty = max(novelty, self.least_novelty or 0.0)
                views["flat"] = 1.0
        large = self.least_novelty is None or novelty >= self.least_novelty
        return SeriesScore(
            novelty=novelty,
            p_value=p_value,
            alert=opens and large and p_value <= self.largest_p,
            fresh=novelty if opens else 0.0,
            views=views,
            raw=raw,
            onset=novelty if opens or raw > self._peak else 0.0,
        )

    def learn(self, time_s: float | None, value: float, scored: SeriesScore | None = None) -> None:
        """Learn a point. ``scored``: what :meth:`score` has just said of it, if it is at hand: saves scoring again."""
        if not _is_number(value):
            return
        raw = self._raw(time_s, value)[0] if scored is None else scored.raw
        self._tail.learn(raw)
        self._peak = _FADED * max(self._peak, raw)
        self._flat.learn(value)
        self._model.learn_one(_features(time_s, value))

    def state(self) -> bytes:
        """Return the state; :meth:`restore` of it continues bit for bit."""
        model = self._model.state() if isinstance(self._model, RangeNovelty) else pickle.dumps(self._model, protocol=5)
        tail, flat = self._tail.state(), self._flat.state()
        return _HEAD.pack(_MAGIC, self._own, len(model), len(tail), len(flat), self._peak) + model + tail + flat

    def restore(self, state: bytes) -> None:
        """Take over a state of a model with the same arguments. Only of our own writing: River models are pickled.

        Raises:
            ValueError: the bytes are no state of such a model.
        """
        if len(state) < _HEAD.size or state[:4] != _MAGIC:
            msg = f"expected the state of a series ({_MAGIC!r} and its models), got {len(state)} bytes"
            raise ValueError(msg)
        _, own, *sizes, peak = _HEAD.unpack_from(state)
        if own != self._own or len(state) != _HEAD.size + sum(sizes):
            msg = "the state is that of another model, or is cut short"
            raise ValueError(msg)
        tail_at = _HEAD.size + sizes[0]
        flat_at = tail_at + sizes[1]
        model = state[_HEAD.size : tail_at]
        if isinstance(self._model, RangeNovelty):
            self._model.restore(model)
        else:
            self._model = pickle.loads(model)  # noqa: S301 - our own recovery folder, see the docstring
        self._tail.restore(state[tail_at:flat_at])
        self._flat.restore(state[flat_at:])
        self._peak = peak

    def _raw(self, time_s: float | None, value: float) -> tuple[float, dict[str, float]]:
        if isinstance(self._model, RangeNovelty):
            seen = self._model.views(value, time_s)
            views = {"value": seen.value, "context": seen.context, "hour": seen.hour, "jump": seen.jump}
            return seen.score, views
        score = float(self._model.score_one(_features(time_s, value)))
        return (kept(score) if _is_number(score) else 0.0), {}


def _is_number(value: float) -> bool:
    return value - value == 0.0


def _features(time_s: float | None, value: float) -> dict[Any, Any]:
    return {"value": value} if time_s is None else {"value": value, "time": time_s}
