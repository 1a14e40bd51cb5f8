"""Adds panes up to windows, and closes the windows that the watermark has passed."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter

import msgspec

from detectors.contract import NEVER_US, SnapshotVersionError
from detectors.panes import Group, Pane, Panes, Vector
from detectors.windows import WindowSpec

_FORMAT = 1


class _AssemblerState(msgspec.Struct, array_like=True, frozen=True):
    version: int
    closed_end_us: int
    late_events: int
    late_windows: int
    unknown_groups: int
    known: list[tuple[Group, int]]
    panes: list[tuple[int, Group, Vector]]


_STATE_DECODER = msgspec.msgpack.Decoder(_AssemblerState)


class ClosedWindow(msgspec.Struct, frozen=True):
    """One window of one group, complete. ``vector`` is all zeros when nothing happened in it."""

    start_us: int
    end_us: int
    group: Group
    vector: Vector


class WindowAssembler:
    """Adds panes up to windows and closes these when the watermark has passed their end.

    A group is known from its first window with an event in it, and from then on has every window, empty ones too:
    silence is something to score. It is forgotten when it has had none for ``forget_us``, so that a label with ever
    new values does not grow the state without bound.

    Args:
        spec: the windows.
        width: length of the vectors; element 0 must be the number of events.
        forget_us: how long a group may be quiet before it is no longer known.
        max_groups: of the groups that a window would make known, those beyond this number (in the order of their
            names) are left out and their events counted in ``unknown_groups``.

    Attributes:
        closed_end_us: end of the last closed window.
        late_events: events that came after the last window that could hold them was closed.
        late_windows: how many times an event missed a window that was closed already (with hopping windows an event
            can be late for one and on time for the next).
        unknown_groups: events left out for ``max_groups``, once per window.
    """

    def __init__(self, spec: WindowSpec, width: int, *, forget_us: int, max_groups: int) -> None:
        self.spec = spec
        self.width = width
        self.forget_us = forget_us
        self.max_groups = max_groups
        self.closed_end_us = NEVER_US
        self.late_events = 0
        self.late_windows = 0
        self.unknown_groups = 0
        self._panes: dict[int, dict[Group, Vector]] = {}
        self._known: dict[Group, int] = {}
        self._order: list[Group] | None = None

    @property
    def groups(self) -> list[Group]:
        """The known groups, sorted."""
        return list(self._sorted())

    def merge(self, panes: Panes) -> None:
        """Add partial aggregates. What is late is counted, and is in no window that was closed."""
        for pane, found in groupby(panes, itemgetter(0)):
            if self.closed_end_us >= self.spec.first_end_us(pane):
                self._add_late(pane, found)
            else:
                self._add(pane, found)

    def _add_late(self, pane: int, found: Iterator[Pane]) -> None:
        """Add to a pane of which some window, or every window, is closed already."""
        spec, closed = self.spec, self.closed_end_us
        lost = closed >= spec.final_end_us(pane)
        missed = (min(closed, spec.final_end_us(pane)) - spec.first_end_us(pane)) // spec.hop_us + 1
        panes = list(found)
        events = sum(vector[0] for _, _, vector in panes)
        self.late_windows += events * missed
        if lost:
            self.late_events += events
        else:
            self._add(pane, iter(panes))

    def _add(self, pane: int, found: Iterator[Pane]) -> None:
        groups = self._panes.setdefault(pane, {})
        for _, group, vector in found:
            sums = groups.get(group)
            if sums is None:
                groups[group] = vector
            else:
                for index, figure in enumerate(vector):
                    sums[index] += figure

    def advance(self, watermark_us: int) -> Iterator[ClosedWindow]:
        """Yield every window that ends at or before ``watermark_us`` and is not closed yet, by (end, group).

        The iterator must be used up before the next call of anything here.
        """
        target_us = self.spec.last_end_us(watermark_us)
        while self.closed_end_us < target_us:
            end_us = self._next_end_us(target_us)
            if end_us is None:
                self.closed_end_us = target_us
                return
            yield from self._close(end_us)

    def _next_end_us(self, target_us: int) -> int | None:
        if self._known:
            return self.closed_end_us + self.spec.hop_us
        if not self._panes:
            return None
        # Nobody is known, so the windows before the first event are nobody's: skip them, however long the gap.
        first_us = max(self.spec.first_end_us(min(self._panes)), self.closed_end_us + self.spec.hop_us)
        return first_us if first_us <= target_us else None

    def _close(self, end_us: int) -> Iterator[ClosedWindow]:
        start_us = end_us - self.spec.size_us
        pane_us = self.spec.pane_us
        first, after = start_us // pane_us, end_us // pane_us
        totals = self._panes.get(first, {}) if after - first == 1 else self._totals(first, after)
        self._learn_groups(end_us, totals)
        self.closed_end_us = end_us
        for pane in range(first, (start_us + self.spec.hop_us) // pane_us):
            self._panes.pop(pane, None)
        for group in self._sorted():
            yield ClosedWindow(start_us, end_us, group, totals.get(group) or [0] * self.width)

    def _totals(self, first: int, after: int) -> dict[Group, Vector]:
        """Return the sums of panes ``first`` to ``after`` (exclusive), by group."""
        totals: dict[Group, Vector] = {}
        for pane in range(first, after):
            for group, vector in self._panes.get(pane, {}).items():
                sums = totals.get(group)
                if sums is None:
                    totals[group] = vector.copy()
                else:
                    for index, figure in enumerate(vector):
                        sums[index] += figure
        return totals

    def _sorted(self) -> list[Group]:
        if self._order is None:
            self._order = sorted(self._known)
        return self._order

    def _learn_groups(self, end_us: int, totals: Mapping[Group, Vector]) -> None:
        known = self._known
        if min(known.values(), default=end_us) < end_us - self.forget_us:
            for group in [group for group, last_us in known.items() if end_us - last_us > self.forget_us]:
                if group not in totals:
                    del known[group]
                    self._order = None
        if totals.keys() <= known.keys():
            known.update(dict.fromkeys(totals, end_us))
            return
        self._order = None
        for group in sorted(totals):
            if group in known or len(known) < self.max_groups:
                known[group] = end_us
            else:
                self.unknown_groups += totals[group][0]

    def snapshot(self) -> bytes:
        """Return the state: versioned msgpack."""
        panes = [(pane, group, vector) for pane, groups in self._panes.items() for group, vector in groups.items()]
        return msgspec.msgpack.encode(
            _AssemblerState(
                _FORMAT,
                self.closed_end_us,
                self.late_events,
                self.late_windows,
                self.unknown_groups,
                sorted(self._known.items()),
                sorted(panes),
            )
        )

    def restore(self, state: bytes) -> None:
        """Take over a state that :meth:`snapshot` returned.

        Raises:
            SnapshotVersionError: when it is of another format.
        """
        try:
            decoded = _STATE_DECODER.decode(state)
        except msgspec.DecodeError as error:
            msg = f"a window snapshot cannot be read ({error}); start from an empty recovery folder"
            raise SnapshotVersionError(msg) from error
        if decoded.version != _FORMAT:
            msg = f"a window snapshot has format {decoded.version}, this code reads {_FORMAT}"
            raise SnapshotVersionError(msg)
        self.closed_end_us = decoded.closed_end_us
        self.late_events = decoded.late_events
        self.late_windows = decoded.late_windows
        self.unknown_groups = decoded.unknown_groups
        self._known = dict(decoded.known)
        self._order = None
        self._panes = {}
        for pane, group, vector in decoded.panes:
            self._panes.setdefault(pane, {})[group] = vector
