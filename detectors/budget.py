"""The level that keeps an alert budget: at which p-value alerts open, so that there are as many false ones as accepted.

A p-value of 0.001 is one window in a thousand, and how many *alerts* that makes depends on how many windows are judged,
on how unusual windows cluster in time, and on what else must hold before an alert opens. So the detector counts, beside
the alerts that it opens, those that it would open at two generous levels, where chance makes many and real failures
are few among them. These two counts give the line from level to openings (straight on logarithms, a slope of one where
one window is enough), and the line gives the level at which a budget is met.

Real failures raise the counts a little, and never lower them: the level errs on the quiet side. Before there are
counts, every unusual window is taken for an opening.
"""

import math

import msgspec

from detectors.deciding import AlertBudget, Decision
from detectors.opening import GroupEpisode, Openings
from detectors.panes import Group

_GENEROUS = (0.03, 0.006)
"""Levels at which openings are counted."""
_PRIOR_OPENINGS = 10.0
"""How many openings stand behind the assumption that each unusual window is one."""
_MEMORY_US = 8 * 7 * 86_400_000_000
"""After this time a count is worth half."""
_DAY_US = 86_400_000_000
_DAYS = 7
_LEAST_SLOPE = 0.7
_LEAST_DEEP_SLOPE = 0.85
"""The same below the generous levels: rarer windows cluster less, and more of them are bad enough to tell."""
_AIM = 0.85
"""The share of the budget that is aimed at. The tail beyond what was seen is estimated, and estimates of small
probabilities are too small as often as too large, which makes more alarms on average (measured: a fifth)."""
_LEAST_LEVEL = 1e-12


class BudgetState(msgspec.Struct, array_like=True):
    """State of a :class:`BudgetLevel` as plain data.

    Attributes:
        days: the last days with windows that were judged: number of the day, windows.
        first_us: end of the first window ever.
        last_us: end of the last window.
        tests: windows judged, old ones worth less.
        openings: at each generous level, old ones worth less.
        episodes: at each generous level.
    """

    days: list[tuple[int, int]]
    first_us: int | None
    last_us: int
    tests: float
    openings: list[float]
    episodes: list[list[tuple[Group, GroupEpisode]]]


class BudgetLevel:
    """Adapts the level to a budget.

    Args:
        budget: false alarms that are accepted.
        decision: what must hold besides the level.
        hop_us: time from one window to the next.
    """

    def __init__(self, budget: AlertBudget, decision: Decision, hop_us: int) -> None:
        self._budget = budget
        self._hop_us = hop_us
        self._most = decision.p_value.resolve / 2.0
        self._needed = decision.confirm.needed
        self._counted = [Openings(decision) for _ in _GENEROUS]
        self._openings = [0.0 for _ in _GENEROUS]
        self._tests = 0.0
        self._days: dict[int, int] = {}
        self._first_us: int | None = None
        self._last_us = 0
        self._level: float | None = None

    def change(self, budget: AlertBudget, decision: Decision) -> None:
        """Go by another budget from the next window on."""
        self._budget = budget
        self._most = decision.p_value.resolve / 2.0
        self._needed = decision.confirm.needed
        for counted in self._counted:
            counted.change(decision)
        self._level = None

    def level(self, end_us: int) -> float:
        """Return the level for windows that end at ``end_us``: the same for all of them."""
        if self._level is None or end_us != self._last_us:
            self._begin(end_us)
            self._level = self._solve(end_us)
        return self._level

    def _begin(self, end_us: int) -> None:
        if self._first_us is None:
            self._first_us = end_us
        elif end_us > self._last_us:
            kept = 0.5 ** ((end_us - self._last_us) / _MEMORY_US)
            self._tests *= kept
            self._openings = [count * kept for count in self._openings]
        self._last_us = end_us
        oldest = end_us // _DAY_US - _DAYS
        if self._days and min(self._days) < oldest:
            self._days = {day: count for day, count in self._days.items() if day >= oldest}

    def _solve(self, end_us: int) -> float:
        """Return the level at which as many alerts open by chance as the budget has."""
        accepted = self._budget.per(_DAY_US)
        a_day = self.tests_a_day(end_us)
        if a_day <= 0.0:
            return min(self._most, _GENEROUS[-1])
        low = self._opening_rate(1)
        times = _AIM * accepted / a_day / low
        level = _GENEROUS[1] * math.pow(times, 1.0 / self._slope(deep=times < 1.0))
        return min(self._most, max(_LEAST_LEVEL, level))

    def tests_a_day(self, end_us: int) -> float:
        """Return how many windows are judged a day, by the last week."""
        if self._first_us is None:
            return 0.0
        since_us = max(self._first_us - self._hop_us, (end_us // _DAY_US - _DAYS) * _DAY_US)
        elapsed_us = max(self._hop_us, end_us - self._hop_us - since_us)
        return sum(self._days.values()) * _DAY_US / elapsed_us

    def _opening_rate(self, index: int) -> float:
        """Return openings a window at a generous level: counted, on the assumption that every unusual window is one."""
        prior_tests = _PRIOR_OPENINGS / _GENEROUS[index]
        return (self._openings[index] + _PRIOR_OPENINGS) / (self._tests + prior_tests)

    def expected_false_alarms(self, level: float, end_us: int, span_us: int) -> float:
        """Return how many alerts open by chance in ``span_us`` at a level, by what was counted."""
        times = math.pow(level / _GENEROUS[1], self._slope(deep=level < _GENEROUS[1]))
        return self._opening_rate(1) * times * self.tests_a_day(end_us) * span_us / _DAY_US

    def counted(self) -> float:
        """Return of how many openings the estimate of the rate is, old ones counting less; the assumption is in it."""
        return self._openings[1] + _PRIOR_OPENINGS

    def _slope(self, *, deep: bool) -> float:
        """Return how steeply openings rise with the level: below the generous levels, or between and above them."""
        high, low = self._opening_rate(0), self._opening_rate(1)
        slope = math.log(high / low) / math.log(_GENEROUS[0] / _GENEROUS[1])
        return min(float(self._needed), max(_LEAST_DEEP_SLOPE if deep else _LEAST_SLOPE, slope))

    def record(self, group: Group, end_us: int, p_value: float | None, *, ready: bool) -> None:
        """Count a window that was judged, at :meth:`level` or at another."""
        if self._first_us is None or end_us != self._last_us:  # the level comes from elsewhere: it is fixed
            self._begin(end_us)
            self._level = None
        tested = p_value is not None and ready
        if tested:
            self._tests += 1.0
            day = end_us // _DAY_US
            self._days[day] = self._days.get(day, 0) + 1
        for index, counted in enumerate(self._counted):
            step = counted.step(group, end_us, p_value if ready else None, _GENEROUS[index], ready=True)
            if step.step == "firing":
                self._openings[index] += 1.0

    def forget(self, group: Group) -> None:
        """Drop what is known of ``group``."""
        for counted in self._counted:
            counted.forget(group)

    def state(self) -> BudgetState:
        """Return the state as plain data."""
        episodes = [counted.state() for counted in self._counted]
        return BudgetState(
            sorted(self._days.items()), self._first_us, self._last_us, self._tests, list(self._openings), episodes
        )

    def restore(self, state: BudgetState) -> None:
        """Take over what :meth:`state` returned."""
        self._days = dict(state.days)
        self._first_us, self._last_us = state.first_us, state.last_us
        self._tests, self._openings = state.tests, list(state.openings)
        for counted, episodes in zip(self._counted, state.episodes, strict=True):
            counted.restore(episodes)
        self._level = None
