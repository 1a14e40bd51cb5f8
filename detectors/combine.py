"""Adds events up to panes, many at a time: what a :class:`~detectors.contract.Combiner` is made of.

Events are noted as columns (pane, group, one figure) and added up in one go when they are taken: a few passes of
numpy over thousands of events cost less than a look at each. Everything that is added is an integer, so the sums are
exact whatever the order.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from detectors.columns import ColumnReads, Columns
from detectors.events import Event
from detectors.grouping import GroupNumbers, column_names
from detectors.panes import Panes

Figures: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Read: TypeAlias = Callable[[Sequence[Event]], list[float | None]]
"""Gives one figure of each event, None (or not a number) where it has none."""
Vectors: TypeAlias = Callable[[Figures], Integers]
"""Turns figures ``(reads, events)`` into the vectors to add up, ``(width, events)``; row 0 must be ones."""
_MOST_EMPTY = 4
_EXACT = 2**53
"""Whole numbers below it are exact as floats, in which numpy counts fastest."""
GROUP_MEMORY = 10_000
"""Groups whose numbers are kept from one batch to the next."""


class PaneCombiner:
    """Sums vectors of integers per pane and group.

    Args:
        pane_us: length of a pane in microseconds.
        group_by: names of the labels to group by.
        reads: give the figures of each event; one that has none of the first does not count.
        vectors: turns the figures into the vectors to add up.
        columns: how the same figures are read out of columns; None: they are not, events are needed.

    Attributes:
        fields: what it reads out of columns; None: events are needed.
    """

    def __init__(
        self,
        pane_us: int,
        group_by: Sequence[str],
        reads: Sequence[Read],
        vectors: Vectors,
        columns: ColumnReads | None = None,
    ) -> None:
        names = column_names(group_by)
        self.fields = None if columns is None or names is None else columns.fields | frozenset(names)
        self._column_reads = () if columns is None else columns.reads
        self._pane_us = pane_us
        self._reads = tuple(reads)
        self._vectors = vectors
        self._numbers = GroupNumbers(group_by)
        self._clear()

    def _clear(self) -> None:
        self._times_us: list[int] = []
        self._groups: list[int] = []
        self._figures: list[list[float | None]] = [[] for _ in self._reads]
        self._columns: list[tuple[Figures, Integers, Integers]] = []

    def add(self, events: Sequence[Event]) -> None:
        """Note events."""
        for known, read in zip(self._figures, self._reads, strict=True):
            known.extend(read(events))
        self._groups += self._numbers.numbers(events)
        self._times_us += [event.time_us for event in events]

    def add_columns(self, columns: Columns) -> None:
        """Note events that came as columns with the :attr:`fields`: as :meth:`add` of the same events."""
        figures = np.stack([read(columns) for read in self._column_reads])
        self._columns.append((figures, columns.times(), self._numbers.numbers_of(columns)))

    def _noted(self) -> tuple[Figures, Integers, Integers]:
        """Return the figures, times and groups of all that was noted."""
        parts = self._columns
        if self._times_us or not parts:
            figures = np.array(self._figures, dtype=np.float64)  # not a number where there is none
            times_us, groups = np.array(self._times_us, dtype=np.int64), np.array(self._groups, dtype=np.int64)
            parts = [(figures, times_us, groups), *parts]
        if len(parts) == 1:
            return parts[0]
        return (
            np.concatenate([part[0] for part in parts], axis=1),
            np.concatenate([part[1] for part in parts]),
            np.concatenate([part[2] for part in parts]),
        )

    def take(self) -> Panes:
        """Return the sums since the last call."""
        if not self._times_us and not self._columns:
            return []
        figures, times_us, groups = self._noted()
        panes = times_us // self._pane_us
        names = self._numbers.groups
        self._numbers.trim(GROUP_MEMORY)
        self._clear()
        real = ~np.isnan(figures[0])
        if not real.all():
            figures, panes, groups = figures[:, real], panes[real], groups[real]
            if not len(panes):
                return []
        first = int(panes.min())
        keys = (panes - first) * len(names) + groups
        found, sums = _sums_by_key(keys, self._vectors(figures))
        return [
            (first + key // len(names), names[key % len(names)], vector)
            for key, vector in zip(found.tolist(), sums.tolist(), strict=True)
        ]


def _sums_by_key(keys: Integers, vectors: Integers) -> tuple[Integers, Integers]:
    """Return the keys that occur, rising, and for each the exact sum of the vectors ``(width, n)`` that have it."""
    span = int(keys.max()) + 1
    if span <= _MOST_EMPTY * len(keys) and int(np.abs(vectors).max()) * len(keys) < _EXACT:
        found = np.flatnonzero(np.bincount(keys))
        sums = [np.bincount(keys, weights=row)[found] for row in vectors]
        return found, np.stack(sums, axis=1).astype(np.int64)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.add.reduceat(vectors[:, order], starts, axis=1).T
