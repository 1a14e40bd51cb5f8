"""From p-values to alerts: at which level alerts open, and what opens and ends at it."""

from typing import Literal, NamedTuple

import msgspec

from detectors.budget import BudgetLevel, BudgetState
from detectors.deciding import Decision
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
    budget: BudgetState | None


class Decider:
    """Decides about all groups of one detector.

    Args:
        decision: the knobs.
        hop_us: time from one window to the next.
    """

    def __init__(self, decision: Decision, hop_us: int) -> None:
        self._hop_us = hop_us
        self._openings = Openings(decision)
        self._budget: BudgetLevel | None = None
        self.change(decision)

    def change(self, decision: Decision) -> None:
        """Go by other settings from the next window on; open alerts stay open."""
        self.decision = decision
        self._openings.change(decision)
        budget = decision.budget()
        if budget is None:
            self._budget = None
        elif self._budget is None:
            self._budget = BudgetLevel(budget, decision, self._hop_us)
        else:
            self._budget.change(budget, decision)

    def is_firing(self, group: Group) -> bool:
        """Return whether an alert of ``group`` is open."""
        return self._openings.is_firing(group)

    def level(self, end_us: int) -> float:
        """Return the p-value at or below which a window that ends at ``end_us`` is unusual."""
        if self._budget is not None:
            return self._budget.level(end_us)
        fire = self.decision.p_value.fire
        return 0.0 if fire is None else fire

    def judge(self, group: Group, end_us: int, p_value: float | None, *, ready: bool) -> Judgement:
        """Take the next window of ``group`` and return what it changes.

        Args:
            group: whose window.
            end_us: its end; later than that of the group's window before, not before that of any other group's.
            p_value: of the window; None when it holds too little to be scored.
            ready: whether the baseline has warmed up.
        """
        level = self.level(end_us)
        step = self._openings.step(group, end_us, p_value, level, ready=ready)
        if self._budget is not None:
            self._budget.record(group, end_us, p_value, ready=ready)
        return Judgement(*step, level)

    def expected_false_alarms(self, end_us: int, span_us: int) -> float | None:
        """Return how many alerts open by chance in ``span_us`` as things are; None where nothing counts them."""
        if self._budget is None:
            return None
        return self._budget.expected_false_alarms(self.level(end_us), end_us, span_us)

    def episode(self, group: Group) -> GroupEpisode:
        """Return where a group stands, as a copy."""
        return self._openings.episode(group)

    def forget(self, group: Group) -> None:
        """Drop what is known of ``group``."""
        self._openings.forget(group)
        if self._budget is not None:
            self._budget.forget(group)

    def state(self) -> DeciderState:
        """Return the state as plain data."""
        return DeciderState(self._openings.state(), None if self._budget is None else self._budget.state())

    def restore(self, state: DeciderState) -> None:
        """Take over what :meth:`state` returned. A budget that was not there before begins without counts."""
        self._openings.restore(state.episodes)
        if self._budget is not None and state.budget is not None:
            self._budget.restore(state.budget)
