"""Weighted means that forget, of many groups, in flat arrays: what the baselines are made of.

One slot is what River's ``stats.Mean`` is with a sum of weights that wears down as event time passes: as long as
nothing is forgotten it *is* that mean (``tests/detectors/test_models_means.py`` compares the two), and from the first
value on it is exact. (River's ``EWMean`` gives its first value the weight of all that came before, which a cold start
then carries for a long time, and takes no weights.)

A group has two hundred such means (hours of a week). As objects they took most of the memory of a flow with ten
thousand groups, and most of the time of its snapshots; here a group is one array of doubles. And instead of wearing
down each weight whenever it is looked at, all weights are kept in a currency that inflates by a factor of two in each
half-life: what was paid in early is worth less by itself, and one factor, computed once for each time that is asked
about, tells the worth of all of them.
"""

import math
from array import array
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from detectors.panes import Group

_MOST_HALF_LIVES = 400.0
"""After so many the currency is reformed: a double would overflow after a thousand."""
if TYPE_CHECKING:
    Row: TypeAlias = array[float]
else:
    Row = array  # cannot be subscripted before Python 3.12
"""Value and weight of each slot in turn, as doubles."""


class MeansState(msgspec.Struct, array_like=True, frozen=True):
    """State of :class:`Means` as plain data; rows are the bytes of little-endian doubles.

    One that :meth:`Means.state` gave looks at the rows themselves: encode it before anything is learned.
    """

    origin_us: int
    rows: list[tuple[Group, memoryview]]


class Means:
    """Means by group and slot.

    Args:
        slots: how many means a group has.
        half_life_us: microseconds of event time after which an observation counts half.

    >>> means = Means(1, half_life_us=60)
    >>> row = means.row(("a",))
    >>> means.learn(row, 0, 1.0, weight=1.0, at_us=0)
    >>> means.learn(row, 0, 4.0, weight=0.5, at_us=60)
    >>> means.value(row, 0), means.weight(row, 0, 60), means.weight(row, 0, 120)
    (2.5, 1.0, 0.5)
    """

    def __init__(self, slots: int, half_life_us: int) -> None:
        self.slots = slots
        self.half_life_us = half_life_us
        self._rows: dict[Group, Row] = {}
        self._origin_us = 0
        self._worth_at_us = 0
        self._worth = 1.0

    def __len__(self) -> int:
        """Return how many groups there are."""
        return len(self._rows)

    def worth(self, at_us: int) -> float:
        """Return what a unit of kept weight is worth at a time: multiply a kept weight by it."""
        if at_us != self._worth_at_us:
            if not self._rows:
                self._origin_us = at_us
            past = (at_us - self._origin_us) / self.half_life_us
            if past > _MOST_HALF_LIVES:
                self._reform(at_us, past)
                past = 0.0
            self._worth = 0.5**past
            self._worth_at_us = at_us
        return self._worth

    def _reform(self, at_us: int, past: float) -> None:
        factor = 0.5 ** min(past, 1000.0)
        for row in self._rows.values():
            for place in range(1, len(row), 2):
                row[place] *= factor
        self._origin_us = at_us

    def get(self, group: Group) -> Row | None:
        """Return the row of a group, None when nothing was learned of it."""
        return self._rows.get(group)

    def row(self, group: Group) -> Row:
        """Return the row of a group, new if need be."""
        row = self._rows.get(group)
        if row is None:
            row = self._rows[group] = array("d", bytes(16 * self.slots))
        return row

    def value(self, row: Row, slot: int) -> float:
        """Return a mean; 0.0 before anything was learned (ask :meth:`weight`)."""
        value: float = row[2 * slot]
        return value

    def weight(self, row: Row, slot: int, at_us: int) -> float:
        """Return the sum of weights that is left at a time."""
        kept: float = row[2 * slot + 1]
        return kept * self.worth(at_us)

    def learn(self, row: Row, slot: int, value: float, *, weight: float, at_us: int) -> None:
        """Add ``value`` with ``weight`` (not negative; 0 adds nothing).

        Raises:
            ValueError: when either is not finite, or the weight is negative: one NaN would stay in the mean for good.
        """
        check(value, weight)
        add(row, slot, value, weight / self.worth(at_us))

    def wear(self, row: Row, slot: int, factor: float) -> None:
        """Take away certainty: what was learned counts ``factor`` of what it did (0 to 1)."""
        row[2 * slot + 1] *= factor

    def forget(self, group: Group) -> None:
        """Drop what was learned of a group."""
        self._rows.pop(group, None)

    def image(self, group: Group) -> bytes:
        """Return the row of a group as bytes, empty when there is none."""
        row = self._rows.get(group)
        return b"" if row is None else row.tobytes()

    def take_image(self, group: Group, image: bytes | memoryview) -> None:
        """Take over what :meth:`image` returned.

        Raises:
            ValueError: when it has another number of slots.
        """
        if not image:
            return
        raw = memoryview(image).cast("B")
        if len(raw) != 16 * self.slots:
            msg = f"a group has {len(raw) // 16} means in the state, expected {self.slots}: the rhythm has changed"
            raise ValueError(msg)
        row = self._rows[group] = array("d")
        row.frombytes(raw)

    @property
    def origin_us(self) -> int:
        """When a unit of kept weight was worth one."""
        return self._origin_us

    @origin_us.setter
    def origin_us(self, at_us: int) -> None:
        self._origin_us = self._worth_at_us = at_us
        self._worth = 1.0

    def state(self) -> MeansState:
        """Return the state as plain data."""
        rows = sorted(self._rows.items())  # views of them: thirty megabytes, which will be copied once more anyway
        return MeansState(self._origin_us, [(group, memoryview(row)) for group, row in rows])

    def restore(self, state: MeansState) -> None:
        """Take over a state.

        Raises:
            ValueError: when its groups have another number of slots.
        """
        self._rows = {}
        self.origin_us = state.origin_us
        for group, image in state.rows:
            self.take_image(group, image)


def check(value: float, weight: float) -> None:
    """Refuse what no mean may learn.

    Raises:
        ValueError: when either is not finite, or the weight is negative.
    """
    if not (math.isfinite(value) and math.isfinite(weight)) or weight < 0.0:
        msg = f"cannot learn {value} with weight {weight}: both must be finite, the weight not negative"
        raise ValueError(msg)


def add(row: Row, slot: int, value: float, kept: float) -> None:
    """Add what was checked, with a weight in the currency of its means: divided by their :meth:`Means.worth`."""
    if kept > 0.0:
        place = 2 * slot
        total = row[place + 1] + kept
        row[place + 1] = total
        mean = row[place]
        row[place] = mean + (kept / total) * (value - mean)
