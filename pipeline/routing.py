"""Where events go from prepare: to the shards of case detectors, and summed up to window detectors."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from zlib import crc32

import msgspec

from detectors.combine import PaneCombiner
from detectors.contract import CaseDetector, Combiner, Detector, Progress, WindowDetector
from detectors.control import Control
from detectors.events import ALL_CLASSES, Event
from detectors.keys import KeyOf, key_for
from detectors.packed import FIELDS, NUMBERS
from detectors.panes import Panes
from detectors.quiet import Quiet
from pipeline.columns.events import EventColumns
from pipeline.columns.wants import Wants
from pipeline.lane import PartitionKey
from pipeline.letters import DeadLetter
from pipeline.listening import is_listener
from pipeline.quiet import QuietSpreader
from pipeline.rows import Rows, by_class
from pipeline.watermarks import Watermarks


class CaseBatch(msgspec.Struct, gc=False):
    """Events of one shard of a case detector, those that are quiet apart, and how far time has come after them."""

    detector: str
    shard: int
    events: list[Event]
    progress: Progress
    quiet: list[Quiet] = []


class PaneBatch(msgspec.Struct, gc=False):
    """Partial aggregates for a window detector, and how far time has come after them."""

    detector: str
    panes: Panes
    progress: Progress


class PaneReport(msgspec.Struct, gc=False):
    """What a partition, or a shard of a case detector, has for a window detector: a message for the topic of panes."""

    detector: str
    source: str
    message: bytes


class ControlBatch(msgspec.Struct, gc=False):
    """Controls for a window detector, in the order of their log."""

    detector: str
    controls: list[Control]


Routed = CaseBatch | PaneBatch | PaneReport | ControlBatch | DeadLetter


class Router(Protocol):
    """Puts events aside for their detectors, and hands them out with the time that has come after them."""

    @property
    def by_partition(self) -> bool:
        """Whether it must be told of which partition events are; else events of several may be put aside at once."""
        ...

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Put aside events of one partition, in its order, or of several of which ``source`` is the first."""
        ...

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        """Append to ``out`` what was put aside; carry time also to detectors that get nothing."""
        ...

    def snapshot(self) -> object:
        """Return plain data for :meth:`restore`. Called when everything has been handed out."""
        ...

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned."""
        ...


class Chooser:
    """Finds the events that a detector wants.

    >>> sorted(kind.type for kind in Chooser(frozenset({"social.post"})).classes)
    ['social.post']
    """

    def __init__(self, event_types: frozenset[str]) -> None:
        self.classes = frozenset(ALL_CLASSES[name] for name in event_types)

    def choose(self, events: Sequence[Event], kinds: set[type]) -> Sequence[Event]:
        """Return the wanted ones; ``kinds`` are all the classes among ``events``."""
        classes = self.classes
        if kinds <= classes:
            return events
        if kinds.isdisjoint(classes):
            return ()
        return [event for event in events if event.__class__ in classes]


class CaseSpreader:
    """Spreads events over the shards of case detectors by a stable hash of their keys: one walk for all detectors.

    Args:
        detectors: the case detectors.
        shards: how many each of them has.

    Attributes:
        put_aside: name of each detector, and its events by shard.
    """

    def __init__(self, detectors: Sequence[CaseDetector], shards: int) -> None:
        self.put_aside: list[tuple[str, list[list[Event]]]] = []
        self._shards = shards
        # By class of events, what finds a key, and what is put aside by it: of all detectors with the same keys.
        self._wanting: dict[type, list[tuple[KeyOf, list[list[list[Event]]]]]] = {}
        for detector in detectors:
            by_shard: list[list[Event]] = [[] for _ in range(shards)]
            self.put_aside.append((detector.name, by_shard))
            for name in detector.event_types:
                kind = ALL_CLASSES[name]
                key_of, wanting = key_for(detector, kind), self._wanting.setdefault(kind, [])
                same = next((lists for known, lists in wanting if known == key_of), None)
                if same is None:
                    wanting.append((key_of, [by_shard]))
                else:
                    same.append(by_shard)

    def add(self, events: Sequence[Event]) -> None:
        """Put events aside by detector and shard."""
        wanting, shards = self._wanting, self._shards
        last, shard = "", crc32(b"") % shards
        for event in events:
            for key_of, lists in wanting.get(event.__class__, ()):
                key = key_of(event)
                if key is not None:
                    if key is not last:
                        last, shard = key, crc32(key.encode()) % shards
                    for by_shard in lists:
                        by_shard[shard].append(event)


def split(detectors: Mapping[str, Detector]) -> tuple[list[CaseDetector], list[WindowDetector]]:
    """Return the case detectors, and the window detectors that events of feeds go to.

    Those that listen to conclusions get nothing from here: not even time, which for them is that of their sources.
    """
    cases: list[CaseDetector] = []
    windows: list[WindowDetector] = []
    for detector in detectors.values():
        if isinstance(detector, WindowDetector):
            if not is_listener(detector):
                windows.append(detector)
        else:
            cases.append(detector)
    return cases, windows


class ProcessRouter:
    """Everything stays in this process: cases by a hash of their key, panes to the window detectors themselves.

    Args:
        detectors: by name.
        shards: how many shards the keys of each case detector are spread over.
    """

    by_partition = False

    def __init__(self, detectors: Mapping[str, Detector], shards: int) -> None:
        cases, windows = split(detectors)
        self._cases = cases
        self._spreader = CaseSpreader(cases, shards)
        self._windows: list[tuple[WindowDetector, Chooser, Combiner]] = [
            (detector, Chooser(detector.event_types), detector.combiner()) for detector in windows
        ]
        self._announced: Progress | None = None
        self._columnar: list[tuple[frozenset[str], PaneCombiner]] = []
        self._columnar_types: frozenset[str] = frozenset()
        self._others: list[tuple[frozenset[str], Chooser, Combiner]] = []
        for detector, chooser, combiner in self._windows:
            types = detector.event_types
            if isinstance(combiner, PaneCombiner) and combiner.fields is not None:
                self._columnar.append((types, combiner))
                self._columnar_types |= types
            else:
                self._others.append((types, chooser, combiner))
        self._rows = Rows(self._columnar)
        others = frozenset[str]().union(*(types for types, _, _ in self._others))
        self._quiet = QuietSpreader(cases, shards, others)

    @property
    def wants(self) -> Wants | None:
        """What detectors read out of columns; None: nothing that columns would be worth it for."""
        if not self._columnar:
            return None
        fields: set[str] = set()
        as_events: set[str] = set()
        for _, combiner in self._columnar:
            fields |= combiner.fields or set()
        for types, _, _ in self._others:
            as_events |= types
        if self._quiet.types:
            fields |= {*NUMBERS, *FIELDS}
        return Wants(frozenset(fields), frozenset(as_events), self._quiet.types, self._quiet.packed)

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        """Put events aside."""
        del source
        noted = isinstance(events, EventColumns) and events.settle(self._columnar_types)
        if isinstance(events, EventColumns) and noted:
            for types, columnar in self._columnar:
                some = events.of(types)
                if len(some):
                    columnar.add_columns(some)
            if self._cases:
                self._spreader.add(self._quiet.add(events))
            events = events.by_rows
        if self._cases:
            self._spreader.add(events)
        if not self._windows or not events:
            return
        by_kind = by_class(events)
        kinds = set(by_kind)
        for _, chooser, combiner in self._others:
            chosen = chooser.choose(events, kinds)
            if chosen:
                combiner.add(chosen)
        if not noted:
            for kind, some_events in by_kind.items():
                self._rows.add(kind, some_events)

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        """Append what was put aside, and time for everybody."""
        del times, now_us
        told = progress == self._announced
        self._announced = progress
        quiet = self._quiet.take()
        for name, by_shard in self._spreader.put_aside:
            others = quiet.get(name, [])
            for shard, events in enumerate(by_shard):
                some = [one for each in others for one in each[shard]]
                if events or some or not told:
                    out.append(CaseBatch(name, shard, events, progress, some))
                    by_shard[shard] = []
        self._rows.give()
        for detector, _, combiner in self._windows:
            panes = combiner.take()
            if panes or not told:
                out.append(PaneBatch(detector.name, panes, progress))

    def snapshot(self) -> None:
        """Return nothing: everything was handed out."""
        return

    def restore(self, state: object) -> None:
        """Take over nothing."""
