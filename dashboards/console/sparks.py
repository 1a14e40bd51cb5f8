"""Small lines beside rows: the last values of the window that an alert is about, out of the findings of the flow.

Read in a thread, at most once in a while for each series. A row without a series has no line.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import anyio
import anyio.to_thread

from config.durations import US_PER_SECOND
from config.settings import Settings
from dashboards.console.evidence import deciding
from dashboards.console.groups import Group
from detectors.contract import Finding
from detectors.wording import scored_views
from pipeline.findings.places import findings_paths
from pipeline.findings.query import UnreadableError, opened

POINTS = 24
KEPT_US = 20 * US_PER_SECOND
_WIDTH, _HEIGHT, _EDGE = 96.0, 24.0, 3.0
_MOST_KEPT = 2000
Key = tuple[str, tuple[tuple[str, str], ...]]


class Spark(NamedTuple):
    """A line, as SVG has it.

    Attributes:
        points: of a path in a box of 96 by 24, with gaps where nothing was scored. last: where it ends.
        label: in words.
    """

    points: str
    last: tuple[str, str]
    label: str


class Sparks:
    """Keeps lines that were read. Used on the event loop's thread.

    Args:
        settings: name the detectors and the folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by = {name: tuple(getattr(one, "group_by", None) or ()) for name, one in settings.detectors.items()}
        self._kept: dict[Key, tuple[int, Spark | None]] = {}
        self._lock = anyio.Lock()

    async def of(self, groups: Iterable[Group], now_us: int) -> dict[str, Spark]:
        """Return the lines of groups that have one, by key."""
        keys = {group.key: key for group in groups if (key := self._key(group.head.alert.labels)) is not None}
        if not keys:
            return {}
        async with self._lock:
            old = {key for key in keys.values() if not self._fresh(key, now_us)}
            if old:
                if len(self._kept) > _MOST_KEPT:
                    self._kept.clear()
                found = await anyio.to_thread.run_sync(self._read, sorted(old))
                self._kept.update({key: (now_us, found.get(key)) for key in old})
        lines = {name: self._kept[key][1] for name, key in keys.items() if key in self._kept}
        return {name: line for name, line in lines.items() if line is not None}

    def _fresh(self, key: Key, now_us: int) -> bool:
        kept = self._kept.get(key)
        return kept is not None and 0 <= now_us - kept[0] < KEPT_US

    def _key(self, labels: Mapping[str, str]) -> Key | None:
        name = labels.get("rule") or labels.get("detector", "")
        by = self._by.get(name)
        return None if not by else (name, tuple((label, labels.get(label, "")) for label in by))

    def _read(self, keys: Sequence[Key]) -> dict[Key, Spark]:
        paths = findings_paths(self._settings)
        found: dict[Key, Spark] = {}
        if not paths:
            return found
        try:
            with opened(paths) as findings:
                series = findings.newest([(name, dict(group)) for name, group in keys], POINTS)
        except (UnreadableError, sqlite3.Error, OSError):
            return found  # rows are shown without lines
        for key, windows in zip(keys, series, strict=True):
            line = drawn(values_of(windows))
            if line is not None:
                found[key] = line
        return found


def values_of(windows: Sequence[Finding]) -> list[float | None]:
    """Return what one view showed in each window: the one that was the most unusual in any of them.

    The value of a finding may be of another view in each window: a line of shares and numbers would mean nothing.
    """
    scored = [one for one in windows if one.p_value is not None and deciding(one)]
    if not scored:
        return []
    view = deciding(min(scored, key=lambda one: (one.p_value, one.end_us)))
    seen = [scored_views(one.details).get(view) for one in windows]
    return [None if one is None else one.value for one in seen]


def drawn(values: Sequence[float | None]) -> Spark | None:
    """Return the line of some values, oldest first; None where there are less than two."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return None
    numbers = [value for _, value in known]
    low, high = min(numbers), max(numbers)
    reach = (high - low) or 1.0
    step = (_WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
    points = [
        (f"{_EDGE + place * step:.1f}", f"{_HEIGHT - _EDGE - (value - low) / reach * (_HEIGHT - 2 * _EDGE):.1f}")
        for place, value in known
    ]
    label = f"last {len(known)} windows: from {low:.3g} to {high:.3g}, now {numbers[-1]:.3g}"
    places = [place for place, _ in known]
    parts = [
        f"{'L' if before == place - 1 else 'M'}{x},{y}"  # a gap is a gap
        for before, place, (x, y) in zip([-2, *places], places, points, strict=False)
    ]
    return Spark(" ".join(parts), points[-1], label)
