"""An explanation for people to read: sentences, and tables of figures."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from config.durations import format_duration_us
from detectors.again import Need
from detectors.contract import Detector, Finding
from detectors.wording import time_text
from pipeline.findings.explained import Explanation, observed
from pipeline.findings.query import group_text
from pipeline.findings.words import probability

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


def shown(explanation: Explanation, detector: Detector | None) -> Iterator[RenderableType]:
    """Yield what is printed, part by part.

    Args:
        explanation: of a finding.
        detector: that found it, for its words; None: figures alone.
    """
    around = explanation.around
    finding = around.finding
    span = f"{time_text(finding.start_us)} to {time_text(finding.end_us)} UTC"
    length = format_duration_us(finding.end_us - finding.start_us)
    yield Text(f"{finding.detector}, {group_text(finding.group)}: window {span} ({length}), {finding.count} events")
    yield Text(explanation.verdict, style="bold")
    for note in explanation.notes:
        yield Text(f"note: {note}")
    yield ""
    facts = _table()
    facts.add_row("level", explanation.level)
    for name, text in explanation.standing.items():
        facts.add_row(name, text)
    yield facts
    if explanation.views:
        yield "\nwhat was seen"
        yield _views(explanation)
    if explanation.needed:
        yield f"\nneeded {explanation.needed}; each by itself, all else as it was"
        yield _needs(explanation)
    yield f"\nwindows of this group   {sparkline([one.value for one in [*around.before, finding, *around.after]])}"
    yield _windows([*around.before, finding, *around.after], finding, detector)
    if around.siblings:
        yield f"\nother groups at this time ({len(around.siblings)} of {around.groups - 1}, the most unusual first)"
        yield _siblings(around.siblings, detector)


def sparkline(values: Sequence[float | None]) -> str:
    """Return a line of bars, the smallest value lowest; a dot where there is none.

    >>> sparkline([1.0, None, 3.0, 2.0])
    '▁·█▅'
    """
    known = [value for value in values if value is not None]
    if not known:
        return _NOTHING * len(values)
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_NOTHING if value is None else _BARS[round((value - low) / step)] for value in values)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=bool(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _views(explanation: Explanation) -> RenderableType:
    table = _table("view", "observed", "normally", "p")
    for view in explanation.views:
        table.add_row(view.view, view.observed, view.usual, _p(view.p_value))
    table.add_row("all of them", "", "", _p(explanation.around.finding.p_value))
    return Padding(table, (0, 0, 0, 2))


def _needs(explanation: Explanation) -> RenderableType:
    p_value, needed = explanation.around.finding.p_value, explanation.needed_p_value
    if not explanation.needs and p_value is not None and needed is not None and p_value <= needed:
        return Text("  whichever figure had been as good as can be, the others would have been enough")
    if not explanation.needs:
        return Text("  no figure alone would have been enough")
    table = _table()
    for need in explanation.needs:
        table.add_row(need.view, need.text, figure_text(need) if need.counts else "")
    return Padding(table, (0, 0, 0, 2))


def figure_text(need: Need) -> str:
    """Return how the figure that was needed compares with the one that was."""
    if need.figure == need.was:
        return f"at {'least' if need.more else 'most'} {need.figure}, which it was"
    if (need.figure > need.was) == need.more:
        return f"at {'least' if need.more else 'most'} {need.figure} instead of {need.was}"
    return f"{need.figure} of the {need.was} were enough" if need.more else f"{need.figure} were few enough"


def _p(p_value: float | None) -> str:
    return "" if p_value is None else probability(p_value)


def _windows(findings: Sequence[Finding], this: Finding, detector: Detector | None) -> RenderableType:
    table = _table("", "until (UTC)", "events", "observed", "p", "level", "verdict")
    for one in findings:
        mark = ">" if one.end_us == this.end_us else ""
        table.add_row(mark, time_text(one.end_us), *_figures(one, detector), style="bold" if mark else "")
    return table


def _siblings(findings: Sequence[Finding], detector: Detector | None) -> RenderableType:
    table = _table("", "group", "events", "observed", "p", "level", "verdict")
    for one in findings:
        table.add_row("", group_text(one.group), *_figures(one, detector))
    return table


def _figures(one: Finding, detector: Detector | None) -> tuple[str, ...]:
    level = probability(one.level)
    usual = one.verdict == "harmless" and (one.p_value or 1.0) > one.level
    return (str(one.count), observed(one, detector), _p(one.p_value), level, "quiet" if usual else one.verdict)
