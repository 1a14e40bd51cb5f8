"""How well classes are told, over the last labels: accuracy, macro-F1, and agreement beyond chance.

Accuracy is high where one class is common and always told, macro-F1 is not nought where classes are guessed; Cohen's
kappa is nought for both. (J. Cohen: A Coefficient of Agreement for Nominal Scales, 1960.)
"""

from collections import deque
from collections.abc import Sequence

import msgspec

from detectors.models.text.linear import CLASSES

_MEMBERS = len(CLASSES)
LEAST_OF_A_CLASS = 5
"""A class with fewer labels in the window says nothing about a model."""


class Figures(msgspec.Struct, array_like=True, frozen=True):
    """What was measured over a window of labels, each text told before it was learned.

    Attributes:
        labels: how many, by class.
        prior_right, model_right: shares that were told right.
        prior_f1, model_f1: macro-F1: the mean of the F1 of the classes that occur.
        prior_kappa, model_kappa: agreement beyond chance; 1 is all of it, 0 is none.
        prior_mean, model_mean: the mean score; where they differ, the mean moves when the model comes into use.
    """

    labels: tuple[int, int, int] = (0, 0, 0)
    prior_right: float = 0.0
    model_right: float = 0.0
    prior_f1: float = 0.0
    model_f1: float = 0.0
    prior_kappa: float = 0.0
    model_kappa: float = 0.0
    prior_mean: float = 0.0
    model_mean: float = 0.0

    @property
    def count(self) -> int:
        """All labels of the window."""
        return sum(self.labels)

    @property
    def telling(self) -> bool:
        """Whether there are enough labels of at least two classes to compare by."""
        return sum(number >= LEAST_OF_A_CLASS for number in self.labels) > 1


class Judged(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One label, and what was told before. Scores are in ten-thousandths: their sums are exact."""

    label: int
    prior: int
    model: int
    prior_score: int
    model_score: int


def confusion_of(truth: Sequence[int], told: Sequence[int]) -> list[list[int]]:
    """Return how often each class was told for each true one: rows are true classes."""
    confusion = [[0] * _MEMBERS for _ in range(_MEMBERS)]
    for true, found in zip(truth, told, strict=True):
        confusion[true][found] += 1
    return confusion


def f1_of(confusion: Sequence[Sequence[int]]) -> float:
    """Return macro-F1, the mean F1 of the classes that occur; 0 of nothing.

    >>> round(f1_of(confusion_of([0, 0, 1, 2], [0, 1, 1, 2])), 4)
    0.7778
    """
    scores = []
    for place, row in enumerate(confusion):
        true = sum(row)
        if true:
            found = sum(other[place] for other in confusion)
            scores.append(2 * row[place] / (true + found))
    return sum(scores) / len(scores) if scores else 0.0


def right_of(confusion: Sequence[Sequence[int]]) -> float:
    """Return the share that was told right; 0 of nothing.

    >>> right_of(confusion_of([0, 0, 1, 2], [0, 1, 1, 2]))
    0.75
    """
    return sum(row[place] for place, row in enumerate(confusion)) / max(1, sum(map(sum, confusion)))


def kappa_of(confusion: Sequence[Sequence[int]]) -> float:
    """Return the agreement beyond chance; 0 where chance alone would agree.

    >>> kappa_of(confusion_of([0, 1], [0, 1])), kappa_of(confusion_of([0, 1], [0, 0]))
    (1.0, 0.0)
    """
    total = sum(map(sum, confusion))
    if not total:
        return 0.0
    told = [sum(row[place] for row in confusion) for place in range(_MEMBERS)]
    by_chance = sum(sum(row) * found for row, found in zip(confusion, told, strict=True)) / total**2
    return 0.0 if by_chance == 1.0 else (right_of(confusion) - by_chance) / (1.0 - by_chance)


class Record:
    """The last labels of one language.

    Args:
        size: how many are kept.
        judged: those that there are already.
    """

    def __init__(self, size: int, judged: Sequence[Judged] = ()) -> None:
        self._judged = deque(judged, maxlen=size)

    def add(self, judged: Judged) -> None:
        """Note a label; the oldest is forgotten where there are too many."""
        self._judged.append(judged)

    def usual(self) -> int:
        """Return the class that most labels are of: what is told by someone who cannot read."""
        counts = self._labels()
        return counts.index(max(counts))

    def figures(self) -> Figures:
        """Return what was measured."""
        judged = self._judged
        if not judged:
            return Figures()
        truth = [one.label for one in judged]
        prior = confusion_of(truth, [one.prior for one in judged])
        model = confusion_of(truth, [one.model for one in judged])
        labels = self._labels()
        figures = [how(confusion) for how in (right_of, f1_of, kappa_of) for confusion in (prior, model)]
        means = [
            sum(one.prior_score for one in judged) / (10_000 * len(judged)),
            sum(one.model_score for one in judged) / (10_000 * len(judged)),
        ]
        return Figures((labels[0], labels[1], labels[2]), *(round(figure, 6) for figure in figures + means))

    def state(self) -> list[Judged]:
        """Return what is kept."""
        return list(self._judged)

    def _labels(self) -> list[int]:
        counts = [0] * _MEMBERS
        for one in self._judged:
            counts[one.label] += 1
        return counts
