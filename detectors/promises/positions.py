"""Where the strays are that came many at a time: position by key, found and put down many at a time.

A dict would cost more than all the rest of what is done for such a key, in time and in room: it has an object for each
key and each position, and goes through them one after another. Here is a table of hashes with open addressing; which
key it is stands with the event, at the position.
"""

from collections.abc import Sequence

import numpy as np

from detectors.columns import Ints

_FREE, _DEAD = 0, 1
"""In place of a hash: nothing was ever here; something was."""
_NEVER_THOSE = 2
_HASH_BITS = 63
_LEAST_BITS = 10
_AT_ONCE = 65_536


def hashes_of(keys: Sequence[str]) -> Ints:
    """Return the hashes of keys."""
    return (np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys)) | _NEVER_THOSE) & ((1 << _HASH_BITS) - 1)


class Positions:
    """A position for each of some hashes. Positions are not negative."""

    def __init__(self) -> None:
        self._live = 0
        self._begin(_LEAST_BITS)

    def _begin(self, bits: int) -> None:
        self._hashes = np.zeros(1 << bits, dtype=np.int64)
        self._positions = np.zeros(1 << bits, dtype=np.int64)
        self._view = memoryview(self._hashes.data)  # for one at a time
        self._shift = max(0, _HASH_BITS - bits)  # by their first bits, so that they stay in order when it grows
        self._last = (1 << bits) - 1
        self._used = 0

    def __len__(self) -> int:
        return self._live

    def find(self, key: str) -> int | None:
        """Return the position of a key, or of another one with its hash; None: there is neither."""
        slot = self._slot(key)
        return None if slot is None else int(self._positions[slot])

    def forget(self, key: str) -> None:
        """Forget the position of a key, which must have one."""
        slot = self._slot(key)
        if slot is not None:
            self._view[slot] = _DEAD
            self._live -= 1

    def _slot(self, key: str) -> int | None:
        wanted = (hash(key) | _NEVER_THOSE) & ((1 << _HASH_BITS) - 1)
        view, last = self._view, self._last
        slot = wanted >> self._shift
        while there := view[slot]:
            if there == wanted:
                return slot
            slot = (slot + 1) & last
        return None

    def known(self, hashes: Ints) -> Ints:
        """Return which of the hashes have a position, as places in ``hashes``."""
        return np.flatnonzero(self._slots(hashes) >= 0)

    def _slots(self, hashes: Ints) -> Ints:
        """Return where hashes stand; -1: nowhere."""
        slots = hashes >> self._shift
        there = self._hashes.take(slots)
        found = np.where(there == hashes, slots, -1)
        open_ = np.flatnonzero((there != hashes) & (there != _FREE))
        while len(open_):
            at = (slots.take(open_) + 1) & self._last
            slots[open_] = at
            there, wanted = self._hashes.take(at), hashes.take(open_)
            are = there == wanted
            found[open_[are]] = at[are]
            open_ = open_[~are & (there != _FREE)]
        return found

    def add(self, hashes: Ints, positions: Ints) -> None:
        """Put down positions of hashes that differ and have none."""
        if (self._used + len(hashes)) * 10 > len(self._hashes) * 7:
            self._make_room(len(hashes))
        self._put(hashes, positions)
        self._live += len(hashes)

    def _put(self, hashes: Ints, positions: Ints) -> None:
        slots = hashes >> self._shift
        while len(hashes):
            there = self._hashes.take(slots)
            self._used += int(np.count_nonzero(there == _FREE))  # too many where two of them meet
            are_free = there <= _DEAD
            self._hashes[slots[are_free]] = hashes[are_free]
            are_put = self._hashes.take(slots) == hashes
            self._positions[slots[are_put]] = positions[are_put]
            rest = np.flatnonzero(~are_put)
            hashes, positions, slots = hashes.take(rest), positions.take(rest), (slots.take(rest) + 1) & self._last

    def _make_room(self, more: int) -> None:
        live = np.flatnonzero(self._hashes > _DEAD)
        hashes, positions = self._hashes.take(live), self._positions.take(live)
        self._begin(max(_LEAST_BITS, (2 * (len(live) + more)).bit_length()))
        for start in range(0, len(live), _AT_ONCE):
            self._put(hashes[start : start + _AT_ONCE], positions[start : start + _AT_ONCE])

    def remove(self, hashes: Ints) -> None:
        """Forget the positions of hashes, which must have one."""
        self._hashes[self._slots(hashes)] = _DEAD
        self._live -= len(hashes)
