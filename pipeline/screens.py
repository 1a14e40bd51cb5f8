"""What a flow process says of itself for screens: its health, the state of each feed, and the newest windows."""

from collections.abc import Callable
from typing import Any

from detectors.contract import NEVER_US, Finding
from pipeline.feeds.contract import Share
from pipeline.health import FlowHealth
from pipeline.places import places
from pipeline.watermarks import PartitionTime

MOST_WINDOWS = 300
"""Groups whose newest window is told, the most unusual first."""


class FlowReport:
    """Made anew whenever it is called, in one thread.

    Args:
        health: of the flow.
        share: of this process.
        steady_us: the clock of the health.
        now_us: the time of day, microseconds UTC.
    """

    def __init__(
        self, health: FlowHealth, share: Share, *, steady_us: Callable[[], int], now_us: Callable[[], int]
    ) -> None:
        self._health = health
        self._share = share
        self._steady_us = steady_us
        self._now_us = now_us
        self._seen: dict[str, tuple[int, int]] = {}

    def __call__(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the flow is well, and the evidence as plain data."""
        well, report = self._health.report(self._steady_us())
        states = self._health.feeds()
        parts: dict[str, list[PartitionTime]] = {name: [] for name in states}
        for (feed, _), part in self._health.partitions().items():
            parts.setdefault(feed, []).append(part)
        tallies = self._health.tallies
        letters = {} if tallies is None else tallies.dead_letters
        report["share"] = f"{self._share.index}/{self._share.of}"
        report["by_feed"] = {
            name: {
                **self._told(name, of_feed),
                "why": states[name].why if name in states else "",
                "bad_share": states[name].bad_share if name in states else None,
                "dead_letters": dict(letters.get(name, {})),
            }
            for name, of_feed in sorted(parts.items())
        }
        kpis = self._health.kpis()
        newest = [] if kpis is None else kpis.latest.newest()
        report["windows_judged"] = [_window(one) for one in newest[:MOST_WINDOWS]]
        report["places"] = places(newest)
        return well, report

    def _told(self, name: str, parts: list[PartitionTime]) -> dict[str, Any]:
        """Return what one feed is like. When it gave something last is seen here: its own clock may be another."""
        events = sum(part.events for part in parts)
        now_us = self._now_us()
        before, at_us = self._seen.get(name, (0, 0))
        if events != before:
            at_us = now_us
        self._seen[name] = events, at_us
        newest = max((part.newest_us for part in parts), default=NEVER_US)
        idle = max((part.idle_after_us for part in parts), default=0)
        return {
            "partitions": len(parts),
            "statuses": sorted({part.status.value for part in parts}),
            "events": events,
            "last_at_us": at_us or None,
            "newest_us": None if newest == NEVER_US else newest,
            "idle_after_us": idle or None,
        }


def _window(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "group": finding.group,
        "end_us": finding.end_us,
        "count": finding.count,
        "value": finding.value,
        "baseline": finding.baseline,
        "p_value": finding.p_value,
        "verdict": finding.verdict,
    }
