"""A long, thinned memory of single numbers: for each region of values, when it was last visited."""

import numpy as np

from detectors.models.series_ring import Ring

_PURGE_EVERY = 64


class LongPast:
    """Remembers numbers that a shorter memory has dropped, one for all that are alike, for ``horizon`` points.

    Full, it lets the one go that was visited longest ago.

    Args:
        capacity: how many different numbers.
        horizon: points after which a number that was not seen again is forgotten.

    >>> past = LongPast(capacity=8, horizon=1000)
    >>> past.learn(5.0, alike=0.1, at=1)
    >>> past.learn(5.05, alike=0.1, at=2)
    >>> past.count, past.nearest(6.0)
    (1, 1.0)
    """

    def __init__(self, capacity: int, horizon: int) -> None:
        self.capacity = capacity
        self.horizon = horizon
        self.count = 0
        self._value = np.empty(capacity, dtype=np.float32)
        self._last = np.zeros(capacity, dtype=np.uint32)

    def nearest(self, value: float) -> float:
        """Return the distance to the nearest number remembered; infinite if there is none."""
        if self.count == 0:
            return float("inf")
        return float(np.abs(self._value[: self.count] - np.float32(value)).min())

    def learn(self, value: float, *, alike: float, at: int) -> None:
        """Remember that ``value`` was visited at point ``at``; within ``alike`` of one remembered, it is that one."""
        if at % _PURGE_EVERY == 0:
            self._purge(at)
        if self.count:
            distances = np.abs(self._value[: self.count] - np.float32(value))
            index = int(distances.argmin())
            if distances[index] <= alike:
                self._last[index] = at
                return
        if self.count < self.capacity:
            index = self.count
            self.count += 1
        else:
            index = int(self._last.argmin())
        self._value[index] = value
        self._last[index] = at

    def to_bytes(self) -> bytes:
        """Return what is remembered: the numbers, then when each was visited."""
        return self._value[: self.count].astype("<f4").tobytes() + self._last[: self.count].astype("<u4").tobytes()

    def fill(self, raw: bytes | memoryview, count: int) -> None:
        """Replace all by ``count`` numbers that :meth:`to_bytes` gave.

        Raises:
            ValueError: the bytes are not those of so many numbers, or there is no room for so many.
        """
        if count > self.capacity or len(raw) != 8 * count:
            msg = f"{len(raw)} bytes for {count} numbers: expected {8 * count} bytes, at most {self.capacity} numbers"
            raise ValueError(msg)
        self._value[:count] = np.frombuffer(raw, dtype="<f4", count=count)
        self._last[:count] = np.frombuffer(raw, dtype="<u4", count=count, offset=4 * count)
        self.count = count

    def _purge(self, at: int) -> None:
        live = self._last[: self.count] > max(-1, at - self.horizon)
        left = int(np.count_nonzero(live))
        if left < self.count:
            self._value[:left] = self._value[: self.count][live]
            self._last[:left] = self._last[: self.count][live]
            self.count = left


class Extent:
    """The range of one row of a ring without a share of it at each end; computed anew only when it may have changed.

    Args:
        ring: the memory.
        row: of it.
        trim: share left out at each end, in [0, 0.5).
    """

    def __init__(self, ring: Ring, row: int, trim: float) -> None:
        self._ring = ring
        self._row = row
        self._trim = trim
        self._ends: tuple[float, float] | None = None

    def ends(self) -> tuple[float, float]:
        """Return the least and the greatest number that are not left out. There must be one."""
        if self._ends is None:
            numbers = self._ring.held[self._row]
            cut = int(self._trim * numbers.size)
            if cut == 0:
                self._ends = float(numbers.min()), float(numbers.max())
            else:
                ordered = np.partition(numbers, (cut, numbers.size - 1 - cut))
                self._ends = float(ordered[cut]), float(ordered[numbers.size - 1 - cut])
        return self._ends

    def changed(self, came: float, gone: float | None) -> None:
        """Take notice that ``came`` is in the ring now, and ``gone``, if anything, no longer."""
        if self._ends is None:
            return
        low, high = self._ends
        count = self._ring.count
        longer_cut = gone is None and int(self._trim * count) != int(self._trim * (count - 1))
        if longer_cut or not low < came < high or (gone is not None and not low < gone < high):
            self._ends = None

    def forget(self) -> None:
        """The ring was replaced."""
        self._ends = None
