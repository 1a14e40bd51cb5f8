"""From p-values to alerts: at which level alerts open, and what opens and ends at it."""

from typing import Literal, NamedTuple

import msgspec

from detectors.budget import BudgetLevel, BudgetState
from detectors.deciding import AlertBudget, Decision
from detectors.models.fdr import MemoryLord, memory_for
from detectors.opening import GroupEpisode, Openings, Verdict
from detectors.panes import Group


class Judgement(NamedTuple):
    """What a window means for its group's alert.

    Attributes:
        verdict: see :class:`detectors.contract.Finding`.
        step: the change of the alert, if it changes.
        starts_at_us: of the episode that changes or goes on; 0 without one.
        without_data: the alert resolves because nothing could be scored for long, not because it got better.
        level: the window is unusual at or below this p-value.
    """

    verdict: Verdict
    step: Literal["firing", "resolved"] | None = None
    starts_at_us: int = 0
    without_data: bool = False
    level: float = 0.0


class DeciderState(msgspec.Struct, array_like=True):
    """State of a :class:`Decider` as plain data."""

    episodes: list[tuple[Group, GroupEpisode]]
    budget: BudgetState
    discovery: MemoryLord | None


_WEEK_US = 7 * 86_400_000_000
_MOST_A_TEST = 0.5
_FLOOR = AlertBudget(number=1.0, period_us=_WEEK_US)
"""False alarms of a detector that keeps a false discovery rate, where there is nothing to discover."""


class Decider:
    """Decides about all groups of one detector.

    Args:
        decision: the knobs.
        hop_us: time from one window to the next.
    """

    def __init__(self, decision: Decision, hop_us: int) -> None:
        self._openings = Openings(decision)
        self._budget = BudgetLevel(decision.budget() or _FLOOR, decision, hop_us)
        self._discovery: MemoryLord | None = None
        self._told_at_us = 0
        self.change(decision)

    def change(self, decision: Decision) -> None:
        """Go by other settings from the next window on; open alerts stay open."""
        self.decision = decision
        self._rules = decision.as_json()
        self._told: dict[str, float | str] = {}
        self._openings.change(decision)
        self._budget.change(decision.budget() or _FLOOR, decision)
        rate = decision.false_discovery_rate
        if rate is None:
            self._discovery = None
        elif self._discovery is None or self._discovery.alpha != rate:
            self._discovery = MemoryLord(alpha=rate)

    def is_firing(self, group: Group) -> bool:
        """Return whether an alert of ``group`` is open."""
        return self._openings.is_firing(group)

    def level(self, end_us: int) -> float:
        """Return the p-value at or below which a window that ends at ``end_us`` is unusual."""
        if self._discovery is not None:
            return min(self._discovery.level(), self.decision.p_value.resolve / 2.0)
        fire = self.decision.p_value.fire
        return self._budget.level(end_us) if fire is None else fire

    def judge(self, group: Group, end_us: int, p_value: float | None, *, ready: bool) -> Judgement:
        """Take the next window of ``group`` and return what it changes.

        Args:
            group: whose window.
            end_us: its end; later than that of the group's window before, not before that of any other group's.
            p_value: of the window; None when it holds too little to be scored.
            ready: whether the baseline has warmed up.
        """
        level = self.level(end_us)
        tested = p_value is not None and ready and not self._openings.is_firing(group)
        step = self._openings.step(group, end_us, p_value, level, ready=ready)
        self._budget.record(group, end_us, p_value, ready=ready)
        if self._discovery is not None and tested:
            self._discover(end_us, rejected=step.step == "firing")
        return Judgement(*step, level)

    def _discover(self, end_us: int, *, rejected: bool) -> None:
        """Let the rule know of a test, and remember for as long as fits how many tests there are."""
        rule = self._discovery
        if rule is None:
            return
        a_week = 7.0 * self._budget.tests_a_day(end_us)
        if a_week > 0.0:
            rule.memory = memory_for(min(_MOST_A_TEST * rule.alpha, _FLOOR.per(_WEEK_US) / a_week), rule.alpha)
        rule.record(rejected)

    def standing(self, group: Group, judgement: Judgement, end_us: int) -> dict[str, float | str]:
        """Return what a finding tells of how its window was judged; what does not apply is left out.

        ``rules``: the decision as JSON. ``windows_a_day``: judged, of all groups. ``expected_a_week``: alerts that open
        by chance. ``alert_since_us``: of the episode. ``unusual_since_us``, ``resolved_at_us``: see
        :class:`GroupEpisode`. ``unusual``: how many of the last windows were.
        """
        if end_us != self._told_at_us or not self._told:
            self._told_at_us = end_us
            self._told = {
                "rules": self._rules,
                "windows_a_day": self._budget.tests_a_day(end_us),
                "expected_a_week": self.expected_false_alarms(end_us, _WEEK_US),
            }
        told = dict(self._told)
        episode = self._openings.look(group)
        if judgement.starts_at_us:
            told["alert_since_us"] = judgement.starts_at_us
        if episode.unusual:
            told["unusual"] = episode.unusual.bit_count()
        if episode.unusual_since_us is not None:
            told["unusual_since_us"] = episode.unusual_since_us
        if episode.resolved_at_us is not None:
            told["resolved_at_us"] = episode.resolved_at_us
        return told

    def expected_false_alarms(self, end_us: int, span_us: int) -> float:
        """Return how many alerts open by chance in ``span_us`` as things are."""
        return self._budget.expected_false_alarms(self.level(end_us), end_us, span_us)

    def counted(self) -> float:
        """Return of how many openings :meth:`expected_false_alarms` is an estimate."""
        return self._budget.counted()

    def episode(self, group: Group) -> GroupEpisode:
        """Return where a group stands, as a copy."""
        return self._openings.episode(group)

    def forget(self, group: Group) -> None:
        """Drop what is known of ``group``."""
        self._openings.forget(group)
        self._budget.forget(group)

    def end_all(self) -> None:
        """Take all alerts for ended; a group whose next window is unusual alerts anew at once."""
        self._openings.end_all()

    def adopt(self, episodes: list[tuple[Group, GroupEpisode]]) -> None:
        """Take over where groups stand, and nothing else."""
        self._openings.restore(episodes)

    def state(self) -> DeciderState:
        """Return the state as plain data."""
        return DeciderState(self._openings.state(), self._budget.state(), self._discovery)

    def restore(self, state: DeciderState) -> None:
        """Take over what :meth:`state` returned. A false discovery rate that has changed begins anew."""
        self._openings.restore(state.episodes)
        self._budget.restore(state.budget)
        if (
            self._discovery is not None
            and state.discovery is not None
            and state.discovery.alpha == self._discovery.alpha
        ):
            self._discovery = state.discovery
