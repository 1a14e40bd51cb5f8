"""Draws ``docs/images/detectors/<window detector>.png``: window detectors at work on simulated streams.

Run from the root of the repository: ``python -m docs.images.make_window_detectors``. The streams are seeded; nothing
but the version of matplotlib changes the pictures. Each has one incident (``social_spike`` a campaign before it).
"""

import argparse
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np

from benchmarks.detection.measuring import DAY_US, START_US, detector
from benchmarks.detection.nulls import seasonal
from benchmarks.detection.worlds import WORLDS
from detectors.contract import AlertChange, Finding, Progress
from detectors.panes import Panes

mpl.use("agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "docs" / "images" / "detectors"
HOUR_US = 3_600_000_000
GROUPS = 10
BLUE, ORANGE, RED, GREEN, GREY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#8A8A8A"
"""Okabe and Ito's colours, which people tell apart whatever they see."""


class Incident(NamedTuple):
    """What happens to the first group. Hours are of the day that is drawn second; volume is a factor; mood is worse."""

    from_h: float
    to_h: float
    volume: float = 1.0
    mood: float = 0.0


class Picture(NamedTuple):
    """What is drawn of a detector.

    Attributes:
        title: what is to be seen.
        view: drawn above: its value, and what was expected.
        label: of the values.
        incidents: what happens.
        text: makes a word of a value.
        settings: of the detector, besides its defaults.
    """

    title: str
    view: str
    label: str
    incidents: Sequence[Incident]
    text: Callable[[float], str] = lambda value: f"{value:.0f}"
    settings: dict[str, Any] = {}  # noqa: RUF012 - never written to


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _hours(value: float) -> str:
    return f"{math.expm1(value) / 3600:.1f} h"


PICTURES: dict[str, Picture] = {
    "sla_breach_rate": Picture(
        "From 9 to 14 o'clock four times as many promises are broken", "broken_share", "promises broken",
        [Incident(9, 14, mood=8.0)], _percent,
    ),
    "resolution_lag": Picture(
        "From 8 to 16 o'clock cases take twice as long", "log_time", "typical time",
        [Incident(8, 16, mood=8.0)], _hours, {"window": "2h"},
    ),
    "sentiment_drop": Picture(
        "From 10 to 14 o'clock more of what people write is negative", "negative_share", "negative",
        [Incident(10, 14, mood=6.0)], _percent,
    ),
    "survey_drop": Picture(
        "From 8 to 16 o'clock more answers are negative", "negative_share", "negative",
        [Incident(8, 16, mood=6.0)], _percent, {"window": "2h"},
    ),
    "social_spike": Picture(
        "A campaign on the first day, a storm on the second", "posts", "posts in half an hour",
        [Incident(-14, -11, volume=2.5), Incident(10, 13, volume=2.5, mood=9.0)],
    ),
    "transaction_failure": Picture(
        "From 10 to 12 o'clock many more payments fail", "failures", "payments failed",
        [Incident(10, 12, volume=0.8, mood=10.0)], _percent,
    ),
    "feed_silence": Picture(
        "From 10 to 13 o'clock the feed is silent", "events", "events in half an hour", [Incident(10, 13, volume=0.0)]
    ),
}  # fmt: skip


class Played(NamedTuple):
    """What a detector said of the first group."""

    findings: list[Finding]
    changes: list[AlertChange]


def play(name: str, days: int) -> Played:
    """Let a detector see some days, in which the incidents fall on the last but one."""
    picture, world = PICTURES[name], WORLDS[name]
    rng = np.random.default_rng([5, len(name)])
    of = detector(name, alert_budget="1 per week", **picture.settings)
    hop_us, label = of.settings.spec().hop_us, of.settings.group_by[0]
    vectors, steps = world.vectors(world.events), seasonal(rng, GROUPS, DAY_US / hop_us)
    for _ in range(round(0.75 * DAY_US / hop_us)):  # so that noon is the busiest hour
        next(steps)
    state, played = of.state(), Played([], [])
    for number in range(days * DAY_US // hop_us):
        volumes, moods = next(steps)
        hour = (number * hop_us - (days - 2) * DAY_US) / HOUR_US
        for incident in picture.incidents:
            if incident.from_h <= hour < incident.to_h:
                volumes[0] *= incident.volume
                moods[0] += incident.mood
        rows = vectors(rng, volumes, moods, np.linspace(-1.0, 1.0, GROUPS)).tolist()
        now_us = START_US + (number + 1) * hop_us
        panes: Panes = [(now_us // hop_us - 1, (f"g{group}",), row) for group, row in enumerate(rows) if row[0]]
        outcome = state.update(panes, Progress(now_us, now_us))
        played.findings.extend(found for found in outcome.findings if found.group[label] == "g0")
        played.changes.extend(change for change in outcome.changes if change.labels[label] == "g0")
    return played


def _time(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def draw(name: str, folder: Path, days: int = 16) -> Path:
    """Draw the last three days of a detector, and return the file."""
    picture = PICTURES[name]
    played = play(name, days)
    from_us, to_us = START_US + (days - 3) * DAY_US, START_US + days * DAY_US
    shown = [found for found in played.findings if found.end_us > from_us]
    times = [_time(found.end_us) for found in shown]
    p_values = [math.nan if found.p_value is None else found.p_value for found in shown]
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9.0, 4.8), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    above.plot(times, _detail(shown, picture.view), color=BLUE, lw=1.4, label="observed")
    above.plot(times, _detail(shown, f"{picture.view}_baseline"), color=ORANGE, lw=1.6, ls="--", label="normal")
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: picture.text(value)))
    above.set_ylabel(picture.label)
    figure.suptitle(f"{name}: {picture.title}", x=0.01, ha="left", fontsize=11)
    below.plot(times, p_values, color=BLUE, lw=1.0, marker="o", ms=2.5, label="p-value")
    below.plot(times, [found.level for found in shown], color=GREEN, lw=1.6, label="alerts at or below")
    harmless = [found for found in shown if found.verdict == "harmless"]
    if harmless:
        below.plot(
            [_time(found.end_us) for found in harmless], [found.p_value for found in harmless], color=GREY, lw=0,
            marker="s", ms=6, mfc="none", label="harmless",
        )  # fmt: skip
    below.set_yscale("log")
    below.set_ylim(max(1e-14, np.nanmin(p_values) / 5), 3.0)
    below.invert_yaxis()
    below.set_ylabel("p (rarer is higher)")
    _mark_alerts(played.changes, (above, below), from_us, to_us)
    below.xaxis.set_major_locator(dates.HourLocator(byhour=(0, 6, 12, 18)))  # type: ignore[no-untyped-call]
    below.xaxis.set_major_formatter(FuncFormatter(_tick))
    below.set_xlim(_time(from_us), _time(to_us))
    for axes in (above, below):
        axes.grid(visible=True, color="#E6E6E6", lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), fontsize=8, ncols=4, frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
    return path


def _detail(findings: Sequence[Finding], name: str) -> list[float]:
    return [float(found.details.get(name, math.nan)) for found in findings]


def _tick(value: float, _position: int) -> str:
    at: datetime = dates.num2date(value)  # type: ignore[no-untyped-call]
    return f"{at:%H:%M}\n{at:%a}" if at.hour == 0 else f"{at:%H:%M}"


def _mark_alerts(changes: Sequence[AlertChange], axes: Sequence[Any], from_us: int, to_us: int) -> None:
    """Shade the time in which an alert is open."""
    open_us, labelled = None, False
    ends = [(change.at_us, change.status) for change in changes] + [(to_us, "resolved")]
    for at_us, status in ends:
        if status == "firing":
            open_us = at_us
        elif open_us is not None:
            if at_us > from_us:
                for one in axes:
                    label = None if labelled or one is not axes[0] else "alert"
                    one.axvspan(_time(max(from_us, open_us)), _time(at_us), color=RED, alpha=0.18, lw=0, label=label)
                labelled = True
            open_us = None


def main() -> None:
    """Draw all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", nargs="*", choices=[*PICTURES, []], help="default: all")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    for name in options.detector or PICTURES:
        draw(name, options.folder)


if __name__ == "__main__":
    main()
