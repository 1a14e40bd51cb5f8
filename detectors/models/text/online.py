"""An online classifier of texts in River's interface.

Why not River's own: ``LogisticRegression`` over ``BagOfWords`` keeps a weight for every word it has ever met, in
dictionaries, takes several times as long for a text, and its sums depend on the order of the words. This one has a
fixed size and sums that are exact. The benchmark compares them.

Source of the rates: J. Duchi, E. Hazan, Y. Singer: Adaptive Subgradient Methods for Online Learning and Stochastic
Optimization (JMLR 2011).
"""

import math
import zlib
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from river import base

from detectors.models.text.features import BUCKETS, Features, features
from detectors.models.text.linear import (
    CLASSES,
    DENSE,
    MAX_WEIGHT,
    SCALE,
    Prior,
    Probabilities,
    Weights,
    dense_inputs,
    probabilities,
)

RATE = 0.1
_FIRST_SQUARES = 0.01
_FIRST_DENSE_SQUARES = 1.0
_BALANCE_MEMORY = 0.999
_MOST_BALANCE = 5.0
_FORMAT = 1
_ROW = "<f4"


class Text(NamedTuple):
    """A text, and what the prior says of it; None: it says nothing (another language)."""

    text: str
    prior: Prior | None = None


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    dense: list[list[float]]
    dense_squares: list[list[float]]
    seen: list[float]
    buckets: bytes
    weights: bytes
    squares: bytes


class OnlineText(base.Classifier):
    """Logistic regression over three classes (softmax) on hashed n-grams, with a rate of its own for every weight.

    ``predict_proba_one`` never changes anything. Seldom classes count more (by the root of how seldom), so that a model
    is not best off when it always says what most people say. Whatever is learned, weights stay within ±7.99.

    Args:
        rate: the length of steps.
    """

    def __init__(self, rate: float = RATE) -> None:
        self.rate = rate
        self._weights: npt.NDArray[np.float32] = np.zeros((BUCKETS, 3), dtype=np.float32)
        self._squares: npt.NDArray[np.float32] = np.full((BUCKETS, 3), _FIRST_SQUARES, dtype=np.float32)
        self._dense = [[0.0] * 3 for _ in range(DENSE)]
        self._dense_squares = [[_FIRST_DENSE_SQUARES] * 3 for _ in range(DENSE)]
        self._seen = [1.0] * 3

    @property
    def _multiclass(self) -> bool:
        return True

    @property
    def dense(self) -> list[list[float]]:
        """Weights of the inputs beside the n-grams, one row each."""
        return self._dense

    def predict_proba_one(self, x: str | Text) -> dict[base.typing.ClfTarget, float]:  # type: ignore[override]
        """Return the probability of every class, by its name."""
        text = x if isinstance(x, Text) else Text(x)
        return dict(zip(CLASSES, self.chances(features(text.text), text.prior), strict=True))

    def learn_one(self, x: str | Text, y: base.typing.ClfTarget) -> None:  # type: ignore[override]
        """Learn that ``x`` is of class ``y``: ``negative``, ``neutral`` or ``positive``.

        Raises:
            ValueError: for another class.
        """
        text = x if isinstance(x, Text) else Text(x)
        if y not in CLASSES:
            msg = f"{y!r} is not a class; expected one of {', '.join(CLASSES)}"
            raise ValueError(msg)
        found = features(text.text)
        self.learn(found, text.prior, CLASSES.index(str(y)), self.chances(found, text.prior))

    def chances(self, found: Features, prior: Prior | None) -> Probabilities:
        """Return the probabilities of the classes in their order: the same that a version made now would give."""
        rows = self._weights[np.concatenate(found)]
        picked = np.rint(rows * np.float32(SCALE)).astype(np.int32)
        return probabilities(picked, self._dense, found, dense_inputs(prior))

    def learn(self, found: Features, prior: Prior | None, label: int, chances: Probabilities) -> None:
        """Learn a label, after ``chances`` have been told for the same text."""
        seen = self._seen
        for place in range(3):
            seen[place] *= _BALANCE_MEMORY
        seen[label] += 1.0
        weight = min(_MOST_BALANCE, math.sqrt(sum(seen) / (3.0 * seen[label])))
        gradient = [weight * (chance - (place == label)) for place, chance in enumerate(chances)]
        for buckets in found:
            if len(buckets):
                self._step(buckets, np.array(gradient))
        for row, squares, given in zip(self._dense, self._dense_squares, dense_inputs(prior), strict=True):
            for place, slope in enumerate(gradient):
                squares[place] += (slope * given) ** 2
                row[place] = _bounded(row[place] - self.rate * slope * given / math.sqrt(squares[place]))

    def _step(self, buckets: npt.NDArray[np.int64], gradient: npt.NDArray[np.float64]) -> None:
        places, counts = np.unique(buckets, return_counts=True)
        slopes = (counts / math.sqrt(len(buckets)))[:, None] * gradient
        squares = self._squares[places] + slopes * slopes
        moved = self._weights[places] - self.rate * slopes / np.sqrt(squares)
        self._squares[places] = squares
        self._weights[places] = np.clip(moved, -MAX_WEIGHT, MAX_WEIGHT)

    def forget(self, keep: float) -> None:
        """Let rates grow again, so that a language that changes is followed: ``keep`` (0 to 1) of the past counts."""
        self._squares -= np.float32(_FIRST_SQUARES)
        self._squares *= np.float32(keep)
        self._squares += np.float32(_FIRST_SQUARES)
        for row in self._dense_squares:
            for place, value in enumerate(row):
                row[place] = _FIRST_DENSE_SQUARES + (value - _FIRST_DENSE_SQUARES) * keep

    def quantised(self) -> Weights:
        """Return the weights of the n-grams as whole multiples of 1/4096."""
        whole: Weights = np.rint(self._weights * np.float32(SCALE)).astype(np.int16)
        return whole

    def snapshot(self) -> bytes:
        """Return everything, for :meth:`restore`."""
        touched = np.flatnonzero(
            (self._weights != 0).any(axis=1) | (self._squares != np.float32(_FIRST_SQUARES)).any(axis=1)
        )
        state = _State(
            _FORMAT,
            self._dense,
            self._dense_squares,
            self._seen,
            touched.astype("<u4").tobytes(),
            self._weights[touched].astype(_ROW).tobytes(),
            self._squares[touched].astype(_ROW).tobytes(),
        )
        return zlib.compress(msgspec.msgpack.encode(state), 1)

    def restore(self, state: bytes) -> None:
        """Take over exactly what :meth:`snapshot` returned.

        Raises:
            ValueError: when it is something else.
        """
        try:
            told = msgspec.msgpack.decode(zlib.decompress(state), type=_State)
        except (zlib.error, msgspec.DecodeError) as error:
            msg = f"not a state of a text model: {error}"
            raise ValueError(msg) from error
        if told.version != _FORMAT:
            msg = f"the text model's state is of version {told.version}, this program reads {_FORMAT}"
            raise ValueError(msg)
        self.__init__(self.rate)  # type: ignore[misc]
        touched = np.frombuffer(told.buckets, dtype="<u4")
        self._weights[touched] = np.frombuffer(told.weights, dtype=_ROW).reshape(-1, 3)
        self._squares[touched] = np.frombuffer(told.squares, dtype=_ROW).reshape(-1, 3)
        self._dense, self._dense_squares = told.dense, told.dense_squares
        self._seen = told.seen


def _bounded(value: float) -> float:
    return min(MAX_WEIGHT, max(-MAX_WEIGHT, value))
