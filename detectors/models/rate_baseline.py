"""How many events are normal for a group at this hour: a hierarchical baseline of ratios.

A window's count is seen as ``level * hour of day * hour of week * chance``. All factors are means of ratios (what was
counted, by what was expected without this factor), weighted by precision and shrunk as gamma priors would: the level
to that of the siblings, with much doubt; the hours of a group to those of its siblings, because a company's groups have
much the same day; and those to one. Ratios of sums are right for windows with hardly any events too, where logarithms
and square roots are not.

*Excess* is the relative variance of the rate beyond what counting explains. It is measured on one-step-ahead
residuals, so that a rhythm which is not learned yet makes the tails wider and not the alarms more. Every window is
learned, also an empty one; what is far from expected is learned as if it were :data:`CLIP` standard deviations away.
"""

import math
from typing import NamedTuple

import msgspec

from detectors.models.baseline import LEVEL_FORGETS
from detectors.models.means import Means, MeansState, Row, add, check
from detectors.models.prediction import own_excess, siblings_excess
from detectors.models.rhythm import EXCESS, HISTORY, LEVEL, Memory, Rhythm
from detectors.panes import Group

CLIP = 3.5
"""Counts beyond this many predictive standard deviations are learned as this many."""
_LEVEL_WINDOWS = 0.5
"""How many windows' worth of evidence the siblings' level is for a group's own. Groups differ widely in size."""
_SHARED_HOUR = 2.0
_OWN_HOUR = 25.0
"""Precision (1 / relative variance) of the priors of an hour's factor: of the siblings' around one, of a group's around
theirs."""
_PRIOR_EXCESS = 0.1
MOST_EXCESS = 10.0
_FULL_INFORMATION_COUNT = 10.0
LEAST_MEAN = 1e-6
_LEAST_FACTOR = 1e-3
_LEVEL = 2 * LEVEL
"""Place of the level in a row."""
_ALL: Group = ()


class RateExpectation(msgspec.Struct, array_like=True, frozen=True):
    """What a window should show if nothing is wrong.

    Attributes:
        count: expected number of events, above 0.
        doubt: relative variance of ``count`` itself (what the baseline does not know).
        excess: relative variance of the rate between windows.
        degrees: degrees of freedom behind ``excess``.
    """

    count: float
    doubt: float
    excess: float
    degrees: float


class _Siblings(NamedTuple):
    """What the groups share, as a prior of each of them, for the windows of one end.

    Attributes:
        end_us: of the windows.
        level: of a group.
        hours: by place in a row: factor, and its relative variance.
        excess: and how many windows of a group's own it counts as.
    """

    end_us: int
    level: float
    hours: list[tuple[int, float, float]]
    excess: tuple[float, float]


class RateState(msgspec.Struct, array_like=True, frozen=True):
    """State of a :class:`RateBaseline` as plain data: of the groups, and of what they share."""

    means: MeansState
    shared: MeansState


