"""Settings of a decision to try, and what each of them does."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from config.durations import format_duration_us
from detectors.control import changed
from detectors.deciding import Decision
from detectors.windowed import WindowSettings

BUDGETS_PER_WEEK = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
LEVELS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7)
CONFIRMATIONS = ("1 of 1", "2 of 3")
_WEEK_US = 7 * 86_400_000_000
Knob = Literal["current", "alert_budget", "p_value", "false_discovery_rate"]


class Setting(NamedTuple):
    """One setting to try.

    Attributes:
        knob: what sets the level.
        strength: the knob's number: alerts a week, or a p-value.
        changes: what differs from the settings file, as one would write it there; empty for the current one.
        decision: the settings with the changes.
    """

    knob: Knob
    strength: float
    changes: dict[str, Any]
    decision: WindowSettings

    @property
    def confirm(self) -> str:
        """How many windows must be unusual, like ``2 of 3``."""
        return f"{self.decision.confirm.needed} of {self.decision.confirm.of}"

    @property
    def min_duration(self) -> str:
        """For how long, like ``15m``."""
        return format_duration_us(self.decision.min_duration)

    @property
    def level(self) -> str:
        """The knob, like ``2 per week`` or ``p <= 0.001``."""
        if self.knob == "current":
            return level_text(self.decision)
        return f"{self.strength:g} per week" if self.knob == "alert_budget" else f"p <= {self.strength:g}"


def level_text(decision: Decision) -> str:
    """Return what sets the level of a decision."""
    budget = decision.budget()
    if budget is not None:
        return f"{budget.per(_WEEK_US):g} per week"
    if decision.p_value.fire is not None:
        return f"p <= {decision.p_value.fire:g}"
    return f"{(decision.false_discovery_rate or 0.0) * 100:g}% false"


def current(settings: WindowSettings) -> Setting:
    """Return the settings as they are."""
    return Setting("current", 0.0, {}, settings)


def to_try(
    settings: WindowSettings,
    budget_per_week: float | None,
    *,
    confirmations: Sequence[str] = (),
    min_durations_us: Sequence[int] = (),
) -> Iterator[Setting]:
    """Yield the settings to try: each level with each confirmation and each duration, the simple ones first.

    Args:
        settings: of the detector; its own confirmation and duration are tried too.
        budget_per_week: somebody's budget, which is tried too.
        confirmations: to try; default: :data:`CONFIRMATIONS`.
        min_durations_us: to try; default: none, and one window from the first to the last.

    Raises:
        ChangeError: for a confirmation that cannot be.
    """
    own_confirm, own_min_us = current(settings).confirm, settings.min_duration
    budgets = sorted({*BUDGETS_PER_WEEK, *(() if budget_per_week is None else (budget_per_week,))})
    highest = settings.p_value.resolve
    levels = [level for level in LEVELS if settings.p_value.overwhelming <= level < highest]
    knobs: list[tuple[Knob, float, dict[str, Any]]] = [
        ("alert_budget", number, {"alert_budget": f"{number:g} per week"}) for number in budgets
    ]
    knobs += [("p_value", level, {"p_value": {"fire": level}}) for level in levels]
    for min_us in dict.fromkeys([own_min_us, *(min_durations_us or (0, settings.spec().hop_us))]):
        for confirm in dict.fromkeys([own_confirm, *(confirmations or CONFIRMATIONS)]):
            for knob, number, level_changes in knobs:
                changes = dict(level_changes)
                if confirm != own_confirm:
                    changes["confirm"] = confirm
                if min_us != own_min_us:
                    changes["min_duration"] = format_duration_us(min_us)
                yield Setting(knob, number, changes, changed(settings, changes))
