"""The sums of one partition of a feed for one window detector, told as whole sums and never as changes.

What is told is a function of the partition's events alone, in their order: the sums of the first ``count`` of them. A
process that begins again from a snapshot tells the same again, whatever pieces it reads them in, and whoever listens
takes only what has a higher count than what it knows. So nothing is lost and nothing is added twice, without
transactions and without waiting for a snapshot.

An event of which the first window's end has been told as passed is late, and counts in no window.
"""

from collections.abc import Sequence

import msgspec
import structlog

from detectors.contract import NEVER_US, WindowDetector
from detectors.events import Event
from detectors.panes import Group, Pane, PaneLayout, Vector
from pipeline.routing import Chooser, PaneReport
from pipeline.scale import wire

LedgerState = tuple[PaneLayout, int, int, int, int, list[Pane]]
_log = structlog.get_logger(__name__)


class Ledger:
    """What one partition has for one window detector.

    Args:
        detector: what it is for.
        source: the partition's name in messages.

    Attributes:
        count: events given so far. ``late``: those of them that were late.
    """

    def __init__(self, detector: WindowDetector, source: str) -> None:
        self.count = 0
        self.late = 0
        self._detector = detector
        self._source = source
        self._chooser = Chooser(detector.event_types)
        self._combiner = detector.combiner()
        self._told_us = NEVER_US
        self._told_count = -1
        self._sums: dict[int, dict[Group, Vector]] = {}

    def add(self, events: Sequence[Event], kinds: set[type]) -> None:
        """Take events of the partition, in its order; ``kinds`` are all the classes among them."""
        chosen = self._chooser.choose(events, kinds)
        if chosen:
            self._combiner.add(chosen)
            self.count += len(chosen)

    def report(self, watermark_us: int) -> PaneReport | None:
        """Return what is to be told now that the partition's time has come to ``watermark_us``; None: nothing new."""
        changed = self._take()
        watermark_us = max(watermark_us, self._told_us)
        if not changed and (watermark_us, self.count) == (self._told_us, self._told_count):
            return None
        self._told_us, self._told_count = watermark_us, self.count
        layout = self._detector.layout
        for pane in [pane for pane in self._sums if layout.first_end_us(pane) <= watermark_us]:
            del self._sums[pane]
        name = self._detector.name
        return PaneReport(
            name, self._source, wire.encode(name, self._source, self.count, watermark_us, layout, changed)
        )

    def _take(self) -> list[Pane]:
        """Add what the combiner has to the sums; return the sums that changed."""
        changed: list[Pane] = []
        layout = self._detector.layout
        for pane, group, vector in self._combiner.take():
            if layout.first_end_us(pane) <= self._told_us:
                self.late += vector[0]
                continue
            groups = self._sums.setdefault(pane, {})
            known = groups.get(group)
            groups[group] = vector if known is None else [old + new for old, new in zip(known, vector, strict=True)]
            changed.append((pane, group, groups[group]))
        return changed

    def snapshot(self) -> LedgerState:
        """Return plain data for :meth:`restore`. Everything must have been reported."""
        panes = [(pane, group, vector) for pane, groups in self._sums.items() for group, vector in groups.items()]
        return self._detector.layout, self.count, self.late, self._told_us, self._told_count, panes

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned; of other windows the open ones are left out, and begin anew."""
        layout, self.count, self.late, self._told_us, self._told_count, panes = msgspec.convert(state, type=LedgerState)
        self._sums = {}
        if layout != self._detector.layout:
            _log.warning("windows.begin_anew", detector=self._detector.name, source=self._source, left_out=len(panes))
            return
        for pane, group, vector in panes:
            self._sums.setdefault(pane, {})[group] = vector
