"""What is normal for a group at this hour: a hierarchical baseline with a predictive variance.

A window's value (a share, a mean) is seen as ``level + hour of day + hour of week + excess + noise``:

* *level* is the group's own; a group without history borrows that of its siblings, with the doubt that goes with it;
* *hour of day* and *hour of week* (both UTC) are offsets, shrunk to those of the siblings, and these to zero, until
  there is evidence for them;
* *excess* is what windows differ by beyond the noise of counting (the within-window correlation ``rho`` of a
  beta-binomial). It is measured on one-step-ahead residuals, so that whatever the baseline does not know yet, a
  rhythm not learned for example, makes the tails wider and not the alarms more;
* *noise* is the spread of single events divided by their number.

All means forget (:mod:`detectors.models.means`) and are weighted by precision (1 / variance), which makes them
posterior means of normal priors. Every window is learned, but with its residual clipped to ``CLIP`` standard
deviations, and with less weight while an alert is open: a failure widens the baseline slowly and is not learned away
in its first hours.
"""

import math
from typing import NamedTuple

import msgspec

from detectors.models.means import Means, MeansState, Row, add, check
from detectors.models.prediction import Prediction, own_excess, siblings_excess
from detectors.models.rhythm import EXCESS, HISTORY, LEVEL, Memory, Rhythm
from detectors.panes import Group

CLIP = 3.5
"""Residuals beyond this many predictive standard deviations are learned as this many."""
LEVEL_FORGETS = 3.0
"""A group's own level is forgotten by so much faster, on top, than its hours: levels wander, and a day stays a day. By
windows that are learned, not by time: while an alert is open next to nothing of what was before it is forgotten."""
_PRIOR_CORRELATION = 0.02
_FULL_INFORMATION_COUNT = 50.0
"""From about this count on, a window's residual tells about the excess and not only about noise."""
_LEVEL = 2 * LEVEL
"""Place of the level in a row."""
_ALL: Group = ()
"""The row of what all groups share, in an object of its own."""


class Scale(msgspec.Struct, frozen=True):
    """What is known of a value before any data.

    Attributes:
        low, high: the range that predictions are kept in.
        start, start_sd: value of a first group without siblings, and the doubt about it.
        group_sd: how far groups differ from each other.
        hour_sd: how large the offsets of an hour of day, and of an hour of week on top of it, may be.
    """

    low: float
    high: float
    start: float
    start_sd: float
    group_sd: float
    hour_sd: float


SHARE = Scale(low=0.005, high=0.995, start=0.3, start_sd=0.3, group_sd=0.15, hour_sd=0.05)
SENTIMENT = Scale(low=-1.0, high=1.0, start=0.0, start_sd=0.6, group_sd=0.3, hour_sd=0.1)


class _Siblings(NamedTuple):
    """What the groups share, as a prior of each of them, for the windows of one end.

    Attributes:
        end_us: of the windows.
        level, precision: of the level of a group.
        hours: by place in a row: offset, precision as a prior, and variance that the noise in its evidence gives it.
        excess: and how many windows of a group's own it counts as.
    """

    end_us: int
    level: float
    precision: float
    hours: list[tuple[int, float, float, float]]
    excess: tuple[float, float]


class BaselineState(msgspec.Struct, array_like=True, frozen=True):
    """State of a :class:`Baseline` as plain data: of the groups, and of what they share."""

    means: MeansState
    shared: MeansState


