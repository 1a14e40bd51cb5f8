"""F1 of the KPI data: a segment of labelled points is found as a whole, if one of its first eight points is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DELAY = 7
"""A segment counts if a point is found at most so many points after its first."""


class Counts(NamedTuple):
    """Points found, found falsely, and missed: ``[series, threshold]``."""

    found: Floats
    false: Floats
    missed: Floats

    def f1(self, series: Sequence[int]) -> Floats:
        """Return F1 over some of the series, by threshold."""
        found, false, missed = (part[list(series)].sum(axis=0) for part in self)
        return np.asarray(2.0 * found / np.maximum(1.0, 2.0 * found + false + missed))


def segments(labels: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first index and index behind the last of each run of ones.

    >>> segments(np.array([0, 1, 1, 0, 1]))
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], labels != 0, [0])).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def counts(labels: Sequence[npt.NDArray[np.int64]], scores: Sequence[Floats], thresholds: Floats) -> Counts:
    """Count with every threshold: a point is found where its score reaches it."""
    rows = []
    for label, score in zip(labels, scores, strict=True):
        runs = segments(label)
        length = np.array([end - start for start, end in runs], dtype=float)
        highest = np.array([score[start : min(end, start + DELAY + 1)].max() for start, end in runs])
        found = np.array([length[highest >= level].sum() for level in thresholds])
        normal = np.sort(score[label == 0])
        false = normal.size - np.searchsorted(normal, thresholds, side="left")
        rows.append((found, false.astype(float), length.sum() - found))
    return Counts(*(np.array(part) for part in zip(*rows, strict=True)))