class RateBaseline:
    """Baselines of all groups of one detector, for one number of events.

    Args:
        memory: what it remembers by.
    """

    def __init__(self, memory: Memory) -> None:
        self._rhythm = Rhythm(memory.rhythm, window_us=memory.window_us)
        self._means = Means(self._rhythm.slots, memory.half_life_us)
        self._shared = Means(self._rhythm.slots, memory.half_life_us)
        self._level_wears = LEVEL_FORGETS * memory.window_us / memory.half_life_us
        self._siblings: _Siblings | None = None

    def predict(self, group: Group, end_us: int) -> RateExpectation:
        """Return how many events the window of ``group`` that ends at ``end_us`` should have. Changes nothing."""
        siblings = self._siblings
        if siblings is None or siblings.end_us != end_us:
            siblings = self._siblings = self._look_at_siblings(end_us)
        _, count, hours, excess = siblings
        own, worth = self._means.get(group), self._means.worth(end_us)
        if own is None:
            count, doubt = max(LEAST_MEAN, count), 1.0 / _LEVEL_WINDOWS
            for _, prior, variance in hours:
                count *= prior if prior > _LEAST_FACTOR else _LEAST_FACTOR
                doubt += variance
        else:
            learned = own[_LEVEL + 1] * worth
            total = learned + _LEVEL_WINDOWS
            count = (learned * own[_LEVEL] + _LEVEL_WINDOWS * count) / total
            count, doubt = count if count > LEAST_MEAN else LEAST_MEAN, 1.0 / total
            for place, prior, variance in hours:
                learned = own[place + 1] * worth
                total = learned + _OWN_HOUR
                factor = (learned * own[place] + _OWN_HOUR * prior) / total
                count *= factor if factor > _LEAST_FACTOR else _LEAST_FACTOR
                doubt += (learned + _OWN_HOUR * _OWN_HOUR * variance) / (total * total)
            excess = own_excess(excess, own, worth)
        return RateExpectation(
            count if count > LEAST_MEAN else LEAST_MEAN, doubt, min(MOST_EXCESS, max(0.0, excess[0])), excess[1]
        )

    def _look_at_siblings(self, end_us: int) -> _Siblings:
        shared, worth = self._shared.get(_ALL), self._shared.worth(end_us)
        level = 1.0 if shared is None or shared[_LEVEL + 1] <= 0.0 else shared[_LEVEL]
        hours = []
        for slot in self._rhythm.hours(end_us):
            # What an hour that was never seen is like is not known: else its first night would be taken for chance.
            variance = 1.0 / ((0.0 if shared is None else shared[2 * slot + 1] * worth) + _SHARED_HOUR)
            hours.append((2 * slot, _shared_factor(2 * slot, shared, worth), variance))
        excess = siblings_excess(_PRIOR_EXCESS, shared, worth)
        return _Siblings(end_us, level, hours, excess)

    def learn(self, group: Group, end_us: int, number: int, *, expected: RateExpectation, weight: float) -> None:
        """Learn a window with ``number`` events, an empty one too.

        Args:
            group: whose window.
            end_us: its end.
            number: of events that were counted.
            expected: what :meth:`predict` said when the window was scored.
            weight: how many windows' worth it is.
        """
        mean, doubt = expected.count, expected.doubt
        counted = mean + expected.excess * mean * mean
        sd = math.sqrt(counted + doubt * mean * mean)
        # Of an unknown level everything is a surprise: the first windows are learned as they are.
        bound = CLIP * sd if doubt < 0.5 else math.inf
        seen = min(mean + bound, max(mean - bound, float(number)))
        certainty = counted / (counted + doubt * mean * mean)
        information = weight * (certainty * mean / (mean + _FULL_INFORMATION_COUNT)) ** 2
        residual = seen - mean
        excess = min(MOST_EXCESS, (residual * residual - mean) / (mean * mean) - doubt)
        check(excess, information)
        check(seen, weight)
        self._siblings = None
        own, shared = self._means.row(group), self._shared.row(_ALL)
        self._means.wear(own, LEVEL, 0.5 ** (weight * self._level_wears))
        worth, shared_worth = self._means.worth(end_us), self._shared.worth(end_us)
        add(own, EXCESS, excess, information / worth)
        add(shared, EXCESS, excess, information / shared_worth)
        slots = self._rhythm.hours(end_us)
        factors = [_factor(2 * slot, own, worth, shared, shared_worth) for slot in slots]
        season = math.prod(factors)
        level = seen / season
        # In windows: one window tells 1 / (its relative variance) of a factor.
        add(own, LEVEL, level, weight * mean / (1.0 + expected.excess * mean) / worth)
        add(shared, LEVEL, level, weight / shared_worth)
        level = _level(own, worth, shared)
        for slot, factor in zip(slots, factors, strict=True):
            others = season / factor
            base = max(LEAST_MEAN, level * others)
            told = weight * base / (1.0 + expected.excess * base)
            add(shared, slot, seen / base, told / shared_worth)
            add(own, slot, seen / base, told / worth)
            season = others * _factor(2 * slot, own, worth, shared, shared_worth)
        own[2 * HISTORY] += weight

    def history(self, group: Group) -> float:
        """Return how many windows' worth of data the group has had."""
        row = self._means.get(group)
        return 0.0 if row is None else row[2 * HISTORY]

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the level of the group for ``keep`` of what it was known for."""
        row = self._means.get(group)
        if row is not None:
            self._means.wear(row, LEVEL, keep)

    def forget_group(self, group: Group) -> None:
        """Drop what was learned of a group; what it taught about its siblings stays."""
        self._means.forget(group)

    def state(self) -> RateState:
        """Return the state as plain data."""
        return RateState(self._means.state(), self._shared.state())

    def restore(self, state: RateState) -> None:
        """Take over a state."""
        self._siblings = None
        self._means.restore(state.means)
        self._shared.restore(state.shared)


def _level(own: Row, worth: float, shared: Row) -> float:
    """Return the level of a group: its own mean on that of its siblings, of which there is one by now."""
    learned = own[_LEVEL + 1] * worth
    level = (learned * own[_LEVEL] + _LEVEL_WINDOWS * shared[_LEVEL]) / (learned + _LEVEL_WINDOWS)
    return level if level > LEAST_MEAN else LEAST_MEAN


def _shared_factor(place: int, shared: Row | None, worth: float) -> float:
    """Return the factor of an hour of the siblings, shrunk to one."""
    if shared is None:
        return 1.0
    learned = shared[place + 1] * worth
    return (learned * shared[place] + _SHARED_HOUR) / (learned + _SHARED_HOUR)


def _factor(place: int, own: Row, worth: float, shared: Row, shared_worth: float) -> float:
    """Return the factor of an hour of a group, shrunk to that of the siblings."""
    learned = own[place + 1] * worth
    factor = learned * own[place] + _OWN_HOUR * _shared_factor(place, shared, shared_worth)
    factor /= learned + _OWN_HOUR
    return factor if factor > _LEAST_FACTOR else _LEAST_FACTOR
