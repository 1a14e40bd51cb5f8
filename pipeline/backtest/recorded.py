"""The windows of one detector as they were scored, kept small, to decide about them again."""

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detectors.contract import Finding
from detectors.panes import Group

_NONE = math.nan


class Window(NamedTuple):
    """One window as the decision saw it.

    Attributes:
        end_us: its end.
        group: whose.
        p_value: as it was judged: one for what is harmless, None where there was too little.
        ready: whether the baseline had warmed up.
    """

    end_us: int
    group: Group
    p_value: float | None
    ready: bool


class Series(NamedTuple):
    """What was observed of one group, window by window; NaN where nothing could be said."""

    end_us: list[int]
    value: list[float]
    baseline: list[float]


class Recorded:
    """Findings of one detector: about fifty bytes each.

    Args:
        detector: name of its entry in the settings.
    """

    def __init__(self, detector: str) -> None:
        self.detector = detector
        self._numbers: dict[Group, int] = {}
        self._group = array("l")
        self._end_us = array("q")
        self._p_value, self._value, self._baseline = array("d"), array("d"), array("d")
        self._ready = bytearray()
        self._ordered: list[int] | None = None

    def __len__(self) -> int:
        return len(self._end_us)

    def take(self, findings: Sequence[Finding]) -> None:
        """Keep the findings of the detector."""
        for found in findings:
            if found.detector != self.detector:
                continue
            group = tuple(found.group.values())
            self._group.append(self._numbers.setdefault(group, len(self._numbers)))
            self._end_us.append(found.end_us)
            judged = 1.0 if found.harmless else found.p_value
            self._p_value.append(_NONE if judged is None else judged)
            self._value.append(_NONE if found.value is None else found.value)
            self._baseline.append(_NONE if found.baseline is None else found.baseline)
            self._ready.append(found.ready)
        self._ordered = None

    def windows(self) -> Iterator[Window]:
        """Yield the windows in the order in which they were judged: by end, then group."""
        groups = list(self._numbers)
        for at in self._order():
            p_value = self._p_value[at]
            yield Window(
                self._end_us[at],
                groups[self._group[at]],
                None if math.isnan(p_value) else p_value,
                bool(self._ready[at]),
            )

    def series(self, group: Group) -> Series:
        """Return what was observed of a group, by time."""
        number = self._numbers.get(group)
        places = [at for at in self._order() if self._group[at] == number]
        return Series(
            [self._end_us[at] for at in places],
            [self._value[at] for at in places],
            [self._baseline[at] for at in places],
        )

    def counts(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return how many windows end in ``[from_us, to_us)``, and in how many of them there was enough to judge."""
        inside = [at for at in range(len(self)) if from_us <= self._end_us[at] < to_us]
        return len(inside), sum(not math.isnan(self._p_value[at]) for at in inside)

    def _order(self) -> list[int]:
        if self._ordered is None:
            names = list(self._numbers)
            rank = {number: place for place, number in enumerate(sorted(range(len(names)), key=names.__getitem__))}
            self._ordered = sorted(range(len(self)), key=lambda at: (self._end_us[at], rank[self._group[at]]))
        return self._ordered
