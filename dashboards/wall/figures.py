"""Figures of service recovery: how long it takes, who comes back, how people feel, what was promised. Pure.

Each is known, or said to be unknown: never shown as zero because nothing came.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from alerts.statuses import Status
from config.settings import Settings
from dashboards.wall.model import Figure
from dashboards.wall.rows import Open

_NOBODY = "not watched: no detector"
_NO_DATA = "no data now"


def figures_of(settings: Settings, found: Sequence[Open], flows: Sequence[Status], *, blind: bool) -> list[Figure]:
    """Return the figures.

    Args:
        settings: name the detectors.
        found: what is open.
        flows: flow processes that are believed.
        blind: nothing that is judged is of now.
    """
    kinds = {getattr(entry, "type", "") for entry in settings.detectors.values()}
    windows = [] if blind else [one for flow in flows for one in flow.report.get("windows_judged", ())]
    firing = {one.alert.labels.get("detector", "") for one in found}
    return [
        _measured("Time to resolve", "resolution_lag", settings, windows, firing),
        _counted("Repeat contacts", "repeat_contact", kinds, found, blind=blind),
        _measured("Sentiment", "sentiment_drop", settings, windows, firing),
        _promises(kinds, found, blind=blind),
    ]


def span_text(seconds: float) -> str:
    """Return a time that something took.

    >>> span_text(40), span_text(100), span_text(12_240), span_text(300_000)
    ('40 s', '2 min', '3.4 h', '3.5 d')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3_600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def _measured(title: str, kind: str, settings: Settings, windows: Iterable[dict[str, Any]], firing: set[str]) -> Figure:
    entries = {name: entry for name, entry in settings.detectors.items() if getattr(entry, "type", "") == kind}
    if not entries:
        return Figure(name=title, value="", note=_NOBODY, state="off")
    current = _current([one for one in windows if one["detector"] in entries])
    weight = sum(one["count"] for one in current)
    if not weight:
        return Figure(name=title, value="", note=_NO_DATA, state="unknown")
    value = math.fsum(one["count"] * one["value"] for one in current) / weight
    usual = math.fsum(one["count"] * one["baseline"] for one in current) / weight
    first = next(iter(entries.values()))
    say = _span if kind == "resolution_lag" else _share if _tells_share(first) else _mean
    return Figure(
        name=title,
        value=say(value),
        note=f"usually {say(usual).removesuffix(' bad')}",
        state="worse" if kind in firing else "known",
    )


def _current(windows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the windows with a figure, of groups that their detector still looks at."""
    last: dict[str, int] = {}
    for one in windows:
        last[one["detector"]] = max(last.get(one["detector"], one["end_us"]), one["end_us"])
    return [
        one
        for one in windows
        if one["end_us"] == last[one["detector"]]
        and one["count"]
        and one["value"] is not None
        and one["baseline"] is not None
    ]


def _counted(title: str, kind: str, kinds: set[str], found: Iterable[Open], *, blind: bool) -> Figure:
    if kind not in kinds:
        return Figure(name=title, value="", note=_NOBODY, state="off")
    if blind:
        return Figure(name=title, value="", note=_NO_DATA, state="unknown")
    mine = [one for one in found if one.alert.labels.get("detector") == kind]
    owned = sum(bool(one.owner) for one in mine)
    return Figure(name=title, value=f"{len(mine):,}", note=f"{owned:,} in hand", state="known")


def _promises(kinds: set[str], found: Iterable[Open], *, blind: bool) -> Figure:
    title = "Promises at risk"
    if "sla_breach" not in kinds:
        return Figure(name=title, value="", note=_NOBODY, state="off")
    if blind:
        return Figure(name=title, value="", note=_NO_DATA, state="unknown")
    names = [one.alert.labels.get("alertname") for one in found if one.alert.labels.get("detector") == "sla_breach"]
    at_risk, broken = names.count("SlaAtRisk"), names.count("SlaBreach")
    return Figure(name=title, value=f"{at_risk:,}", note=f"{broken:,} broken", state="worse" if broken else "known")


def _tells_share(entry: object) -> bool:
    views: Sequence[str] = getattr(entry, "views", ())
    return bool(views) and views[0] == "negative_share"


def _span(log_seconds: float) -> str:
    return span_text(math.expm1(log_seconds))


def _share(value: float) -> str:
    return f"{100 * value:.0f} % bad"


def _mean(value: float) -> str:
    return f"{value:+.2f}"
