"""Online false discovery rate: at which level to test the next p-value, given what was rejected so far.

A rule is plain data: it encodes with ``msgspec`` as it is, and decodes as :data:`Rule` with exactly the same future. It
is asked for the level of the next test, and told what became of it::

    rule = MemoryLord(alpha=0.1, memory=0.9999)
    if decide(rule, p_value):
        ...

What each promises, and what not, is in ``docs/explanation/online-fdr.md``.

Every level is a sum over the rejections so far. Only the newest ``KEEP`` of them are kept, so a test costs at most so
many terms. Leaving terms out makes levels smaller, never larger: what a rule promises of false discoveries stays true.
"""

from typing import Annotated

import msgspec

from detectors.models.fdr_spending import fast_gamma, slow_gamma

KEEP = 256
"""Rejections that are remembered."""
_NEGLIGIBLE = 1e-12
Level = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class _Rule(msgspec.Struct, kw_only=True):
    """What all rules have.

    Attributes:
        alpha: share of false discoveries that is accepted.
    """

    alpha: Level = 0.1

    def level(self) -> float:
        """Return the level of the next test: reject a p-value at or below it. Changes nothing."""
        raise NotImplementedError

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Take note of a test.

        Args:
            rejected: whether its p-value was at or below :meth:`level`, and an alarm was raised or would have been.
            p_value: for SAFFRON and ADDIS, which learn from it how many anomalies there are; others do not look at it.
        """
        raise NotImplementedError


def decide(rule: "Rule", p_value: float) -> bool:
    """Test a p-value by a rule, and let the rule know. NaN is never rejected."""
    rejected = p_value <= rule.level()
    rule.record(rejected, p_value)
    return rejected


class Lord(_Rule, tag="lord++.1", kw_only=True):
    """LORD++ (Ramdas et al. 2017): every rejection earns ``alpha``, spent on the tests after it.

    Attributes:
        tests: tests so far.
        first: the first test that was rejected, counted from 1; 0 for none.
        later: the newest rejections after it.
    """

    tests: Count = 0
    first: Count = 0
    later: list[int] = msgspec.field(default_factory=list)

    def level(self) -> float:
        """Return the level of the next test: wealth of the start, of the first rejection, and of each after it."""
        now = self.tests + 1
        start = 0.5 * self.alpha
        level = start * slow_gamma(now)
        if self.first:
            level += (self.alpha - start) * slow_gamma(now - self.first)
        return level + self.alpha * sum(slow_gamma(now - then) for then in self.later)

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Take note of a test."""
        self.tests += 1
        if not rejected:
            return
        if not self.first:
            self.first = self.tests
        else:
            _remember(self.later, self.tests)


class _Counting(_Rule, kw_only=True):
    """What SAFFRON and ADDIS have in common: time runs over tests that do not look like anomalies.

    Attributes:
        quiet: tests so far that were not candidates: the clock.
        first: the clock at the first rejection; -1 for none.
        later: the clock at the newest rejections after it.
    """

    quiet: Count = 0
    first: int = -1
    later: list[int] = msgspec.field(default_factory=list)

    def _spent(self) -> float:
        now = self.quiet + 1
        start = 0.5 * self.alpha
        level = start * fast_gamma(now)
        if self.first >= 0:
            level += (self.alpha - start) * fast_gamma(now - self.first)
        return level + self.alpha * sum(fast_gamma(now - then) for then in self.later)

    def _note(self, rejected: bool, *, counts: bool) -> None:
        self.quiet += counts
        if not rejected:
            return
        if self.first < 0:
            self.first = self.quiet
        else:
            _remember(self.later, self.quiet)


