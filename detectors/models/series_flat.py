"""Flat lines: a series that has always moved and now says the same thing again and again."""

import struct

_FEWEST = 30
_TIMES_LONGEST = 3
_WARM_UP = 600
_STATE = struct.Struct("<4s4Qd?")
_MAGIC = b"FLT1"


class FlatLine:
    """Notices a run of equal numbers that is more than three times as long as any before it.

    A flat line at a level that was seen before is new in no other view. It is told of once, when the run has become
    that long, is at least 30 points long, and began after 600 points.

    >>> flat = FlatLine()
    >>> for number in range(1000):
    ...     flat.learn(float(number % 7))
    >>> told = []
    >>> for number in range(40):
    ...     told.append(flat.begins(3.0))
    ...     flat.learn(3.0)
    >>> told.index(True), sum(told)
    (29, 1)
    """

    def __init__(self) -> None:
        self._seen = 0
        self._run = 0
        self._longest = 1
        self._runs = 0
        self._last = 0.0
        self._any = False

    def begins(self, value: float) -> bool:
        """Say whether with ``value`` a run becomes a flat line, just now. Changes nothing."""
        if not self._any or value != self._last:
            return False
        needed = max(_FEWEST, _TIMES_LONGEST * self._longest + 1)
        return self._run + 1 == needed and self._seen - self._run >= _WARM_UP

    def p_value(self) -> float:
        """Return the share of runs at least as long as a flat line, by the runs seen: conformal, never 0."""
        return 1.0 / (1.0 + self._runs)

    def learn(self, value: float) -> None:
        """Learn a number, which must be finite."""
        if self._any and value == self._last:
            self._run += 1
        else:
            self._longest = max(self._longest, self._run)
            self._runs += self._any
            self._run, self._last, self._any = 1, value, True
        self._seen += 1

    def state(self) -> bytes:
        """Return the state."""
        return _STATE.pack(_MAGIC, self._seen, self._run, self._longest, self._runs, self._last, self._any)

    def restore(self, state: bytes | memoryview) -> None:
        """Take over a state.

        Raises:
            ValueError: the bytes are no such state.
        """
        if len(state) != _STATE.size or bytes(state[:4]) != _MAGIC:
            msg = f"expected the state of runs ({_MAGIC!r}, {_STATE.size} bytes), got {len(state)} bytes"
            raise ValueError(msg)
        _, self._seen, self._run, self._longest, self._runs, self._last, self._any = _STATE.unpack(state)
