"""Plots of tuning. What colours tell, shapes and dashes tell too."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pipeline.backtest.alerts import Alert
from pipeline.backtest.canvas import Theme, figure_of, legend
from pipeline.backtest.labels import Label
from pipeline.backtest.matching import Span, Truth
from pipeline.backtest.recorded import Series
from pipeline.backtest.tuning import Tried

_MARKERS = "osD^v<>"
_KNOBS = {"alert_budget": ("alert budget, alerts a week", "-"), "p_value": ("p-value, fixed", "--")}


Draw = Callable[[Theme], Figure]


class GroupSeries(NamedTuple):
    """What was observed of one group, with its alerts and what they were.

    Attributes:
        name: for people.
        incidents: labels that are about it.
        worded: puts a value into words, for the axis.
    """

    name: str
    series: Series
    alerts: Sequence[tuple[Alert, Truth | None]]
    incidents: Sequence[Label]
    worded: Callable[[float], str] = "{:.3g}".format


def precision_recall(tried: Sequence[Tried], now: Tried, chosen: Tried | None) -> Draw:
    """Return what draws precision against recall, a line for each knob and confirmation."""

    def draw(theme: Theme) -> Figure:
        figure, (axes,) = figure_of(theme, 6.4, 4.8, 1)
        for knob, confirm, marker, colour, rows in _lines(tried, now, theme):
            points = [(one.figures.recall.value, one.figures.precision.value) for one in rows
                      if one.figures.recall is not None and one.figures.precision is not None]  # fmt: skip
            if points:
                name, style = _KNOBS[knob]
                axes.plot(*zip(*points, strict=True), style, marker=marker, color=colour, markersize=6,
                          label=f"{name.split(',')[0]}, {confirm}")  # fmt: skip
        for one, label, symbol, colour, size in _special(now, chosen, theme):
            if one.figures.recall is not None and one.figures.precision is not None:
                axes.plot(one.figures.recall.value, one.figures.precision.value, symbol, color=colour, markersize=size,
                          markerfacecolor="none", markeredgewidth=2, label=label, linestyle="none")  # fmt: skip
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="recall: incidents found",
                 ylabel="precision: alerts that were right")  # fmt: skip
        legend(figure, [axes], theme, 3)
        return figure

    return draw


def alerts_per_day(tried: Sequence[Tried], now: Tried, chosen: Tried | None) -> Draw:
    """Return what draws alerts a day against the knob: one part for budgets, one for fixed p-values."""

    def draw(theme: Theme) -> Figure:
        figure, parts = figure_of(theme, 9.6, 4.4, 2)
        for axes, (wanted, (name, _)) in zip(parts, _KNOBS.items(), strict=True):
            for knob, confirm, marker, colour, rows in _lines(tried, now, theme):
                if knob == wanted:
                    xs = [one.setting.strength for one in rows]
                    axes.plot(xs, [one.figures.per_day for one in rows], "-", marker=marker, color=colour,
                              label=f"alerts, {confirm}")  # fmt: skip
                    if any(one.figures.false_per_week is not None for one in rows):
                        axes.plot(xs, [one.per_week / 7 for one in rows], ":", marker=marker, color=colour,
                                  markerfacecolor=theme.background, label=f"false alarms, {confirm}")  # fmt: skip
            if wanted == "alert_budget":
                ends = [min(one.setting.strength for one in tried if one.setting.knob == wanted),
                        max(one.setting.strength for one in tried if one.setting.knob == wanted)]  # fmt: skip
                axes.plot(ends, [end / 7 for end in ends], color=theme.unjudged, linewidth=1, label="the budget itself")
            for one, label, symbol, colour, size in _special(now, chosen, theme):
                at = _strength(one, wanted)
                if at is not None:
                    axes.plot(at, one.figures.per_day, symbol, color=colour, markersize=size, markerfacecolor="none",
                              markeredgewidth=2, label=label, linestyle="none")  # fmt: skip
            axes.set_xscale("log")
            axes.set_yscale("symlog", linthresh=0.1)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.set(xlabel=name, ylabel="alerts a day")
            axes.set_ylim(-0.005, max(0.2, 1.6 * max(one.figures.per_day for one in [now, *tried])))
        legend(figure, parts, theme, 4)
        return figure

    return draw


def worst_groups(groups: Sequence[GroupSeries], span: Span, title: str) -> Draw:
    """Return what draws what was observed of groups, what was expected, the alerts, and the incidents."""

    def draw(theme: Theme) -> Figure:
        figure, parts = figure_of(theme, 10.0, 1.0 + 2.1 * len(groups), len(groups), below=True)
        for axes, group in zip(parts, groups, strict=True):
            _observed(axes, group, span, theme)
        for axes in parts[:-1]:
            axes.tick_params(labelbottom=False)
            axes.xaxis.get_offset_text().set_visible(False)
        legend(figure, parts, theme, 7)
        figure.suptitle(title, color=theme.ink, fontsize=10, x=0.01, ha="left")
        return figure

    return draw


def _observed(axes: Axes, group: GroupSeries, span: Span, theme: Theme) -> None:
    times = [_time(end_us) for end_us in group.series.end_us]
    axes.plot(times, group.series.value, color=theme.lines[0], linewidth=1.1, label="observed")
    axes.plot(times, group.series.baseline, color=theme.ink, linewidth=1.0, linestyle="--", label="expected")
    for label in group.incidents:
        axes.axvspan(
            _time(label.start_us),
            _time(max(label.end_us, label.start_us + 1)),
            color=theme.incident,
            alpha=0.2,
            linewidth=0,
            hatch="////" if label.benign else None,
            label="look-alike" if label.benign else "incident",
        )
    below = axes.get_xaxis_transform()
    for alert, truth in group.alerts:
        mark, colour, name = _mark(truth, theme)
        begin, end = _time(alert.starts_at_us), _time(alert.until_us(span.end_us))
        axes.hlines(0.04, begin, end, color=colour, linewidth=3, transform=below)
        axes.plot(begin, 0.04, mark, color=colour, markersize=8, transform=below, linestyle="none", label=name)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: group.worded(value)))
    axes.set_ylabel(group.series.view.replace("_", " "), color=theme.ink, fontsize=9)
    axes.axvline(_time(span.from_us), color=theme.unjudged, linewidth=1, linestyle=":", label="judged from here")
    many = "alert" if len(group.alerts) == 1 else "alerts"
    axes.set_title(f"{group.name}: {len(group.alerts)} {many}", color=theme.ink, fontsize=9, loc="left")
    axes.xaxis_date(UTC)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(color=theme.ink, fontsize=8)
    axes.margins(x=0.01, y=0.15)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.12 * (high - low), high)  # room for the alerts below what was observed


def _mark(truth: Truth | None, theme: Theme) -> tuple[str, str, str]:
    if truth is Truth.TRUE:
        return "^", theme.true, "alert: right"
    if truth is Truth.FALSE:
        return "X", theme.false, "alert: false"
    return "D", theme.unjudged, "alert"


def _lines(tried: Sequence[Tried], now: Tried, theme: Theme) -> list[tuple[str, str, str, str, list[Tried]]]:
    """Return what makes a line each: knob, confirmation, marker, colour, settings with the duration as it is."""
    confirms = list(dict.fromkeys(one.setting.confirm for one in tried))
    lines = []
    for knob in _KNOBS:
        for place, confirm in enumerate(confirms):
            rows = [one for one in tried if (one.setting.knob, one.setting.confirm) == (knob, confirm)
                    and one.setting.min_duration == now.setting.min_duration]  # fmt: skip
            rows.sort(key=lambda one: one.setting.strength)
            colour = theme.lines[place % len(theme.lines)]
            lines.append((knob, confirm, _MARKERS[place % len(_MARKERS)], colour, rows))
    return lines


def _special(now: Tried, chosen: Tried | None, theme: Theme) -> list[tuple[Tried, str, str, str, int]]:
    marked = [(now, "as it is now", "s", theme.now, 12)]
    return marked if chosen is None else [*marked, (chosen, "proposed", "*", theme.chosen, 17)]


def _strength(one: Tried, knob: str) -> float | None:
    decision = one.setting.decision
    budget = decision.budget()
    if knob == "p_value":
        return decision.p_value.fire
    return None if budget is None else budget.per(7 * 86_400_000_000)


def _time(time_us: int) -> float:
    """Return a time as matplotlib has it: days since 1970 UTC."""
    return time_us / 86_400e6
