"""Adds events up to panes, many at a time: what a :class:`~detectors.contract.Combiner` is made of.

Events are noted as columns (pane, group, one figure) and added up in one go when they are taken: a few passes of
numpy over thousands of events cost less than a look at each. Everything that is added is an integer, so the sums are
exact whatever the order.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from detectors.events import Event
from detectors.grouping import GroupNumbers
from detectors.windows import WindowSpec, encode_panes

Figures: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
GROUP_MEMORY = 10_000
"""Groups whose numbers are kept from one batch to the next."""


class PaneCombiner:
    """Sums vectors of integers per pane and group.

    Args:
        spec: the windows.
        group_by: names of the labels to group by.
        read: gives the figure of each event, None (or not a number) where it has none and does not count.
        vectors: turns the figures into the vectors to add up, ``(width, events)``; row 0 must be ones.
    """

    def __init__(
        self,
        spec: WindowSpec,
        group_by: Sequence[str],
        read: Callable[[Sequence[Event]], list[float | None]],
        vectors: Callable[[Figures], Integers],
    ) -> None:
        self._spec = spec
        self._read = read
        self._vectors = vectors
        self._numbers = GroupNumbers(group_by)
        self._clear()

    def _clear(self) -> None:
        self._times_us: list[int] = []
        self._groups: list[int] = []
        self._figures: list[float | None] = []

    def add(self, events: Sequence[Event]) -> None:
        """Note events."""
        figures = self._read(events)
        if None in figures:
            events = [event for event, figure in zip(events, figures, strict=True) if figure is not None]
            figures = [figure for figure in figures if figure is not None]
        self._groups += self._numbers.numbers(events)
        self._times_us += [event.time_us for event in events]
        self._figures += figures

    def take(self) -> bytes | None:
        """Return the sums since the last call, as :func:`detectors.windows.encode_panes` has them."""
        if not self._figures:
            return None
        figures = np.array(self._figures, dtype=np.float64)
        panes = np.array(self._times_us, dtype=np.int64) // self._spec.pane_us
        groups = np.array(self._groups, dtype=np.int64)
        names = self._numbers.groups
        self._numbers.trim(GROUP_MEMORY)
        self._clear()
        real = ~np.isnan(figures)
        if not real.all():
            figures, panes, groups = figures[real], panes[real], groups[real]
            if not len(figures):
                return None
        first = int(panes.min())
        keys = (panes - first) * len(names) + groups
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        sums = np.add.reduceat(self._vectors(figures)[:, order], starts, axis=1).T.tolist()
        places = [divmod(key, len(names)) for key in keys[starts].tolist()]
        return encode_panes(
            self._spec,
            {(first + pane, names[group]): vector for (pane, group), vector in zip(places, sums, strict=True)},
        )
