"""What the running flow says about itself: counts, time, and the state of each feed."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from detectors.contract import NEVER_US
from detectors.models.text.version import Header
from pipeline.control.verdicts import Judged
from pipeline.disk import Room
from pipeline.feeds.contract import Explaining, Feed, Lagging, Skipping, Status
from pipeline.findings.counts import FindingCounts
from pipeline.kpis import Kpis
from pipeline.lane import PartitionKey
from pipeline.liveness import Liveness
from pipeline.quality import Quality
from pipeline.scale.inbox import WindowTime
from pipeline.scale.panes_health import PanesHealth
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime

STALE_AFTER_US = 30_000_000
"""A flow that has not looked for records for this long (its store may be away) is not healthy."""


class FeedHealth(msgspec.Struct, frozen=True):
    """The state of a feed.

    Attributes:
        why: why it is not healthy, for people to read; empty while it is.
        bad_share: of its last records; None while there are too few.
    """

    why: str
    bad_share: float | None


class FlowHealth:
    """Read by the HTTP server and the metrics while the flow runs in another thread.

    Args:
        clock_s: a monotonic clock in seconds, for liveness: the wall clock may be set.

    Attributes:
        liveness: whether the process goes on at all.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.liveness = Liveness(clock_s)
        self._lock = threading.Lock()
        self._tallies: Tallies | None = None
        self._beat_us = NEVER_US
        self._partitions: Callable[[], Mapping[PartitionKey, PartitionTime]] = dict
        self._windows: Callable[[], Mapping[str, WindowTime]] = dict
        self._panes: Callable[[], PanesHealth] = PanesHealth
        self._feeds: Mapping[str, Feed] = {}
        self._limits: Mapping[str, float] = {}
        self._waits: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._rooms: Callable[[], Sequence[Room]] = list
        self._clock_off_us: Callable[[], int] = int
        self._findings: FindingCounts | None = None
        self._kpis: Kpis | None = None
        self._pruned: Callable[[], Mapping[str, Mapping[str, int]]] = dict
        self._judged: Callable[[], Judged] = lambda: Judged({}, {}, {})
        self._sentiment: Callable[[], Header | None] = _no_version

    def attach(
        self,
        tallies: Tallies,
        partitions: Callable[[], Mapping[PartitionKey, PartitionTime]],
        windows: Callable[[], Mapping[str, WindowTime]] = dict,
        panes: Callable[[], PanesHealth] = PanesHealth,
    ) -> None:
        """Say where the figures are.

        Args:
            tallies: the counts.
            partitions: of the feeds.
            windows: of the detectors whose windows other processes hold open too.
            panes: what is wrong with the messages between processes.
        """
        with self._lock:
            self._tallies, self._partitions, self._windows, self._panes = tallies, partitions, windows, panes

    def watch(self, feeds: Mapping[str, Feed], max_bad_shares: Mapping[str, float]) -> None:
        """Say which feeds there are, and how many of the records of each may be bad."""
        with self._lock:
            self._feeds, self._limits = dict(feeds), dict(max_bad_shares)

    def count_pruned(self, pruned: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Say where it is counted which dead letters were deleted, by feed and reason. May be asked in any thread."""
        with self._lock:
            self._pruned = pruned

    def count_findings(self, counts: FindingCounts) -> None:
        """Say where findings are counted."""
        with self._lock:
            self._findings = counts

    def watch_kpis(self, kpis: Kpis) -> None:
        """Say where the figures of service recovery are counted."""
        with self._lock:
            self._kpis = kpis

    def kpis(self) -> Kpis | None:
        """Return the figures of service recovery; None before the flow has started."""
        return self._kpis

    def findings(self) -> FindingCounts | None:
        """Return the counts of findings; None before the flow has started."""
        return self._findings

    def watch_judged(self, judged: Callable[[], Judged]) -> None:
        """Say where it is told what is known of false alarms. May be asked in any thread."""
        with self._lock:
            self._judged = judged

    def judged(self) -> Judged:
        """Return what is known of the false alarms of the detectors that this process decides for."""
        return self._judged()

    def waits(self, what: str, why: str | None) -> None:
        """Note that the flow waits for something, and why; None: no more."""
        self.liveness.waits(what, why)
        with self._lock:
            waits = {name: reason for name, reason in self._waits.items() if name != what}
            self._waits = waits if why is None else {**waits, what: why}

    def troubles(self, what: str, why: str | None) -> None:
        """Note that something is wrong that holds nothing up, and what; None: no more."""
        with self._lock:
            troubles = {name: reason for name, reason in self._troubles.items() if name != what}
            self._troubles = troubles if why is None else {**troubles, what: why}

    def watch_machine(self, rooms: Callable[[], Sequence[Room]], clock_off_us: Callable[[], int]) -> None:
        """Say where the room on the disks and the jumps of the system's clock are told. Asked in any thread."""
        with self._lock:
            self._rooms, self._clock_off_us = rooms, clock_off_us

    def watch_sentiment(self, in_force: Callable[[], Header | None]) -> None:
        """Say where the version of the text model is told that is in force. May be asked in any thread."""
        with self._lock:
            self._sentiment = in_force

    def sentiment(self) -> Header | None:
        """Return what the version of the text model that is in force says of itself; None: there is none."""
        return self._sentiment()

    def rooms(self) -> Sequence[Room]:
        """Return the room on the disks that the flow writes to."""
        return self._rooms()

    def clock_off_us(self) -> int:
        """Return how far the system's clock is ahead of the flow's since it jumped, in microseconds."""
        return self._clock_off_us()

    def pruned(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many dead letters were deleted for their age or for want of room, by feed and reason."""
        return self._pruned()

    def beat(self, now_us: int) -> None:
        """Note that the flow looked for records at this time of a clock in microseconds that is never set."""
        self._beat_us = now_us
        self.liveness.beat()

    @property
    def tallies(self) -> Tallies | None:
        """The flow's counts; None before it has started."""
        return self._tallies

    def partitions(self) -> dict[PartitionKey, PartitionTime]:
        """Return a copy of the partitions' state."""
        return dict(self._partitions())

    def windows(self) -> dict[str, WindowTime]:
        """Return how far the windows of each detector are that are put together from several processes."""
        return dict(self._windows())

    def panes(self) -> PanesHealth:
        """Return what is wrong with the messages between processes."""
        return self._panes()

    def lag(self) -> dict[PartitionKey, int]:
        """Return how many records each partition is behind, where its feed knows."""
        return {
            (name, partition): records
            for name, feed in self._feeds.items()
            if isinstance(feed, Lagging)
            for partition, records in feed.lag().items()
        }

    def skipped(self) -> dict[PartitionKey, int]:
        """Return how many records of each partition were deleted before they were read, where its feed knows."""
        return {
            (name, partition): records
            for name, feed in self._feeds.items()
            if isinstance(feed, Skipping)
            for partition, records in dict(feed.skipped).items()
        }

    def feeds(self) -> dict[str, FeedHealth]:
        """Return the state of the feeds of the settings."""
        tallies = self._tallies
        if tallies is None:
            return {}
        unreachable = self._unreachable()
        states = {}
        for name, limit in self._limits.items():
            quality = tallies.quality.get(name)
            share = None if quality is None else quality.share
            said = []
            parts = {partition: why for (feed, partition), why in unreachable.items() if feed == name}
            if parts:
                first = min(parts)
                said.append(f"{len(parts)} partition(s) unreachable, {first}: {parts[first] or 'no reason given'}")
            if quality is not None and share is not None and share > limit:
                said.append(_too_many(quality, share, limit))
            states[name] = FeedHealth("; ".join(said), share)
        return states

    def _unreachable(self) -> dict[PartitionKey, str]:
        """Return the partitions that cannot be reached, each with the reason, empty where none is known."""
        parts = [key for key, part in sorted(self.partitions().items()) if part.status is Status.UNREACHABLE]
        whys = {
            name: feed.why_unreachable()
            for name, feed in self._feeds.items()
            if isinstance(feed, Explaining) and any(key[0] == name for key in parts)
        }
        return {(feed, partition): whys.get(feed, {}).get(partition, "") for feed, partition in parts}

    def report(self, now_us: int) -> tuple[bool, dict[str, object]]:
        """Return whether the flow is healthy, and the evidence as plain data.

        Healthy: it has started, it looked for records lately, waits for nothing and has no trouble, every feed can be
        reached, and gives few enough bad records.

        Args:
            now_us: by the clock of :meth:`beat`.
        """
        tallies = self._tallies
        if tallies is None:
            return False, {"flow": "starting", "waits": dict(self._waits)}
        unreachable = self._unreachable()
        unhealthy = {name: state.why for name, state in sorted(self.feeds().items()) if state.why}
        panes = self.panes()
        troubles = {**self._troubles, **({"panes": "; ".join(panes.why())} if panes.why() else {})}
        fresh = now_us - self._beat_us <= STALE_AFTER_US
        watermark_us = tallies.progress.watermark_us
        report: dict[str, object] = {
            "flow": "running" if fresh else "stalled",
            "waits": dict(self._waits),
            "troubles": troubles,
            "disks": [
                {"folder": str(room.folder), "free_bytes": room.free_bytes, "needed_bytes": room.needed_bytes}
                for room in self.rooms()
            ],
            "unreachable": [_name(key) for key in unreachable],
            "unhealthy": unhealthy,
            "feeds": self._told(unreachable),
            "windows": {name: _window(time) for name, time in sorted(self.windows().items())},
            "watermark": None if watermark_us == NEVER_US else watermark_us / 1e6,
            "events": tallies.events,
            "duplicates": tallies.duplicates,
            "late": tallies.late,
            "dead_letters": tallies.dead_letter_count,
        }
        well = fresh and not self._waits and not troubles and not unreachable and not unhealthy
        return well, report

    def _told(self, unreachable: Mapping[PartitionKey, str]) -> dict[str, dict[str, object]]:
        lag, skipped = self.lag(), self.skipped()
        told: dict[str, dict[str, object]] = {}
        for key, part in sorted(self.partitions().items()):
            row: dict[str, object] = {
                "status": part.status.value,
                "newest": None if part.newest_us == NEVER_US else part.newest_us / 1e6,
                "events": part.events,
            }
            if key in lag:
                row["lag"] = lag[key]
            if key in skipped:
                row["skipped"] = skipped[key]
            if unreachable.get(key):
                row["why"] = unreachable[key]
            told[_name(key)] = row
        return told


def _no_version() -> None:
    """Return that there is no version of a text model."""


def _window(time: WindowTime) -> dict[str, object]:
    return {
        "judged_until": None if time.watermark_us == NEVER_US else time.watermark_us / 1e6,
        "held_back_seconds": None if time.held_back_us is None else time.held_back_us / 1e6,
        "held_by": time.held_by,
    }


def _name(key: PartitionKey) -> str:
    return "/".join(key)


def _too_many(quality: Quality, share: float, limit: float) -> str:
    reasons = ", ".join(f"{reason} ({count})" for reason, count in list(quality.reasons().items())[:3])
    return (
        f"{share:.0%} of the last {quality.records} records are bad, more than max_bad_share ({limit:.0%}): {reasons}"
    )
