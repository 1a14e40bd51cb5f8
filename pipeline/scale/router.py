"""Routes the events of one task: to the case shard of its number, and summed up to whoever judges the windows."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from detectors.contract import NEVER_US, Detector, Progress, WindowDetector
from detectors.events import Event
from pipeline.lane import PartitionKey
from pipeline.letters import origin
from pipeline.routing import CaseBatch, Chooser, Routed, split
from pipeline.rows import Rows, by_class
from pipeline.scale.ledger import Ledger
from pipeline.watermarks import Watermarks


def source_name(source: PartitionKey) -> str:
    """Return the name of a partition in messages.

    >>> source_name(("crm", "cases/3"))
    'crm/cases/3'
    """
    return f"{source[0]}/{source[1]}"


class TaskRouter:
    """The router of one task (the protocol is ``Router`` in ``pipeline.routing``).

    Args:
        detectors: by name.
        task: its number.
        events_topics: of feeds whose events intakes have sorted, the topic: what their upstream partitions have is told
            as one.
    """

    by_partition = True

    def __init__(
        self, detectors: Mapping[str, Detector], task: int, events_topics: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._task = task
        self._topics = events_topics
        self._over_us: dict[PartitionKey, int] = {}
        cases, self._window_detectors = split(detectors)
        self._cases = [(detector, Chooser(detector.event_types)) for detector in cases]
        self._waiting: list[list[Event]] = [[] for _ in cases]
        self._ledgers: dict[PartitionKey, list[Ledger]] = {}
        self._rows: dict[PartitionKey, Rows] = {}
        self._announced: Progress | None = None

    def _teller(self, source: PartitionKey) -> PartitionKey:
        """Return as what a partition tells of windows."""
        topic = self._topics.get(source[0])
        return source if topic is None else (source[0], f"{topic}/{self._task}")

    def _of(self, source: PartitionKey) -> list[Ledger]:
        source = self._teller(source)
        ledgers = self._ledgers.get(source)
        if ledgers is None:
            name = source_name(source)
            ledgers = self._ledgers[source] = [Ledger(detector, name) for detector in self._window_detectors]
            columnar = [(detector.event_types, ledger.columnar) for detector, ledger in self._named(ledgers)]
            self._rows[source] = Rows([(types, combiner) for types, combiner in columnar if combiner is not None])
        return ledgers

    def reads(self, source: PartitionKey, first: int, after: int) -> None:
        """Note that records of a partition are about to be read: from offset ``first`` to before ``after``."""
        for ledger in self._of(source):
            ledger.reads(first, after)

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Put events of one partition aside."""
        kinds = set(map(type, events))
        for (detector, chooser), waiting in zip(self._cases, self._waiting, strict=True):
            key_of = detector.key
            waiting += [event for event in chooser.choose(events, kinds) if key_of(event) is not None]
        if source[0] in self._topics:
            self._add_sorted(events, kinds, source)
            return
        self._add(events, kinds, source)

    def _add(self, events: Sequence[Event], kinds: set[type], source: PartitionKey) -> None:
        """Add events up, each looked at once for all window detectors that can have it so."""
        ledgers = self._of(source)
        by_kind = by_class(events)
        rows = self._rows[self._teller(source)]
        for kind, some in by_kind.items():
            rows.add(kind, some)
        for ledger in ledgers:
            if ledger.columnar is not None:
                ledger.noted(by_kind)
            else:
                ledger.add(events, kinds)

    def _add_sorted(self, events: Sequence[Event], kinds: set[type], source: PartitionKey) -> None:
        """Add events of an upstream partition up, without those of windows that it had passed itself.

        The ledger is that of all upstream partitions, and goes by the one that is furthest behind.
        """
        over_us = self._over_us.get(source, NEVER_US)
        if min(event.time_us for event in events) >= over_us:
            self._add(events, kinds, source)
            return
        for detector, ledger in zip(self._window_detectors, self._of(source), strict=True):
            layout, types = detector.layout, detector.event_types
            counting = [one for one in events if layout.first_end_us(one.time_us // layout.pane_us) > over_us]
            ledger.late += sum(one.type in types for one in events) - sum(one.type in types for one in counting)
            ledger.add(counting, kinds)

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        """Append what was put aside, and time for the case detectors; report what the partitions have for windows."""
        told = progress == self._announced
        self._announced = progress
        for index, (detector, _) in enumerate(self._cases):
            events = self._waiting[index]
            if events or not told:
                out.append(CaseBatch(detector.name, self._task, events, progress))
                self._waiting[index] = []
        for teller, watermark_us in self._reached(times, now_us).items():
            waited_for = origin(teller[0]) == teller[0]
            ledgers = self._of(teller)
            self._rows[teller].give()
            for ledger in ledgers:
                if waited_for or ledger.has_news:  # of requeued dead letters only the sums matter
                    out += ledger.report(watermark_us)

    def _reached(self, times: Watermarks, now_us: int | None) -> dict[PartitionKey, int]:
        """Return up to where each that tells of windows has come."""
        reached: dict[PartitionKey, int] = {}
        for source in times.partitions:
            watermark_us = times.partition_us(source, now_us)
            if source[0] in self._topics:
                self._over_us[source] = max(watermark_us, self._over_us.get(source, NEVER_US))
            teller = self._teller(source)
            reached[teller] = min(watermark_us, reached.get(teller, watermark_us))
        return reached

    def snapshot(self) -> object:
        """Return plain data for :meth:`restore`."""
        return [
            (*source, [(detector.name, ledger.snapshot()) for detector, ledger in self._named(ledgers)])
            for source, ledgers in sorted(self._ledgers.items())
        ]

    def _named(self, ledgers: list[Ledger]) -> list[tuple[WindowDetector, Ledger]]:
        return list(zip(self._window_detectors, ledgers, strict=True))

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned; a detector that is new begins without sums."""
        rows = msgspec.convert(state, type=list[tuple[str, str, list[tuple[str, list[object]]]]])
        self._ledgers = {}
        for feed, partition, saved in rows:
            by_name = dict(saved)
            for detector, ledger in self._named(self._of((feed, partition))):
                if detector.name in by_name:
                    ledger.restore(by_name[detector.name])
