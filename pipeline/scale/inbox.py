"""What the partitions of the feeds tell about windows, put together for the detectors that judge them.

Of each partition the whole sums that it last told are kept; what is new against them is given to the detector, as if
it had come from this process. A detector's time is that of the partition that is furthest behind, so that a partition
whose process is gone holds its windows open until another has taken over.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec
import structlog

from detectors.contract import NEVER_US, Progress, WindowDetector
from detectors.panes import Group, Pane, PaneLayout, Panes, Vector
from pipeline.routing import PaneBatch
from pipeline.scale import wire

_VERSION = 1
_LIVES_KEPT = 16
_log = structlog.get_logger(__name__)


class Refused(StrEnum):
    """Why a message was not used. The names are public: a label of a metric."""

    UNREADABLE = "unreadable"
    """It is no message of ours: somebody else writes to the topic."""
    OTHER_WINDOWS = "other_windows"
    """Its sender has other settings of the detector."""
    NOT_IN_SETTINGS = "not_in_settings"
    """It is of a detector or a feed that our settings do not name."""
    OLDER_LIFE = "older_life"
    """Its sender's place has been taken: two processes work on one share."""


class _Slot(msgspec.Struct):
    """What one partition has told about one detector."""

    count: int = -1
    watermark_us: int = NEVER_US
    known: dict[tuple[int, Group], Vector] = {}
    life: str = ""
    end: int = 0
    lives: list[str] = []


class _SlotState(msgspec.Struct, array_like=True):
    detector: str
    source: str
    layout: PaneLayout
    count: int
    watermark_us: int
    panes: list[Pane]
    life: str = ""
    end: int = 0
    lives: list[str] = []


class WindowTime(msgspec.Struct, frozen=True):
    """How far the windows of a detector have been judged.

    Attributes:
        watermark_us: event time up to which they have; ``NEVER_US``: not at all yet.
        held_back_us: how far behind the foremost partition that is; None: some have told nothing yet.
        held_by: the partitions that are furthest behind, or have told nothing.
    """

    watermark_us: int
    held_back_us: int | None
    held_by: list[str]


