"""The windows of one detector as they were scored, kept small, to decide about them again."""

import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from detectors.contract import Finding
from detectors.panes import Group
from detectors.scoring import JOINT, SHIFT
from detectors.wording import scored_views

_NONE = math.nan
_TOGETHER = frozenset({SHIFT, JOINT})
"""Views that put others together have no figure of their own."""


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
    """What was observed of one group by one view, window by window; NaN where nothing could be said."""

    end_us: list[int]
    value: list[float]
    baseline: list[float]
    view: str = ""


class _View:
    """What one view said of each window; NaN where it said nothing."""

    def __init__(self) -> None:
        self.value, self.baseline, self.p_value = array("d"), array("d"), array("d")

    def put(self, at: int, value: float, baseline: float, p_value: float) -> None:
        """Keep what it said of the window ``at``; of those before, about which it was not asked, it said nothing."""
        for kept, new in ((self.value, value), (self.baseline, baseline), (self.p_value, p_value)):
            kept.extend([_NONE] * (at - len(kept)))
            kept.append(new)

    def at(self, place: int) -> tuple[float, float, float]:
        """Return value, baseline and p-value of a window."""
        if place >= len(self.value):
            return _NONE, _NONE, _NONE
        return self.value[place], self.baseline[place], self.p_value[place]


class Recorded:
    """Findings of one detector: about a hundred bytes each.

    Args:
        detector: name of its entry in the settings.
    """

    def __init__(self, detector: str) -> None:
        self.detector = detector
        self._numbers: dict[Group, int] = {}
        self._group = array("l")
        self._end_us = array("q")
        self._p_value = array("d")
        self._views: dict[str, _View] = {}
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
            self._ready.append(found.ready)
            for name, score in scored_views(found.details).items():
                if name not in _TOGETHER:
                    view = self._views.setdefault(name, _View())
                    view.put(len(self) - 1, score.value, score.baseline, score.p_value)
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

    def series(self, group: Group, opened_us: Collection[int] = ()) -> Series:
        """Return what was observed of a group, by time: by the view that found the windows in ``opened_us`` unusual.

        Of several the most unusual one; without such windows the detector's first.
        """
        number = self._numbers.get(group)
        places = [at for at in self._order() if self._group[at] == number]
        opened = [at for at in places if self._end_us[at] in opened_us]
        name = min(self._views, key=lambda one: self._least(one, opened), default="")
        seen = [self._views[name].at(at) if name else (_NONE, _NONE, _NONE) for at in places]
        return Series([self._end_us[at] for at in places], [one[0] for one in seen], [one[1] for one in seen], name)

    def _least(self, view: str, places: Sequence[int]) -> float:
        p_values = [self._views[view].at(at)[2] for at in places]
        return min((p_value for p_value in p_values if not math.isnan(p_value)), default=1.0)

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
