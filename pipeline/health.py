"""What the running flow says about itself: counts, time, and the state of each feed."""

import threading
from collections.abc import Callable, Mapping

from detectors.contract import NEVER_US
from pipeline.feeds.contract import Status
from pipeline.lane import PartitionKey
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime

STALE_AFTER_US = 30_000_000
"""A flow that has not looked for records for this long (its store may be away) is not healthy."""


class FlowHealth:
    """Read by the HTTP server and the metrics while the flow runs in another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: Tallies | None = None
        self._beat_us = NEVER_US
        self._partitions: Callable[[], Mapping[PartitionKey, PartitionTime]] = dict

    def attach(self, tallies: Tallies, partitions: Callable[[], Mapping[PartitionKey, PartitionTime]]) -> None:
        """Say where the figures are."""
        with self._lock:
            self._tallies, self._partitions = tallies, partitions

    def beat(self, now_us: int) -> None:
        """Note that the flow looked for records at this time of the wall clock."""
        self._beat_us = now_us

    @property
    def tallies(self) -> Tallies | None:
        """The flow's counts; None before it has started."""
        return self._tallies

    def partitions(self) -> dict[PartitionKey, PartitionTime]:
        """Return a copy of the partitions' state."""
        return dict(self._partitions())

    def report(self, now_us: int) -> tuple[bool, dict[str, object]]:
        """Return whether the flow is healthy, and the evidence as plain data.

        Healthy: it has started, it looked for records lately, and every feed can be reached.
        """
        tallies = self._tallies
        if tallies is None:
            return False, {"flow": "starting"}
        feeds = {
            f"{feed}/{partition}": {
                "status": part.status.value,
                "newest": None if part.newest_us == NEVER_US else part.newest_us / 1e6,
                "events": part.events,
            }
            for (feed, partition), part in sorted(self.partitions().items())
        }
        unreachable = [
            f"{feed}/{name}" for (feed, name), part in self.partitions().items() if part.status is Status.UNREACHABLE
        ]
        fresh = now_us - self._beat_us <= STALE_AFTER_US
        watermark_us = tallies.progress.watermark_us
        report: dict[str, object] = {
            "flow": "running" if fresh else "stalled",
            "unreachable": sorted(unreachable),
            "feeds": feeds,
            "watermark": None if watermark_us == NEVER_US else watermark_us / 1e6,
            "events": tallies.events,
            "duplicates": tallies.duplicates,
            "late": tallies.late,
            "dead_letters": tallies.dead_letter_count,
        }
        return fresh and not unreachable, report