class Saffron(_Counting, tag="saffron.1", kw_only=True):
    """SAFFRON (Ramdas, Zrnic, Wainwright and Jordan 2018): tests that look like anomalies cost nothing.

    Attributes:
        candidate: p-values at or below it look like anomalies.
    """

    candidate: Level = 0.5

    def level(self) -> float:
        """Return the level of the next test, at most ``candidate``."""
        return min(self.candidate, (1.0 - self.candidate) * self._spent())

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Take note of a test; its ``p_value`` matters."""
        self._note(rejected, counts=not p_value <= self.candidate)


class Addis(_Counting, tag="addis.1", kw_only=True):
    """ADDIS (Tian and Ramdas 2019): SAFFRON that leaves out p-values which are too large to be any evidence.

    Attributes:
        candidate: p-values at or below it look like anomalies; below ``discard``.
        discard: p-values above it are not counted at all.
    """

    candidate: Level = 0.25
    discard: Level = 0.5

    def level(self) -> float:
        """Return the level of the next test, at most ``candidate``."""
        return min(self.candidate, (self.discard - self.candidate) * self._spent())

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Take note of a test; its ``p_value`` matters."""
        self._note(rejected, counts=self.candidate < p_value <= self.discard)


class MemoryLord(_Rule, tag="mem-lord.1", kw_only=True):
    """LORD with decaying memory (Rebjock, Kurt, Januschowski and Callot 2021): the rule for streams that never end.

    It forgets: what counts are false discoveries among the rejections of the last ``1 / (1 - memory)`` tests or so. It
    never falls silent: the level stays at or above ``alpha * smoothing * (1 - memory)``. That floor is also the rate of
    false alarms where there is nothing to find, so where anomalies are rarer than it, most alarms are false, whatever
    ``alpha`` says. See :func:`memory_for`.

    Attributes:
        memory: what a rejection weighs after one more test, in (0, 1).
        smoothing: false discoveries are counted against rejections plus this many.
        lag: tests after a rejection that earn nothing from it, because they depend on it (windows that overlap).
        tests: tests so far.
        rejections: the newest rejections, counted from 1.
    """

    memory: Level = 0.9999
    smoothing: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0
    lag: Count = 0
    tests: Count = 0
    rejections: list[int] = msgspec.field(default_factory=list)

    def level(self) -> float:
        """Return the level of the next test."""
        now = self.tests + 1
        level = self.smoothing * max(slow_gamma(now), 1.0 - self.memory)
        for then in self.rejections:
            age = now - then - self.lag
            if age > 0:
                level += self.memory**age * slow_gamma(age)
        return self.alpha * level

    def record(self, rejected: bool, p_value: float = 1.0) -> None:
        """Take note of a test."""
        self.tests += 1
        while self.rejections and self._is_forgotten(self.tests - self.rejections[0] - self.lag):
            del self.rejections[0]
        if rejected:
            _remember(self.rejections, self.tests)

    def _is_forgotten(self, age: int) -> bool:
        return age > 0 and self.memory**age * slow_gamma(age) < _NEGLIGIBLE


Rule = Lord | Saffron | Addis | MemoryLord
"""Any rule; ``msgspec`` tells them apart by their tags, which carry the version of the state."""


def memory_for(budget_per_test: float, alpha: float = 0.1, smoothing: float = 1.0) -> float:
    """Return the ``memory`` with which :class:`MemoryLord` keeps a budget of false alarms where nothing is wrong.

    The floor alone raises ``alpha * smoothing * (1 - memory)`` false alarms a test, and each of them earns up to
    ``alpha`` more: together at most ``budget_per_test``, beside about ``alpha * smoothing`` that the start costs once.
    Every true alarm earns up to ``alpha`` more, which is what a false discovery rate means.

    Args:
        budget_per_test: false alarms accepted, by the number of tests; "2 per week" over 200 groups that are tested
            hourly is ``2 / (7 * 24 * 200)``.
        alpha: of the rule.
        smoothing: of the rule.

    Raises:
        ValueError: when the budget is not above 0, or so large that no memory is short enough.

    >>> rule = MemoryLord(alpha=0.1, memory=memory_for(1e-4, alpha=0.1))
    >>> round(rule.memory, 4), round(rule.alpha * (1 - rule.memory), 7)
    (0.9991, 9e-05)
    """
    share = budget_per_test * (1.0 - alpha) / (alpha * smoothing)
    if not 0.0 < share < 1.0:
        msg = (
            f"a budget of {budget_per_test} false alarms a test does not go with alpha {alpha}: it must be above 0 and "
            f"below {alpha * smoothing / (1.0 - alpha):.6g}"
        )
        raise ValueError(msg)
    return 1.0 - share


def _remember(times: list[int], now: int) -> None:
    times.append(now)
    if len(times) > KEEP:
        del times[0]
