"""What came of tuning, as plain data for ``--json`` and for files, and as lines for people."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.backtest.change import snippet
from pipeline.backtest.intervals import Rate, Share
from pipeline.backtest.report import share_text, span_text
from pipeline.backtest.result import Delay
from pipeline.backtest.table import indented, table
from pipeline.backtest.tuning import Tried

_SHOWN = 14
_NONE = "-"


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting, and what it did; see :class:`pipeline.backtest.result.Figures`.

    Attributes:
        level: what sets the level: ``2 per week``, ``p <= 0.001``.
        changes: what differs from the settings file; empty for the settings as they are.
        unwanted_per_week: false alarms a week; all alerts where there are no labels.
    """

    level: str
    confirm: str
    min_duration: str
    changes: dict[str, Any]
    alerts: int
    per_day: float
    unwanted_per_week: float
    false_per_week: Rate | None
    precision: Share | None
    recall: Share | None
    f1: float | None
    time_to_detect: Delay | None


class Tuned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of tuning.

    Attributes:
        detector: name of the entry.
        exact: whether the chosen setting was run; otherwise decisions were taken again over windows scored once.
        agrees: whether deciding again by the settings as they are gave the alerts of the run.
        budget_per_week: false alarms that are accepted; None: nobody said.
        windows: that were decided about again and again.
        now: the settings as they are. tried: all others, in the order in which they were tried.
        chosen: what is proposed; None where neither labels nor a budget say what is wanted.
        keeps_budget: whether it raises no more unwanted alerts than the budget in this recording.
        difference: alerts gained and lost by it. backtest: id of its backtest.
        yaml: the change for the settings file. command: that lets it decide in the shadow.
    """

    detector: str
    exact: bool
    agrees: bool
    span_from: str
    span_to: str
    budget_per_week: float | None
    windows: int
    now: Row
    tried: list[Row]
    chosen: Row | None
    keeps_budget: bool | None
    gained: int | None
    lost: int | None
    backtest: str | None
    yaml: str
    command: str


def row(one: Tried) -> Row:
    """Return a setting and what it did as plain data."""
    figures = one.figures
    return Row(
        level=one.setting.level,
        confirm=one.setting.confirm,
        min_duration=one.setting.min_duration,
        changes=one.setting.changes,
        alerts=figures.alerts,
        per_day=figures.per_day,
        unwanted_per_week=round(one.per_week, 4),
        false_per_week=figures.false_per_week,
        precision=figures.precision,
        recall=figures.recall,
        f1=None if one.f1 is None else round(one.f1, 4),
        time_to_detect=figures.time_to_detect,
    )


def lines(tuned: Tuned) -> list[str]:
    """Return the report, line by line."""
    span = f"{tuned.span_from[:16]} to {tuned.span_to[:16]}".replace("T", " ")
    by = f"decided by {len(tuned.tried)} settings"
    told = [f"{tuned.detector}: {tuned.windows:,} windows scored once, {by}; judged {span}"]
    if not tuned.agrees:
        told.append(
            "note: deciding again by the settings as they are does not give the alerts of the run "
            "(controls have changed them on the way?): take the figures below for a comparison among each other only"
        )
    told += ["", *settings_table(tuned)]
    chosen = tuned.chosen
    if chosen is None:
        told += ["", "nothing is proposed: give --labels or --budget, so that it is known what is wanted"]
        return told
    if not chosen.changes:
        return [*told, "", "proposed: leave it as it is"]
    budget = tuned.budget_per_week
    if tuned.keeps_budget is False and budget is not None:
        told += ["", f"no setting kept the budget of {budget:g} per week in this recording; this one is the closest"]
    what = "run again" if tuned.exact else "decided again; --exact runs it"
    told += ["", f"proposed ({what}): {tuned.gained} alerts gained and {tuned.lost} lost"]
    told += ["", *indented(snippet(tuned.detector, chosen.changes))]
    told += ["", "try it in the shadow:", f"  {tuned.command}"]
    return told


def settings_table(tuned: Tuned) -> list[str]:
    """Return the settings as they are, the proposed one, and the others that are worth a look, as a table."""
    best = _worth_a_look(tuned)
    labelled = tuned.now.recall is not None or tuned.now.precision is not None
    head = ["", "level", "confirm", "for", "alerts", "a day"]
    head += ["false a week", "precision", "recall", "F1", "to detect"] if labelled else []
    body = []
    for one in best:
        mark = "now" if one is tuned.now else "=>" if one == tuned.chosen else ""
        cells = [mark, one.level, one.confirm, one.min_duration, f"{one.alerts}", f"{one.per_day:.2f}"]
        if labelled:
            delay = one.time_to_detect
            cells += [
                f"{one.unwanted_per_week:.2f}",
                share_text(one.precision),
                share_text(one.recall),
                _NONE if one.f1 is None else f"{one.f1:.2f}",
                _NONE if delay is None else span_text(delay.median_s),
            ]
        body.append(cells)
    return table(head, body, left=4)


def _worth_a_look(tuned: Tuned) -> list[Row]:
    """Return rows for the terminal: equal ones once (the simplest), the best first, not too many."""
    seen: set[object] = set()
    told: list[Row] = []
    for one in tuned.tried:
        did = (one.alerts, one.precision, one.recall, one.time_to_detect, one.confirm)
        if one == tuned.chosen or did not in seen:
            told.append(one)
        seen.add(did)
    if tuned.now.f1 is not None:
        told.sort(key=lambda one: (one != tuned.chosen, -(one.f1 or 0.0), one.unwanted_per_week))
    shown: Sequence[Row] = told[:_SHOWN]
    return [tuned.now, *(one for one in shown if one.changes)]
