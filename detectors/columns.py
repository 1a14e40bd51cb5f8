"""Events as columns: what a window detector may read of many plain events at once, without an object for any of them.

A detector that says how its figures are read out of columns (:class:`ColumnReads`) must get the same figures, to the
last bit, as out of the events themselves. ``pipeline`` makes the columns; who has none gives events, as ever.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


class Columns(Protocol):
    """Some events, in their order. Fields of the data have the names that they have in :mod:`detectors.events`."""

    def __len__(self) -> int:
        """Return how many events there are."""
        ...

    @property
    def generation(self) -> int:
        """Codes of another generation are of other texts."""
        ...

    def times(self) -> Ints:
        """Return the event times in microseconds."""
        ...

    def numbers(self, field: str) -> Floats:
        """Return a field that is a number: not a number where an event has none."""
        ...

    def codes(self, field: str) -> Ints:
        """Return a field that is text (or ``source``, or ``type``) as codes: -1 where it is empty or missing."""
        ...

    def texts(self, field: str) -> Sequence[str]:
        """Return the texts of a field by their codes. More may be added at the end."""
        ...


ColumnRead: TypeAlias = Callable[[Columns], Floats]
"""Gives one figure of each event, not a number where it has none."""


class ColumnReads(NamedTuple):
    """How the figures of a detector are read out of columns.

    Attributes:
        fields: of the data (or ``source``), that are read.
        reads: as many as there are for events, in the same order.
    """

    fields: frozenset[str]
    reads: tuple[ColumnRead, ...]


def field_read(field: str, *, missing: float = np.nan) -> ColumnReads:
    """Return how to read one field that is a number; ``missing`` stands where an event has none."""

    def read(columns: Columns) -> Floats:
        found = columns.numbers(field)
        return found if missing != missing else np.where(np.isnan(found), missing, found)  # noqa: PLR0124

    return ColumnReads(frozenset({field}), (read,))


class Lookup:
    """A figure for each text of a field: asked once for each text.

    Args:
        field: whose texts.
        figure_of: of a text.
        missing: where there is no text.

    >>> Lookup("status", lambda status: float(status == "breached"), missing=0.0).field
    'status'
    """

    def __init__(self, field: str, figure_of: Callable[[str], float], *, missing: float) -> None:
        self.field = field
        self._figure_of = figure_of
        self._missing = missing
        self._generation = -1
        self._known = 0
        self._figures = np.array([missing])

    def __call__(self, columns: Columns) -> Floats:
        """Return the figures of the events."""
        texts = columns.texts(self.field)
        if columns.generation != self._generation or len(texts) != self._known:
            self._generation, self._known = columns.generation, len(texts)
            # The last of them is found by -1.
            self._figures = np.array([*map(self._figure_of, texts), self._missing])
        return self._figures.take(columns.codes(self.field), mode="wrap")