class Baseline:
    """Baselines of all groups of one detector, for one statistic.

    Args:
        scale: of the statistic.
        memory: what it remembers by.
    """

    def __init__(self, scale: Scale, memory: Memory) -> None:
        self.scale = scale
        self._rhythm = Rhythm(memory.rhythm, window_us=memory.window_us)
        self.means = Means(self._rhythm.slots, memory.half_life_us)
        self._shared = Means(self._rhythm.slots, memory.half_life_us)
        self._level_wears = LEVEL_FORGETS * memory.window_us / memory.half_life_us
        self._hour_precision = 1.0 / scale.hour_sd**2
        self._sibling_hour_precision = 4.0 * self._hour_precision
        self._siblings: _Siblings | None = None

    def predict(self, group: Group, end_us: int) -> Prediction:
        """Return what the window of ``group`` that ends at ``end_us`` should show. Changes nothing."""
        siblings = self._siblings
        if siblings is None or siblings.end_us != end_us:
            siblings = self._siblings = self._look_at_siblings(end_us)
        _, value, precision, hours, excess = siblings
        own, worth = self.means.get(group), self.means.worth(end_us)
        if own is None:
            doubt = 1.0 / precision
            for _, offset, _, variance in hours:
                value += offset
                doubt += variance
        else:
            learned = own[_LEVEL + 1] * worth
            total = learned + precision
            value = (learned * own[_LEVEL] + precision * value) / total
            doubt = 1.0 / total
            for place, offset, prior, variance in hours:
                learned = own[place + 1] * worth
                total = learned + prior
                value += (learned * own[place] + prior * offset) / total
                doubt += (learned + prior * prior * variance) / (total * total)
            excess = own_excess(excess, own, worth)
        scale = self.scale
        value = scale.low if value < scale.low else scale.high if value > scale.high else value
        return Prediction(value, doubt, excess[0] if excess[0] > 0.0 else 0.0, excess[1])

    def _look_at_siblings(self, end_us: int) -> _Siblings:
        shared, worth = self._shared.get(_ALL), self._shared.worth(end_us)
        level, precision = self._prior_level(shared, worth)
        hours = []
        for slot in self._rhythm.hours(end_us):
            place = 2 * slot
            learned = 0.0 if shared is None else shared[place + 1] * worth
            offset, prior = self._prior_offset(place, shared, worth)
            # How far a rhythm not learned yet may be off is not in here: it is in the excess, which is measured.
            variance = learned / (learned + self._hour_precision) ** 2
            hours.append((place, offset, prior, variance))
        return _Siblings(end_us, level, precision, hours, siblings_excess(_PRIOR_CORRELATION, shared, worth))

    def learn(
        self,
        group: Group,
        end_us: int,
        value: float,
        *,
        expected: Prediction,
        count: float,
        spread: float,
        weight: float,
    ) -> None:
        """Learn a window: ``value`` out of ``count`` events whose single values have variance ``spread``.

        Args:
            group: whose window.
            end_us: its end.
            value: what was observed.
            expected: what :meth:`predict` said when the window was scored. Where windows overlap, the baseline has
                learned much of this one from its neighbours since, and would find it less of a surprise than it was.
            count: number of events, at least 1.
            spread: variance of single events, as expected (not as observed in this window), above 0.
            weight: how many windows' worth it is: hop / size where windows overlap, less while an alert is open.
        """
        noise = spread / count
        variance = noise + expected.correlation * spread
        doubt = expected.doubt
        bound = CLIP * math.sqrt(variance + doubt)
        residual = min(bound, max(-bound, value - expected.value))
        observed = expected.value + residual
        # A squared residual varies with the square of its variance: where doubt is large it says little of the excess.
        certainty = variance / (variance + doubt)
        information = weight * (certainty * count / (count + _FULL_INFORMATION_COUNT)) ** 2
        excess = (residual * residual - noise - doubt) / spread
        precision = weight / variance
        check(excess, information)
        check(observed, precision)
        self._siblings = None
        own, shared = self.means.row(group), self._shared.row(_ALL)
        self.means.wear(own, LEVEL, 0.5 ** (weight * self._level_wears))
        worth, shared_worth = self.means.worth(end_us), self._shared.worth(end_us)
        add(own, EXCESS, excess, information / worth)
        add(shared, EXCESS, excess, information / shared_worth)
        slots = self._rhythm.hours(end_us)
        offsets = [self._offset(2 * slot, own, worth, shared, shared_worth) for slot in slots]
        later = sum(offsets)
        level = observed - later
        kept, shared_kept = precision / worth, precision / shared_worth
        add(own, LEVEL, level, kept)
        add(shared, LEVEL, level, shared_kept)
        rest = observed - self._level(own, worth, shared, shared_worth)
        # Each part learns what the parts before it, updated, leave over: else one deviation would be learned twice.
        for slot, offset in zip(slots, offsets, strict=True):
            later -= offset
            add(shared, slot, rest - later, shared_kept)
            add(own, slot, rest - later, kept)
            rest -= self._offset(2 * slot, own, worth, shared, shared_worth)
        own[2 * HISTORY] += weight

    def history(self, group: Group) -> float:
        """Return how many windows' worth of data ``group`` has had, those included that are forgotten by now."""
        row = self.means.get(group)
        return 0.0 if row is None else row[2 * HISTORY]

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the level of ``group`` for ``keep`` (0 to 1) of what it was known for: it has moved."""
        row = self.means.get(group)
        if row is not None:
            self.means.wear(row, LEVEL, keep)

    def forget_group(self, group: Group) -> None:
        """Drop what was learned about ``group``; what it taught about its siblings stays."""
        self.means.forget(group)

    def state(self) -> BaselineState:
        """Return the state as plain data."""
        return BaselineState(self.means.state(), self._shared.state())

    def restore(self, state: BaselineState) -> None:
        """Take over a state."""
        self._siblings = None
        self.means.restore(state.means)
        self._shared.restore(state.shared)

    def _prior_level(self, shared: Row | None, worth: float) -> tuple[float, float]:
        """Return the level that the siblings give a group, and its precision."""
        scale = self.scale
        value, variance = scale.start, scale.start_sd * scale.start_sd
        if shared is not None:
            learned, precision = shared[_LEVEL + 1] * worth, 1.0 / variance
            variance = 1.0 / (learned + precision)
            value = (learned * shared[_LEVEL] + precision * value) * variance
        return value, 1.0 / (variance + scale.group_sd * scale.group_sd)

    def _level(self, own: Row, worth: float, shared: Row, shared_worth: float) -> float:
        """Return the level of a group: its own mean on the prior that its siblings give."""
        value, precision = self._prior_level(shared, shared_worth)
        learned = own[_LEVEL + 1] * worth
        return (learned * own[_LEVEL] + precision * value) / (learned + precision)

    def _prior_offset(self, place: int, shared: Row | None, worth: float) -> tuple[float, float]:
        """Return the offset of the siblings, shrunk to zero, and its precision as a prior of a group's own."""
        if shared is None or shared[place + 1] <= 0.0:
            return 0.0, self._hour_precision
        learned = shared[place + 1] * worth
        return learned * shared[place] / (learned + self._hour_precision), self._sibling_hour_precision

    def _offset(self, place: int, own: Row, worth: float, shared: Row, shared_worth: float) -> float:
        """Return the offset of a group, shrunk to that of its siblings."""
        value, prior = self._prior_offset(place, shared, shared_worth)
        learned = own[place + 1] * worth
        return (learned * own[place] + prior * value) / (learned + prior)
