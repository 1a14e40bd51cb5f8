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

import msgspec

from detectors.models.means import Means, MeansState, Row
from detectors.models.rhythm import EXCESS, HISTORY, LEVEL, Memory, Rhythm
from detectors.panes import Group

CLIP = 3.5
"""Residuals beyond this many predictive standard deviations are learned as this many."""
LEVEL_FORGETS = 3.0
"""A group's own level is forgotten by so much faster, on top, than its hours: levels wander, and a day stays a day. By
windows that are learned, not by time: while an alert is open next to nothing of what was before it is forgotten."""
_SIBLING_WINDOWS = 8.0
"""How many windows of its own a group needs before its own excess counts as much as that of its siblings."""
_PRIOR_WINDOWS = 4.0
"""How many windows the prior excess counts as."""
_PRIOR_CORRELATION = 0.02
_FULL_INFORMATION_COUNT = 50.0
"""From about this count on, a window's residual tells about the excess and not only about noise."""
_CERTAIN_DEGREES = 1e9
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


class Prediction(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong.

    Attributes:
        value: expected value.
        doubt: variance of ``value`` itself (what the baseline does not know).
        correlation: excess variance between windows, in units of the spread of single events; not negative.
        degrees: degrees of freedom behind ``correlation``.
    """

    value: float
    doubt: float
    correlation: float
    degrees: float


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

    def predict(self, group: Group, end_us: int) -> Prediction:
        """Return what the window of ``group`` that ends at ``end_us`` should show. Changes nothing."""
        own, shared = self.means.get(group), self._shared.get(_ALL)
        worth, shared_worth = self.means.worth(end_us), self._shared.worth(end_us)
        value, doubt = self._level(own, worth, shared, shared_worth)
        for slot in self._rhythm.hours(end_us):
            offset, sampling_variance = self._offset(slot, own, worth, shared, shared_worth)
            value += offset
            doubt += sampling_variance
        correlation, degrees = self._correlation(own, worth, shared, shared_worth)
        return Prediction(min(self.scale.high, max(self.scale.low, value)), doubt, correlation, degrees)

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
        bound = CLIP * math.sqrt(variance + expected.doubt)
        residual = min(bound, max(-bound, value - expected.value))
        observed = expected.value + residual
        own, shared = self.means.row(group), self._shared.row(_ALL)
        self.means.wear(own, LEVEL, 0.5 ** (weight * self._level_wears))
        worth, shared_worth = self.means.worth(end_us), self._shared.worth(end_us)
        # A squared residual varies with the square of its variance: where doubt is large it says little of the excess.
        certainty = variance / (variance + expected.doubt)
        information = weight * (certainty * count / (count + _FULL_INFORMATION_COUNT)) ** 2
        excess = (residual * residual - noise - expected.doubt) / spread
        precision = weight / variance
        learn = self.means.learn
        learn(own, EXCESS, excess, weight=information, at_us=end_us)
        self._shared.learn(shared, EXCESS, excess, weight=information, at_us=end_us)
        slots = self._rhythm.hours(end_us)
        offsets = [self._offset(slot, own, worth, shared, shared_worth)[0] for slot in slots]
        level = observed - sum(offsets)
        learn(own, LEVEL, level, weight=precision, at_us=end_us)
        self._shared.learn(shared, LEVEL, level, weight=precision, at_us=end_us)
        rest = observed - self._level(own, worth, shared, shared_worth)[0]
        # Each part learns what the parts before it, updated, leave over: else one deviation would be learned twice.
        for index, slot in enumerate(slots):
            offset = rest - sum(offsets[index + 1 :])
            self._shared.learn(shared, slot, offset, weight=precision, at_us=end_us)
            learn(own, slot, offset, weight=precision, at_us=end_us)
            rest -= self._offset(slot, own, worth, shared, shared_worth)[0]
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
        self.means.restore(state.means)
        self._shared.restore(state.shared)

    def _level(self, own: Row | None, worth: float, shared: Row | None, shared_worth: float) -> tuple[float, float]:
        """Return the level of a group and its variance: its own mean on the prior that its siblings give."""
        scale = self.scale
        value, variance = scale.start, scale.start_sd**2
        if shared is not None:
            precision = shared[2 * LEVEL + 1] * shared_worth
            total = precision + 1.0 / variance
            value, variance = (precision * shared[2 * LEVEL] + value / variance) / total, 1.0 / total
        variance += scale.group_sd**2
        if own is not None:
            precision = own[2 * LEVEL + 1] * worth
            total = precision + 1.0 / variance
            value, variance = (precision * own[2 * LEVEL] + value / variance) / total, 1.0 / total
        return value, variance

    def _offset(
        self, slot: int, own: Row | None, worth: float, shared: Row | None, shared_worth: float
    ) -> tuple[float, float]:
        """Return an offset, shrunk to that of the siblings, and the variance that the noise in its evidence gives it.

        How far a rhythm not learned yet may be off is not in that variance: it is in the excess, which is measured.
        """
        value = variance = 0.0
        place = 2 * slot
        prior = self._hour_precision
        if shared is not None and shared[place + 1] > 0.0:
            precision = shared[place + 1] * shared_worth
            total = precision + prior
            value, variance = precision * shared[place] / total, precision / (total * total)
            prior = self._sibling_hour_precision
        if own is not None and own[place + 1] > 0.0:
            precision = own[place + 1] * worth
            total = precision + prior
            value = (precision * own[place] + prior * value) / total
            variance = (precision + prior * prior * variance) / (total * total)
        return value, variance

    def _correlation(
        self, own: Row | None, worth: float, shared: Row | None, shared_worth: float
    ) -> tuple[float, float]:
        """Return the excess of a group and its degrees of freedom: own on siblings', siblings' on a fixed prior."""
        value, weight = shrunk_excess(_PRIOR_CORRELATION, own, worth, shared, shared_worth)
        return max(0.0, value), weight


def shrunk_excess(
    prior: float, own: Row | None, worth: float, shared: Row | None, shared_worth: float
) -> tuple[float, float]:
    """Return the excess of a group, own on siblings' and siblings' on ``prior``, and the windows behind it."""
    value, weight = prior, _PRIOR_WINDOWS
    place = 2 * EXCESS
    if shared is not None:
        learned = shared[place + 1] * shared_worth
        weight = learned + _PRIOR_WINDOWS
        value = (learned * shared[place] + _PRIOR_WINDOWS * value) / weight
    if own is not None:
        learned, known = own[place + 1] * worth, min(weight, _SIBLING_WINDOWS)
        weight = learned + known
        value = (learned * own[place] + known * value) / weight
    return value, weight


def excess_of(prediction: Prediction, spread: float) -> float:
    """Return the variance of a window's value beyond the noise of counting."""
    return prediction.correlation * spread + prediction.doubt


def degrees_of(prediction: Prediction, excess: float, noise: float) -> float:
    """Return the degrees of freedom of the whole variance, of which only the excess was estimated (Satterthwaite)."""
    if excess <= 0.0:
        return _CERTAIN_DEGREES
    return min(_CERTAIN_DEGREES, prediction.degrees * ((excess + noise) / excess) ** 2)
