"""What one shard of a case detector concludes, for one window detector: told a pane at a time, when it is complete.

Within the panes that the shard's watermark has passed nothing changes any more: a conclusion that late knowledge adds
to one of them is late, and counts nowhere. So a pane has the same sums however often, and in whatever pieces, a process
that began again tells them; messages are numbered by the end of their pane, and whoever listens takes those with a
higher number than it knows. Where nothing was concluded, the messages say so: time passes for whoever listens.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from detectors.contract import NEVER_US, WindowDetector
from detectors.events import Event
from detectors.panes import Group, Pane, PaneLayout, Vector
from pipeline.routing import Chooser, PaneReport
from pipeline.scale import wire

_log = structlog.get_logger(__name__)


class ConclusionsState(msgspec.Struct, array_like=True):
    """What is kept over a restart: ``end_us``, before which panes are complete, and the sums of those that are not."""

    listener: str
    layout: PaneLayout
    end_us: int
    late: int
    panes: list[Pane]


class Conclusions:
    """What one shard has for one listener.

    Args:
        listener: the window detector.
        source: name of the shard.

    Attributes:
        listener: name of the window detector.
        late: conclusions that came after their pane was complete.
    """

    def __init__(self, listener: WindowDetector, source: str) -> None:
        self.late = 0
        self.listener = listener.name
        self._listener = listener
        self._source = source
        self._chooser = Chooser(listener.event_types)
        self._combiner = listener.combiner()
        self._end_us = NEVER_US
        self._sums: dict[int, dict[Group, Vector]] = {}

    def take(self, derived: Sequence[Event], watermark_us: int) -> list[PaneReport]:
        """Take what an update of the shard concluded; return what is complete now that its time has come so far."""
        if derived:
            self._add(derived)
        pane_us = self._listener.layout.pane_us
        end_us = watermark_us // pane_us * pane_us
        if end_us <= self._end_us or watermark_us == NEVER_US:
            return []
        self._end_us = end_us
        complete = sorted(pane for pane in self._sums if (pane + 1) * pane_us <= end_us)
        reports = [
            report
            for pane in complete
            for report in self._report(
                (pane + 1) * pane_us, [(pane, group, sums) for group, sums in sorted(self._sums.pop(pane).items())]
            )
        ]
        if not complete or (complete[-1] + 1) * pane_us < end_us:
            reports += self._report(end_us, [])
        return reports

    def _add(self, derived: Sequence[Event]) -> None:
        chosen = self._chooser.choose(derived, set(map(type, derived)))
        if not chosen:
            return
        self._combiner.add(chosen)
        for pane, group, vector in self._combiner.take():
            if (pane + 1) * self._listener.layout.pane_us <= self._end_us:
                self.late += vector[0]
                continue
            groups = self._sums.setdefault(pane, {})
            known = groups.get(group)
            groups[group] = vector if known is None else [old + new for old, new in zip(known, vector, strict=True)]

    def _report(self, end_us: int, panes: list[Pane]) -> list[PaneReport]:
        told = wire.Told(
            version=0,
            detector=self._listener.name,
            source=self._source,
            count=end_us - NEVER_US,  # not the number of the pane, whose length may change with the settings
            watermark_us=end_us,
            panes=b"",
        )
        messages = wire.encode(told, self._listener.layout, panes)
        return [PaneReport(told.detector, told.source, message) for message in messages]

    def snapshot(self) -> ConclusionsState:
        """Return plain data for :meth:`restore`."""
        panes = [(pane, group, vector) for pane, groups in self._sums.items() for group, vector in groups.items()]
        return ConclusionsState(self._listener.name, self._listener.layout, self._end_us, self.late, panes)

    def restore(self, kept: ConclusionsState) -> None:
        """Take over what :meth:`snapshot` returned; of other windows the open panes are left out, and begin anew."""
        self._end_us, self.late = kept.end_us, kept.late
        self._sums = {}
        if kept.layout != self._listener.layout:
            details: dict[str, Any] = {"detector": self._listener.name, "source": self._source}
            _log.warning("windows.begin_anew", left_out=len(kept.panes), **details)
            return
        for pane, group, vector in kept.panes:
            self._sums.setdefault(pane, {})[group] = vector
