"""What a linear model says of a text, in numbers that are the same everywhere.

Weights are whole multiples of 1/4096. Sums of whole numbers do not depend on the order in which they are added, so a
text has the same score in every process, whatever the processor adds at a time.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.models.text.features import Features

NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2
CLASSES = ("negative", "neutral", "positive")
BOUND = 0.05
"""Scores at or below ``-BOUND`` are negative, at or above ``BOUND`` positive: VADER's own bounds."""
SCALE = 4096
MAX_WEIGHT = 7.99
"""Weights are kept within this, so that they fit 16 bits."""
DENSE = 5
"""Inputs beside the n-grams: a constant, and four of the prior."""
_DIGITS = 9
SCORE_DIGITS = 4
_MOST_NEUTRAL = 0.0499

Weights = npt.NDArray[np.int16]
"""One row a bucket, one column a class."""
Probabilities = tuple[float, float, float]


class Prior(NamedTuple):
    """What a model that never learns says of a text.

    Attributes:
        compound: the whole of it, -1 to 1.
        positive, negative: shares of the text, 0 to 1.
    """

    compound: float
    positive: float
    negative: float

    @property
    def inputs(self) -> tuple[float, ...]:
        """What the model that learns gets of it."""
        return (1.0, self.compound, self.positive, self.negative, abs(self.compound))


NO_PRIOR = (1.0, 0.0, 0.0, 0.0, 0.0)


def dense_inputs(prior: Prior | None) -> tuple[float, ...]:
    """Return the inputs beside the n-grams."""
    return NO_PRIOR if prior is None else prior.inputs


def class_of(score: float) -> int:
    """Return the class of a score.

    >>> [CLASSES[class_of(score)] for score in (-0.05, 0.0, 0.05)]
    ['negative', 'neutral', 'positive']
    """
    if score <= -BOUND:
        return NEGATIVE
    return POSITIVE if score >= BOUND else NEUTRAL


def probabilities(
    weights: npt.NDArray[np.int16] | npt.NDArray[np.int32],
    dense: Sequence[Sequence[float]],
    found: Features,
    inputs: Sequence[float],
) -> Probabilities:
    """Return the probabilities of the classes.

    Args:
        weights: rows of ``weights`` belong to the n-grams of ``found``, words first (they were picked by the caller).
        dense: one row an input, one column a class.
        found: the n-grams.
        inputs: beside the n-grams.
    """
    words, chars = len(found.words), len(found.chars)
    of_words = weights[:words].sum(axis=0, dtype=np.int64).tolist()
    of_chars = weights[words:].sum(axis=0, dtype=np.int64).tolist()
    by_words = SCALE * math.sqrt(max(1, words))
    by_chars = SCALE * math.sqrt(max(1, chars))
    logits = []
    for column in range(3):
        value = of_words[column] / by_words + of_chars[column] / by_chars
        for row, given in zip(dense, inputs, strict=True):
            value += row[column] * given
        logits.append(value)
    top = max(logits)
    # Two mathematical libraries may differ in the last digit of an exponential: it is rounded away.
    powers = [round(math.exp(value - top), _DIGITS) for value in logits]
    total = sum(powers)
    return (powers[0] / total, powers[1] / total, powers[2] / total)


def score_of(chances: Probabilities) -> float:
    """Return a score from -1 to 1: its class by the bounds is the most likely one, its size how sure that is.

    >>> score_of((0.7, 0.2, 0.1)), score_of((0.2, 0.6, 0.2)), score_of((0.1, 0.5, 0.4))
    (-0.6, 0.0, 0.0299)
    """
    negative, neutral, positive = chances
    difference = positive - negative
    if neutral >= max(negative, positive):
        return round(_MOST_NEUTRAL * difference / neutral, SCORE_DIGITS)
    if positive >= negative:
        return round(min(1.0, max(BOUND, difference)), SCORE_DIGITS)
    return round(max(-1.0, min(-BOUND, difference)), SCORE_DIGITS)
