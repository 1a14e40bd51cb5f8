"""The last so many columns of numbers: the memory that the models of a series share."""

from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST = 1e30
"""What is kept lies between this and its negative. Larger numbers are kept as this: their squares must not overflow."""
_FIRST_CAPACITY = 64

Numbers = npt.NDArray[Any]


class Ring:
    """Remembers the last ``capacity`` columns of ``rows`` numbers each; takes room only for what is there.

    Args:
        rows, capacity: as above.
        kind: of the numbers, as numpy writes it: float32, or whole numbers of 16 bits (``<u2``).

    >>> ring = Ring(1, 2)
    >>> for number in (1.0, 2.0, 3.0):
    ...     _ = ring.append([number])
    >>> ring.in_order().tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, rows: int, capacity: int, kind: str = "<f4") -> None:
        self.rows = rows
        self.capacity = capacity
        self._kind = np.dtype(kind)
        self.count = 0
        self._next = 0
        self._held: Numbers = np.empty((rows, min(capacity, _FIRST_CAPACITY)), dtype=self._kind)

    @property
    def held(self) -> Numbers:
        """All that is remembered, one column each, in no particular order. Not to be written to."""
        return self._held[:, : self.count]

    def append(self, column: list[float] | list[int]) -> Numbers | None:
        """Remember ``column``; return a copy of the oldest one if it had to make room."""
        if self._next == self._held.shape[1]:
            if self._next < self.capacity:
                self._grow()
            else:
                self._next = 0
        full = self.count == self.capacity
        gone = self._held[:, self._next].copy() if full else None
        self._held[:, self._next] = column
        self._next += 1
        self.count += not full
        return gone

    def in_order(self) -> Numbers:
        """Return a copy of all that is remembered, oldest first."""
        if self.count < self.capacity:
            return self._held[:, : self.count].copy()
        return np.concatenate((self._held[:, self._next :], self._held[:, : self._next]), axis=1)

    def recent(self, row: int, count: int) -> Numbers:
        """Return the last ``count`` numbers of a row (fewer if there are fewer), in no particular order."""
        first = self._next - min(count, self.count)
        part: Numbers = self._held[row, max(0, first) : self._next]
        return part if first >= 0 else np.concatenate((self._held[row, first:], part))

    def to_bytes(self) -> bytes:
        """Return what is remembered, oldest column first, row by row."""
        return self.in_order().tobytes()

    def fill(self, raw: bytes | memoryview, count: int) -> None:
        """Replace all by ``count`` columns that :meth:`to_bytes` gave.

        Raises:
            ValueError: the bytes are not those of so many columns, or there is no room for so many.
        """
        size = self._kind.itemsize * self.rows * count
        if count > self.capacity or len(raw) != size:
            msg = (
                f"{len(raw)} bytes for {count} columns of {self.rows} numbers: expected {size} bytes, "
                f"and at most {self.capacity} columns"
            )
            raise ValueError(msg)
        room = min(self.capacity, max(_FIRST_CAPACITY, count))
        self._held = np.empty((self.rows, room), dtype=self._kind)
        self._held[:, :count] = np.frombuffer(raw, dtype=self._kind).reshape(self.rows, count)
        self.count = self._next = count

    def _grow(self) -> None:
        room = min(self.capacity, 2 * self._held.shape[1])
        larger = np.empty((self.rows, room), dtype=self._kind)
        larger[:, : self._next] = self._held
        self._held = larger


def kept(number: float) -> float:
    """Return ``number`` within what a ring can hold.

    >>> kept(1e300), kept(-2.5)
    (1e+30, -2.5)
    """
    return min(LARGEST, max(-LARGEST, number))
