"""Files of a tuning: the result, the backtest of the change, the plots, and a page with all of it."""

# ruff: noqa: PLC0415 - the library for plots is loaded when there is something to plot, and may not be there

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.backtest import page, result, tuned
from pipeline.backtest.alerts import Alert
from pipeline.backtest.files import write_text
from pipeline.backtest.matching import Truth
from pipeline.backtest.result import Backtest
from pipeline.backtest.tuned import Tuned
from pipeline.backtest.tuning import Bench, Tried

if TYPE_CHECKING:
    from pipeline.backtest.plots import Draw, GroupSeries

BACKTEST = "backtest.json"
_MOST_GROUPS = 4


def can_plot() -> bool:
    """Return whether the library for plots is there."""
    return find_spec("matplotlib") is not None


def write(
    folder: Path,
    told: Tuned,
    backtest: Backtest | None,
    *,
    bench: Bench,
    now: Tried,
    tried: Sequence[Tried],
    chosen: Tried | None,
    alerts: Sequence[Alert],
) -> list[Path]:
    """Write everything into a folder, and return the files.

    Args:
        folder: made when it is not there; files of the same names are replaced.
        told: the result.
        backtest: of the change; None: nothing is proposed, or nothing changed.
        bench: what was tuned.
        now: the settings as they are.
        tried: all others.
        chosen: what is proposed.
        alerts: of the proposed settings, or of those that there are.

    Raises:
        OSError: when a file cannot be written.
    """
    written = [folder / "tune.json"]
    write_text(written[0], msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n")
    if backtest is not None:
        result.write(folder / BACKTEST, backtest)
        written.append(folder / BACKTEST)
    if can_plot():
        pictures = []
        for name, title, about, draw in _plots(bench, now, tried, chosen, alerts):
            light, dark = _drawn(draw)
            pictures.append(page.Picture(title, about, light, dark))
            for path, content in ((folder / f"{name}.png", light), (folder / f"{name}.dark.png", dark)):
                path.write_bytes(content)
                written.append(path)
        written.append(folder / "tune.html")
        write_text(written[-1], page.html(f"Tuning {told.detector}", tuned.lines(told), pictures))
    return written


def _drawn(draw: "Draw") -> tuple[bytes, bytes]:
    from pipeline.backtest.canvas import DARK, LIGHT, png

    return png(draw(LIGHT)), png(draw(DARK))


def _plots(
    bench: Bench, now: Tried, tried: Sequence[Tried], chosen: Tried | None, alerts: Sequence[Alert]
) -> list[tuple[str, str, str, Any]]:
    from pipeline.backtest import plots

    groups = _worst(bench, alerts)
    what = "as it is now" if chosen is None else f"{chosen.setting.level}, {chosen.setting.confirm}"
    told = []
    if now.figures.recall is not None:
        about = "Precision against recall, a line for each way to set the level and each confirmation."
        told.append(("precision-recall", "Precision and recall", about, plots.precision_recall(tried, now, chosen)))
    about = "Alerts a day against the alert budget, and against a fixed p-value."
    told.append(("alerts-per-day", "Alerts a day", about, plots.alerts_per_day(tried, now, chosen)))
    if groups:
        about = "What was observed and expected in " + ", ".join(group.name for group in groups) + ", with the alerts."
        title = f"{bench.detector} by the setting {what}"
        told.append(
            ("series", "The groups with the most to look at", about, plots.worst_groups(groups, bench.span, title))
        )
    return told


def _worst(bench: Bench, alerts: Sequence[Alert]) -> list["GroupSeries"]:
    """Return the groups with the most false alarms, then with the most alerts."""
    from pipeline.backtest.plots import GroupSeries

    judge, names = bench.judge, bench.settings.group_by
    by_group: dict[tuple[str, ...], list[tuple[Alert, Truth | None]]] = {}
    for alert in alerts:
        if bench.span.holds(alert.starts_at_us):
            group = tuple(alert.group.get(name, "") for name in names)
            by_group.setdefault(group, []).append((alert, None if judge is None else judge.truth(alert)))
    ranked = sorted(
        by_group.items(),
        key=lambda item: (-sum(truth is Truth.FALSE for _, truth in item[1]), -len(item[1]), item[0]),
    )
    known = [] if judge is None else judge.labels.known
    found = []
    for group, own in ranked[:_MOST_GROUPS]:
        series = bench.recorded.series(group, {alert.starts_at_us for alert, _ in own})
        about = [
            label
            for label in known
            if not label.fingerprint
            and label.about(own[0][0].labels, "")
            and (label.benign or label.expects(bench.detector, bench.settings.type))
        ]
        worded = partial(bench.wording.usual, series.view)
        found.append(GroupSeries(", ".join(filter(None, group)) or "all", series, own, about, worded))
    return found
