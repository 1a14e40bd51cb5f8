"""The knob of a detector: the budgets and confirmations that one can choose, and what a choice changes."""

from typing import Any

import msgspec

from config.base import ComponentSettings
from detectors.control import changed
from detectors.windowed import WindowSettings
from pipeline.backtest.sweep import current, level_text
from pipeline.control.history import History

BUDGETS = ("0.1", "0.25", "0.5", "1", "2", "5", "10", "20")
"""False alarms a week."""
CONFIRMATIONS = ("1 of 1", "2 of 2", "2 of 3", "3 of 4")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Where the knob stands.

    Attributes:
        budget, confirm: that are chosen.
        budgets, confirms: that there are to choose from, with those of now.
        budget_now, confirm_now: that alerts go by; ``budget_now`` is empty where something else sets the level.
        level_now: what sets the level now, in words.
        changes: what differs from now; empty: nothing.
        same: a change that changes nothing, for looking at what is.
    """

    budget: str
    confirm: str
    budgets: tuple[str, ...]
    confirms: tuple[str, ...]
    budget_now: str
    confirm_now: str
    level_now: str
    changes: dict[str, Any]
    same: dict[str, Any]


def choices_of(entry: ComponentSettings, history: History, budget: str, confirm: str) -> Choice:
    """Return where the knob stands when somebody asks for a budget and a confirmation; empty: as it is.

    What cannot be chosen counts as empty: it comes from an address that anybody may have typed.
    """
    live = live_of(entry, history)
    per = live.budget()
    budget_now = "" if per is None else f"{per.per(7 * 86_400_000_000):g}"
    confirm_now = current(live).confirm
    budgets = tuple(sorted({*BUDGETS, *([budget_now] if budget_now else [])}, key=float))
    confirms = tuple(dict.fromkeys([*CONFIRMATIONS, confirm_now]))
    budget = budget if budget in budgets else budget_now
    confirm = confirm if confirm in confirms else confirm_now
    changes: dict[str, Any] = {}
    if budget != budget_now:
        changes["alert_budget"] = f"{budget} per week"
    if confirm != confirm_now:
        changes["confirm"] = confirm
    return Choice(
        budget=budget,
        confirm=confirm,
        budgets=budgets,
        confirms=confirms,
        budget_now=budget_now,
        confirm_now=confirm_now,
        level_now=level_text(live),
        changes=changes,
        same={"confirm": confirm_now},
    )


def live_of(entry: ComponentSettings, history: History) -> WindowSettings:
    """Return the settings that alerts go by."""
    if not isinstance(entry, WindowSettings):
        msg = f"{entry.type} is no window detector"
        raise TypeError(msg)
    return changed(entry, history.changes(history.live))


def shown_now(entry: ComponentSettings, history: History) -> str:
    """Return what a window detector goes by, in a few words."""
    live = live_of(entry, history)
    return f"{level_text(live)}, {current(live).confirm} windows"
