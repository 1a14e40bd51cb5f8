"""Watches one series of numbers: how new each is, how rare that is here, and whether an alert would be opened for it.

The order is always score, decide, then learn. Every point is learned, flagged or not.
"""

import pickle
import struct
from typing import Any, Protocol

import msgspec

from detectors.models.evt import EvtTail
from detectors.models.novelty import RangeNovelty
from detectors.models.series_ring import kept

LEAST_NOVELTY = 0.1
"""An alert needs this much novelty: "in three views together a tenth of the range away from anything seen"."""
LARGEST_P = 1e-2
"""An alert needs a novelty that so small a share of the points of this series reaches, or a smaller one."""
LARGEST_P_ALONE = 1e-3
"""The same where another River model stands in: its scores have no unit, the p-value decides alone."""
COOL_DOWN = 100
"""An alert needs a score above that of each of so many points before it: one for an episode, not one for a point."""
_HEAD = struct.Struct("<4s?II")
_MAGIC = b"SER1"


class Scorer(Protocol):
    """Any anomaly model of River, or a pipeline that ends in one."""

    def learn_one(self, x: dict[Any, Any]) -> Any:
        """Learn a point."""

    def score_one(self, x: dict[Any, Any]) -> float:
        """Return its score: higher is more anomalous."""


class SeriesScore(msgspec.Struct, frozen=True):
    """What is said of a point.

    Attributes:
        novelty: how new, in [0, 10]; of another River model: its score.
        p_value: share of the points of this series that are at least as new, in (0, 1].
        alert: an alert would be opened here.
        fresh: ``novelty`` where it is above that of every point of the cool-down, else 0: what an alert opened here
            would be worth. It ranks openings as ``novelty`` ranks points.
        views: ``value``, ``context`` and ``hour`` in units of the range; empty for another River model.
    """

    novelty: float
    p_value: float
    alert: bool
    fresh: float
    views: dict[str, float]


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
        tail: int = 2000,
        least_novelty: float | None = None,
        largest_p: float | None = None,
        cool_down: int = COOL_DOWN,
    ) -> None:
        self._model: Scorer = RangeNovelty(memory) if model is None else model
        default_least, default_p = (LEAST_NOVELTY, LARGEST_P) if model is None else (None, LARGEST_P_ALONE)
        self.least_novelty = default_least if least_novelty is None else least_novelty
        self.largest_p = default_p if largest_p is None else largest_p
        self.cool_down = cool_down
        self._tail = EvtTail(tail)

    def score(self, time_s: float | None, value: float) -> SeriesScore:
        """Judge a point before it is learned. Changes nothing.

        Args:
            time_s: seconds since the epoch; None: not known, and the hour says nothing.
            value: the number. What is not finite is no evidence: novelty 0, p-value 1.
        """
        novelty, views = self._novelty(time_s, value)
        p_value = self._tail.p_value(novelty)
        first = novelty > self._tail.recent_max(self.cool_down)
        large = self.least_novelty is None or novelty >= self.least_novelty
        return SeriesScore(
            novelty=novelty,
            p_value=p_value,
            alert=first and large and p_value <= self.largest_p,
            fresh=novelty if first else 0.0,
            views=views,
        )

    def learn(self, time_s: float | None, value: float, scored: SeriesScore | None = None) -> None:
        """Learn a point. ``scored``: what :meth:`score` has just said of it, if it is at hand: saves scoring again."""
        if not _is_number(value):
            return
        novelty = self._novelty(time_s, value)[0] if scored is None else scored.novelty
        self._tail.learn(novelty)
        self._model.learn_one(_features(time_s, value))

    def state(self) -> bytes:
        """Return the state; :meth:`restore` of it continues bit for bit."""
        own = isinstance(self._model, RangeNovelty)
        model = self._model.state() if isinstance(self._model, RangeNovelty) else pickle.dumps(self._model, protocol=5)
        tail = self._tail.state()
        return _HEAD.pack(_MAGIC, own, len(model), len(tail)) + model + tail

    def restore(self, state: bytes) -> None:
        """Take over a state of a model with the same arguments. Only of our own writing: River models are pickled.

        Raises:
            ValueError: the bytes are no state of such a model.
        """
        own = isinstance(self._model, RangeNovelty)
        if len(state) < _HEAD.size or state[:4] != _MAGIC:
            msg = f"expected the state of a series ({_MAGIC!r} and its models), got {len(state)} bytes"
            raise ValueError(msg)
        _, was_own, model_bytes, tail_bytes = _HEAD.unpack_from(state)
        if was_own != own or len(state) != _HEAD.size + model_bytes + tail_bytes:
            msg = "the state is that of another model, or is cut short"
            raise ValueError(msg)
        model, tail = state[_HEAD.size : _HEAD.size + model_bytes], state[_HEAD.size + model_bytes :]
        if isinstance(self._model, RangeNovelty):
            self._model.restore(model)
        else:
            self._model = pickle.loads(model)  # noqa: S301 - our own recovery folder, see the docstring
        self._tail.restore(tail)

    def _novelty(self, time_s: float | None, value: float) -> tuple[float, dict[str, float]]:
        if not _is_number(value):
            return 0.0, {}
        if isinstance(self._model, RangeNovelty):
            seen = self._model.views(value, time_s)
            return seen.score, {"value": seen.value, "context": seen.context, "hour": seen.hour}
        score = float(self._model.score_one(_features(time_s, value)))
        return (kept(score) if _is_number(score) else 0.0), {}


def _is_number(value: float) -> bool:
    return value - value == 0.0


def _features(time_s: float | None, value: float) -> dict[Any, Any]:
    return {"value": value} if time_s is None else {"value": value, "time": time_s}