class PaneInbox:
    """The messages of one partition of the topic of panes.

    Args:
        detectors: window detectors by name.
        sources: every partition that tells something.
        beside: further ones that tell something now and then; no window waits for them.
        listening: detectors that wait for other sources than these partitions, and for which.

    Attributes:
        late: events that were told after their window was said to be over.
        refused: messages that could not be used, since this process started. ``why``: of the last of each kind.
    """

    def __init__(
        self,
        detectors: Mapping[str, WindowDetector],
        sources: Collection[str],
        beside: Collection[str] = (),
        listening: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self.late = 0
        self.refused: Counter[Refused] = Counter()
        self.why: dict[Refused, str] = {}
        self._detectors = detectors
        partitions, more = frozenset(sources), frozenset(sources) | frozenset(beside)
        self._sources = {name: frozenset(listening.get(name, partitions)) for name in detectors}
        self._known = {name: frozenset(listening.get(name, more)) for name in detectors}
        self._slots: dict[str, dict[str, _Slot]] = {}

    def take(self, messages: list[bytes]) -> list[PaneBatch]:
        """Return what is new for each detector that the messages are about, with its time."""
        fresh: dict[str, Panes] = {}
        for message in messages:
            try:
                told = wire.decode(message)
            except wire.BadMessageError as error:
                self.refuse(Refused.UNREADABLE, str(error))
            else:
                self._take(told, fresh)
        return [PaneBatch(name, panes, self._progress(name)) for name, panes in fresh.items()]

    def refuse(self, kind: Refused, why: str) -> None:
        """Count a message that cannot be used; say so in the log once for each reason."""
        if self.why.get(kind) != why:
            _log.error("panes.refused", kind=kind.value, reason=why)
        self.why[kind] = why
        self.refused[kind] += 1

    def _take(self, told: wire.Told, fresh: dict[str, Panes]) -> None:
        detector = self._detectors.get(told.detector)
        if detector is None or told.source not in self._known[told.detector]:
            # Of before the settings were changed, or of a process that has others.
            self.refused[Refused.NOT_IN_SETTINGS] += 1
            return
        try:
            panes = detector.layout.decode(told.panes)
        except ValueError as error:
            self.refuse(Refused.OTHER_WINDOWS, f"detector {told.detector!r}: {error}")
            return
        slot = self._slots.setdefault(told.detector, {}).setdefault(told.source, _Slot())
        if told.life != slot.life and not self._begin_life(told, slot):
            return
        new = fresh.setdefault(told.detector, [])
        if told.count > slot.count:
            slot.end = max(slot.end, told.end)
            if not told.more:
                slot.count = told.count
            self._merge(panes, slot, detector.layout, new)
        if told.watermark_us > slot.watermark_us and not told.more:
            slot.watermark_us = told.watermark_us
            over = [key for key in slot.known if detector.layout.first_end_us(key[0]) <= told.watermark_us]
            for key in over:
                del slot.known[key]

    def _begin_life(self, told: wire.Told, slot: _Slot) -> bool:
        """Go over to another life of a sender; return False for one that was over already.

        Its sums are whole, from its first record on. Where records that were told before are among these, its sums take
        the place of what is known, pane by pane as they are told: until they have come as far as before they are less,
        but no window is over before they have. Where all its records are new, its sums are added.
        """
        if told.life in slot.lives:
            why = f"{told.source}: another process tells of this partition too: is one running that was replaced?"
            self.refuse(Refused.OLDER_LIFE, why)
            return False
        if slot.count >= 0:
            _log.warning("panes.sender_began_anew", source=told.source, detector=told.detector, at=told.begin)
            slot.lives = [*slot.lives, slot.life][-_LIVES_KEPT:]
            if told.begin >= slot.end > 0:
                slot.known = {}
        slot.life, slot.count = told.life, -1
        return True

    def _merge(self, panes: Panes, slot: _Slot, layout: PaneLayout, new: Panes) -> None:
        for pane, group, vector in panes:
            if layout.first_end_us(pane) <= slot.watermark_us:
                self.late += vector[0]
                continue
            known = slot.known.get((pane, group))
            slot.known[pane, group] = vector
            # Never the list that we keep: who gets it adds to it.
            change = vector.copy() if known is None else [a - b for a, b in zip(vector, known, strict=True)]
            new.append((pane, group, change))

    def _progress(self, name: str) -> Progress:
        slots, sources = self._slots[name], self._sources[name]
        if not sources <= slots.keys():
            return Progress(NEVER_US, NEVER_US)
        watermark_us = min((slots[source].watermark_us for source in sources), default=NEVER_US)
        return Progress(watermark_us, watermark_us)

    def times(self) -> dict[str, WindowTime]:
        """Return how far the windows of each detector have been judged. May be asked in any thread."""
        return {name: self._time(name, dict(self._slots.get(name, {}))) for name in self._detectors}

    def _time(self, name: str, slots: Mapping[str, _Slot]) -> WindowTime:
        sources = self._sources[name]
        missing = sorted(sources - slots.keys())
        if missing:
            return WindowTime(NEVER_US, None, missing)
        marks = {source: slots[source].watermark_us for source in sources}
        last_us, ahead_us = min(marks.values()), max(marks.values())
        return WindowTime(last_us, ahead_us - last_us, sorted(one for one in marks if marks[one] == last_us))

    def snapshot(self) -> bytes:
        """Return the state."""
        rows = [
            self._saved(name, source, slot)
            for name, slots in sorted(self._slots.items())
            for source, slot in sorted(slots.items())
        ]
        return msgspec.msgpack.encode((_VERSION, self.late, rows))

    def restore(self, state: bytes) -> None:
        """Take over what :meth:`snapshot` returned.

        Raises:
            ValueError: when another version wrote it.
        """
        version, self.late, rows = msgspec.msgpack.decode(state, type=tuple[int, int, list[_SlotState]])
        if version != _VERSION:
            msg = f"the recovery data has panes of version {version}, this program reads {_VERSION}"
            raise ValueError(msg)
        self._slots = {}
        for row in rows:
            detector = self._detectors.get(row.detector)
            if detector is not None and row.source in self._known[row.detector]:
                same = row.layout == detector.layout
                known = {(pane, group): vector for pane, group, vector in row.panes if same}
                slot = _Slot(row.count, row.watermark_us, known, row.life, row.end, row.lives)
                self._slots.setdefault(row.detector, {})[row.source] = slot

    def _saved(self, name: str, source: str, slot: _Slot) -> _SlotState:
        panes = [(pane, group, vector) for (pane, group), vector in slot.known.items()]
        layout = self._detectors[name].layout
        return _SlotState(name, source, layout, slot.count, slot.watermark_us, panes, slot.life, slot.end, slot.lives)
