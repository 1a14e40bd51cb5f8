"""The sums of one partition of a feed for one window detector, told as whole sums and never as changes.

What is told is a function of the partition's events alone, in their order: the sums of the first ``count`` of them. A
process that begins again from a snapshot tells the same again, whatever pieces it reads them in, and whoever listens
takes only what has a higher count than what it knows. So nothing is lost and nothing is added twice, without
transactions and without waiting for a snapshot.

That holds within one *life* of a ledger. One without a state begins a new life, and so does one that was given back an
old state whose next records are gone: their counts say nothing beside those of before.

An event of which the first window's end has been told as passed is late, and counts in no window.
"""

from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex

import msgspec
import structlog

from detectors.combine import PaneCombiner
from detectors.contract import NEVER_US, WindowDetector
from detectors.events import Event
from detectors.panes import Group, Pane, PaneLayout, Vector
from pipeline.routing import Chooser, PaneReport
from pipeline.scale import wire

_log = structlog.get_logger(__name__)


def new_life() -> str:
    """Return a name that no other life has."""
    return token_hex(8)


class LedgerState(msgspec.Struct, array_like=True):
    """What a ledger keeps over a restart."""

    layout: PaneLayout
    count: int
    late: int
    told_us: int
    told_count: int
    panes: list[Pane]
    life: str = ""
    begin: int | None = None
    end: int = 0


class Ledger:
    """What one partition has for one window detector.

    Args:
        detector: what it is for.
        source: the partition's name in messages.
        name_life: makes the name of a new life.

    Attributes:
        count: events given so far. ``late``: those of them that were late.
        life: within which the count goes on.
    """

    def __init__(self, detector: WindowDetector, source: str, name_life: Callable[[], str] = new_life) -> None:
        self.count = 0
        self.late = 0
        self.life = name_life()
        self._name_life = name_life
        self._detector = detector
        self._source = source
        self._chooser = Chooser(detector.event_types)
        self._combiner = detector.combiner()
        self._told_us = NEVER_US
        self._told_count = -1
        self._begin: int | None = None
        self._end = 0
        self._restored = False
        self._sums: dict[int, dict[Group, Vector]] = {}

    def reads(self, first: int, after: int) -> None:
        """Note that records of the partition are about to be read: from offset ``first`` to before ``after``."""
        if self._begin is None:
            self._begin = first
        if self._restored and first > self._end:
            # What stood between may have been counted in what was told before our state was put back.
            self.life = self._name_life()
        self._restored = False
        self._end = max(self._end, after)

    def add(self, events: Sequence[Event], kinds: set[type]) -> None:
        """Take events of the partition, in its order; ``kinds`` are all the classes among them."""
        chosen = self._chooser.choose(events, kinds)
        if chosen:
            self._combiner.add(chosen)
            self.count += len(chosen)

    @property
    def columnar(self) -> PaneCombiner | None:
        """What adds its events up, where it reads columns: then they may be noted for it, and :meth:`noted` be told."""
        combiner = self._combiner
        return combiner if isinstance(combiner, PaneCombiner) and combiner.fields is not None else None

    def noted(self, by_kind: Mapping[type, Sequence[Event]]) -> None:
        """Count events of the partition, by class, that were noted for its combiner."""
        self.count += sum([len(events) for kind, events in by_kind.items() if kind in self._chooser.classes])

    @property
    def has_news(self) -> bool:
        """Whether events were given since the last report."""
        return self.count > max(self._told_count, 0)

    def report(self, watermark_us: int) -> list[PaneReport]:
        """Return what is to be told now that the partition's time has come to ``watermark_us``; nothing: no news."""
        changed = self._take()
        watermark_us = max(watermark_us, self._told_us)
        if not changed and (watermark_us, self.count) == (self._told_us, self._told_count):
            return []
        self._told_us, self._told_count = watermark_us, self.count
        layout = self._detector.layout
        for pane in [pane for pane in self._sums if layout.first_end_us(pane) <= watermark_us]:
            del self._sums[pane]
        told = wire.Told(
            version=0,
            detector=self._detector.name,
            source=self._source,
            count=self.count,
            watermark_us=watermark_us,
            panes=b"",
            life=self.life,
            begin=self._begin or 0,
            end=self._end,
        )
        return [PaneReport(told.detector, told.source, message) for message in wire.encode(told, layout, changed)]

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
        told = self._told_us, self._told_count
        return LedgerState(
            self._detector.layout, self.count, self.late, *told, panes, self.life, self._begin, self._end
        )

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned; of other windows the open ones are left out, and begin anew."""
        kept = msgspec.convert(state, type=LedgerState)
        self.count, self.late, self._told_us, self._told_count = kept.count, kept.late, kept.told_us, kept.told_count
        self.life, self._begin, self._end = kept.life, kept.begin, kept.end
        self._restored = kept.begin is not None
        self._sums = {}
        if kept.layout != self._detector.layout:
            gone = len(kept.panes)
            _log.warning("windows.begin_anew", detector=self._detector.name, source=self._source, left_out=gone)
            return
        for pane, group, vector in kept.panes:
            self._sums.setdefault(pane, {})[group] = vector
