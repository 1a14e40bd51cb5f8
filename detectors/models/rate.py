"""How many events a window has: judged by the exact tail of a negative binomial, on either side.

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
from collections.abc import Sequence

import msgspec

from detectors.assembler import ClosedWindow
from detectors.models.baseline import LEVEL_FORGETS, shrunk_excess
from detectors.models.means import Means, MeansState, Row
from detectors.models.rhythm import EXCESS, HISTORY, LEVEL, Memory, Rhythm
from detectors.models.tails import negative_binomial_lower, negative_binomial_upper, widened
from detectors.models.views import Lever, Side, ViewScore
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
_FULL_INFORMATION_COUNT = 10.0
_LEAST_MEAN = 1e-6
_LEAST_SIBLINGS = 3
_COMMON_PRIOR = 20.0
"""How many events of the other groups it takes to say that all of them have more, or fewer."""
_MOST_EXCESS = 10.0
_CERTAIN_DEGREES = 1e9
_MOST_TIMES = 1_000
"""So many times what was expected, or came, is as much as anyone asks about."""
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


class _State(msgspec.Struct, array_like=True, frozen=True):
    means: MeansState
    shared: MeansState


_DECODER = msgspec.msgpack.Decoder(_State)


class RateView:
    """The number of events in a window.

    Args:
        name: of the view.
        count: place of the number in the windows' vectors.
        bad: which side of normal is bad.
        min_expected: windows in which fewer events are expected are not scored.
        memory: what it remembers by.
        relative: leave out of account what all groups have in common in a window: a holiday, a campaign.
    """

    expectation: type[msgspec.Struct] = RateExpectation

    def __init__(
        self,
        name: str,
        *,
        count: int,
        bad: Side,
        min_expected: float,
        memory: Memory,
        relative: bool = False,
    ) -> None:
        self.name = name
        self._count = count
        self._tail = negative_binomial_upper if bad == "high" else negative_binomial_lower
        self._min_expected = min_expected
        self._rhythm = Rhythm(memory.rhythm, window_us=memory.window_us)
        self._means = Means(self._rhythm.slots, memory.half_life_us)
        self._shared = Means(self._rhythm.slots, memory.half_life_us)
        self._level_wears = LEVEL_FORGETS * memory.window_us / memory.half_life_us
        self.bad: Side = bad
        self._low = bad == "low"
        self._relative = relative
        self._common: tuple[float, float] | None = None
        self.forget = self._means.forget

    def begin(self, windows: Sequence[ClosedWindow]) -> None:
        """Look at all windows of one end, before they are scored one by one."""
        self._common = None
        if self._relative and len(windows) >= _LEAST_SIBLINGS:
            expected = sum(self._predict(window).count for window in windows)
            self._common = (float(sum(window.vector[self._count] for window in windows)), expected)

    def expect(self, window: ClosedWindow) -> RateExpectation:
        """Return how many events the window should have."""
        expected = self._predict(window)
        if self._common is None:
            return expected
        # The window itself is left out: a failure of a large group must not excuse itself.
        others = self._common[0] - window.vector[self._count] + _COMMON_PRIOR
        factor = others / (max(0.0, self._common[1] - expected.count) + _COMMON_PRIOR)
        factor = min(1.0, factor) if self._low else max(1.0, factor)
        return RateExpectation(
            max(_LEAST_MEAN, expected.count * factor), expected.doubt, expected.excess, expected.degrees
        )

    def _predict(self, window: ClosedWindow) -> RateExpectation:
        end_us = window.end_us
        own, shared = self._means.get(window.group), self._shared.get(_ALL)
        worth, shared_worth = self._means.worth(end_us), self._shared.worth(end_us)
        count, doubt = self._level(own, worth, shared, shared_worth)
        for slot in self._rhythm.hours(end_us):
            factor, sampling_variance = self._factor(slot, own, worth, shared, shared_worth)
            count *= factor
            doubt += sampling_variance
        excess, degrees = self._excess(own, worth, shared, shared_worth)
        return RateExpectation(max(_LEAST_MEAN, count), doubt, excess, degrees)

    def scores(self, window: ClosedWindow, expected: RateExpectation) -> bool:
        """Return whether enough events are expected, or more than that have come."""
        return expected.count >= self._min_expected or window.vector[self._count] >= self._min_expected

    def score(self, window: ClosedWindow, expected: RateExpectation) -> ViewScore:
        """Return how unusual the number is, as a mid-p."""
        number = window.vector[self._count]
        total = min(_MOST_EXCESS, expected.excess + expected.doubt)
        p_value = self._tail(number, expected.count, total)
        if total > 0.0:
            share = (total + 1.0 / expected.count) / total
            degrees = min(_CERTAIN_DEGREES, expected.degrees * share * share)
            p_value = widened(p_value, degrees)
        return ViewScore(float(number), expected.count, p_value)

    def lever(self, window: ClosedWindow, expected: RateExpectation) -> Lever:
        """Return how far the number may be from good to bad."""
        most = _MOST_TIMES * (1 + max(window.vector[self._count], math.ceil(expected.count)))
        return Lever(self._count, most, 0) if self._low else Lever(self._count, 0, most)

    def value(self, window: ClosedWindow) -> float | None:
        """Return the number of events."""
        return float(window.vector[self._count])

    def learn(self, window: ClosedWindow, expected: RateExpectation, weight: float) -> None:
        """Learn a window, an empty one too."""
        end_us, mean = window.end_us, expected.count
        number = window.vector[self._count]
        own, shared = self._means.row(window.group), self._shared.row(_ALL)
        self._means.wear(own, LEVEL, 0.5 ** (weight * self._level_wears))
        worth, shared_worth = self._means.worth(end_us), self._shared.worth(end_us)
        sd = math.sqrt(mean + (expected.excess + expected.doubt) * mean * mean)
        # Of an unknown level everything is a surprise: the first windows are learned as they are.
        bound = CLIP * sd if expected.doubt < 0.5 else math.inf
        seen = min(mean + bound, max(mean - bound, float(number)))
        self._learn_excess(own, shared, seen - mean, expected, weight, end_us)
        slots = self._rhythm.hours(end_us)
        # In windows: one window tells 1 / (its relative variance) of a factor.
        told = weight * mean / (1.0 + expected.excess * mean)
        factors = [self._factor(slot, own, worth, shared, shared_worth)[0] for slot in slots]
        season = math.prod(factors)
        learn, learn_shared = self._means.learn, self._shared.learn
        learn(own, LEVEL, seen / season, weight=told, at_us=end_us)
        learn_shared(shared, LEVEL, seen / season, weight=weight, at_us=end_us)
        level = self._level(own, worth, shared, shared_worth)[0]
        for index, slot in enumerate(slots):
            others = math.prod(factors[:index]) * math.prod(factors[index + 1 :])
            base = max(_LEAST_MEAN, level * others)
            ratio = seen / base
            told_here = weight * base / (1.0 + expected.excess * base)
            learn_shared(shared, slot, ratio, weight=told_here, at_us=end_us)
            learn(own, slot, ratio, weight=told_here, at_us=end_us)
            factors[index] = self._factor(slot, own, worth, shared, shared_worth)[0]
        own[2 * HISTORY] += weight

    def _learn_excess(
        self, own: Row, shared: Row, residual: float, expected: RateExpectation, weight: float, end_us: int
    ) -> None:
        mean = expected.count
        variance = mean + expected.excess * mean * mean
        certainty = variance / (variance + expected.doubt * mean * mean)
        information = weight * (certainty * mean / (mean + _FULL_INFORMATION_COUNT)) ** 2
        excess = (residual * residual - mean) / (mean * mean) - expected.doubt
        excess = min(_MOST_EXCESS, excess)
        self._means.learn(own, EXCESS, excess, weight=information, at_us=end_us)
        self._shared.learn(shared, EXCESS, excess, weight=information, at_us=end_us)

    def history(self, group: Group) -> float:
        """Return how many windows' worth of data the group has had."""
        row = self._means.get(group)
        return 0.0 if row is None else row[2 * HISTORY]

    def unsettle(self, group: Group, keep: float) -> None:
        """Take the level of the group for ``keep`` of what it was known for."""
        row = self._means.get(group)
        if row is not None:
            self._means.wear(row, LEVEL, keep)

    def _level(self, own: Row | None, worth: float, shared: Row | None, shared_worth: float) -> tuple[float, float]:
        """Return the level of a group and its relative variance."""
        value, weight = 1.0, 0.0
        if shared is not None and shared[2 * LEVEL + 1] * shared_worth > 0.0:
            value = shared[2 * LEVEL]
        if own is not None:
            weight = own[2 * LEVEL + 1] * worth
            value = (weight * own[2 * LEVEL] + _LEVEL_WINDOWS * value) / (weight + _LEVEL_WINDOWS)
        return max(_LEAST_MEAN, value), 1.0 / (weight + _LEVEL_WINDOWS)

    def _factor(
        self, slot: int, own: Row | None, worth: float, shared: Row | None, shared_worth: float
    ) -> tuple[float, float]:
        """Return the factor of an hour, and its relative variance, as far as it is not the group's own hour by hour."""
        value, variance = 1.0, 1.0 / _SHARED_HOUR
        place = 2 * slot
        if shared is not None:
            weight = shared[place + 1] * shared_worth
            total = weight + _SHARED_HOUR
            value = (weight * shared[place] + _SHARED_HOUR) / total
            # What an hour that was never seen is like is not known: else its first night would be taken for chance.
            variance = 1.0 / total
        if own is not None:
            weight = own[place + 1] * worth
            total = weight + _OWN_HOUR
            value = (weight * own[place] + _OWN_HOUR * value) / total
            variance = (weight + _OWN_HOUR * _OWN_HOUR * variance) / (total * total)
        return max(1e-3, value), variance

    def _excess(self, own: Row | None, worth: float, shared: Row | None, shared_worth: float) -> tuple[float, float]:
        """Return the excess of a group and its degrees of freedom: own on siblings', siblings' on a fixed prior."""
        value, weight = shrunk_excess(_PRIOR_EXCESS, own, worth, shared, shared_worth)
        return min(_MOST_EXCESS, max(0.0, value)), weight

    def state(self) -> bytes:
        """Return everything that was learned, as msgpack."""
        return msgspec.msgpack.encode(_State(self._means.state(), self._shared.state()))

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`state` returned."""
        decoded = _DECODER.decode(state)
        self._means.restore(decoded.means)
        self._shared.restore(decoded.shared)
