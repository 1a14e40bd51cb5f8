"""A window scored once more, from its finding: as it was, and as it would have been with other figures in it."""

import struct

import msgspec

from detectors.assembler import ClosedWindow
from detectors.contract import Finding
from detectors.models.views import Lever
from detectors.scoring import SHIFT
from detectors.window_state import Score
from detectors.windowed import Windowed

_SAME = 0.01
"""By how much of itself a p-value may be off that is read off 32-bit floats."""
_SUSPECT = 0.05
_SMALL = 0.02
"""Up to this p-value the tails are known that p-values were read off; above it, about."""


class Need(msgspec.Struct, frozen=True):
    """What one view would have needed for the window to be at or below a p-value.

    Attributes:
        view: whose figure it is; all others stay as they were.
        value: that the view would have shown.
        figure: the least bad one that is enough; ``was``: in the window. Numbers of events, where ``counts``.
        counts: whether figures are numbers of events.
        more: whether a larger figure is worse.
        text: in words, as alerts have it.
    """

    view: str
    value: float
    figure: int
    was: int
    counts: bool
    more: bool
    text: str


class Again:
    """Scores the window of a finding again, by what the models expected then.

    Args:
        detector: as it is in the settings now.
        finding: of this detector, with its evidence.

    Attributes:
        levers: by view, the figure that it goes by.

    Raises:
        ValueError: when there is no evidence, or the detector's settings have changed since so that it says nothing.
    """

    def __init__(self, detector: Windowed, finding: Finding) -> None:
        if finding.evidence is None:
            msg = "nothing was kept of what the window was scored by"
            raise ValueError(msg)
        self._evidence = finding.evidence
        self._detector = detector
        self._history = float(finding.details.get("history", 0.0))
        self._details = finding.details
        self._moved = float(finding.details.get(SHIFT, 0.0))
        self._scorer = detector.scorer()
        group = tuple(finding.group.get(name, "") for name in detector.settings.group_by)
        self.window = ClosedWindow(finding.start_us, finding.end_us, group, self._evidence.vector)
        changed = "the settings of the detector have changed since"
        try:
            self.levers = self._scorer.levers(self.window, self._evidence)
            score = self.score(self._evidence.vector)
        except (msgspec.DecodeError, struct.error, IndexError, TypeError) as error:
            raise ValueError(changed) from error
        if not _same(score.p_value, finding.p_value):
            raise ValueError(changed)

    def score(self, vector: list[int]) -> Score:
        """Return how unusual the window would have been with these figures."""
        window = msgspec.structs.replace(self.window, vector=vector)
        return self._scorer.score_again(window, self._evidence, moved=self._moved, history=self._history)

    def needs(self, level: float) -> list[Need]:
        """Return, for each view that could by itself, the least that makes the p-value at most ``level``.

        Of a window whose p-value is that small already, only views that are suspect are told: what others would have
        needed says nothing.
        """
        found: dict[tuple[int, int], Need] = {}  # views of one figure need the same of it
        for view, lever in self.levers.items():
            need = self._need(view, lever, level)
            if need is not None and (_is_worse(need) or self._suspect(view)):
                found.setdefault((lever.place, need.figure), need)
        return list(found.values())

    def _suspect(self, view: str) -> bool:
        return float(self._details.get(f"{view}_p_value", 1.0)) <= _SUSPECT

    def _need(self, view: str, lever: Lever, level: float) -> Need | None:
        if not self._enough(lever, lever.worst, level):
            return None
        good, bad = lever.best, lever.worst
        if self._enough(lever, good, level):
            return None  # whatever this view shows, the others are enough
        while abs(bad - good) > 1:
            middle = (good + bad) // 2
            if self._enough(lever, middle, level):
                bad = middle
            else:
                good = middle
        window = msgspec.structs.replace(self.window, vector=self._with(lever, bad))
        value = float(self.score(window.vector).details.get(view, 0.0))
        text = self._detector.wording.observed(view, value, window)
        was, more = self._evidence.vector[lever.place], lever.worst > lever.best
        return Need(view, value, bad, was, lever.counts, more, text)

    def _enough(self, lever: Lever, figure: int, level: float) -> bool:
        score = self.score(self._with(lever, figure))
        return score.p_value is not None and score.p_value <= level and not score.harmless

    def _with(self, lever: Lever, figure: int) -> list[int]:
        vector = list(self._evidence.vector)
        vector[lever.place] = figure
        return vector


def _is_worse(need: Need) -> bool:
    """Return whether it takes more than there was."""
    return need.figure != need.was and (need.figure > need.was) == need.more


def _same(now: float | None, then: float | None) -> bool:
    if now is None or then is None:
        return now is then
    if then > _SMALL:
        return now > _SMALL * 0.9
    return abs(now - then) <= _SAME * then
