"""What the partitions of the feeds tell about windows, put together for the detectors that judge them.

Of each partition the whole sums that it last told are kept; what is new against them is given to the detector, as if
it had come from this process. A detector's time is that of the partition that is furthest behind, so that a partition
whose process is gone holds its windows open until another has taken over.
"""

from collections.abc import Collection, Mapping

import msgspec
import structlog

from detectors.contract import NEVER_US, Progress, WindowDetector
from detectors.panes import Group, Pane, PaneLayout, Panes, Vector
from pipeline.routing import PaneBatch
from pipeline.scale import wire

_VERSION = 1
_log = structlog.get_logger(__name__)
_SlotState = tuple[str, str, PaneLayout, int, int, list[Pane]]


class _Slot(msgspec.Struct):
    """What one partition has told about one detector."""

    count: int = -1
    watermark_us: int = NEVER_US
    known: dict[tuple[int, Group], Vector] = {}


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

    Attributes:
        late: events that were told after their window was said to be over.
        refused: messages that could not be used, by reason.
    """

    def __init__(self, detectors: Mapping[str, WindowDetector], sources: Collection[str]) -> None:
        self.late = 0
        self.refused: dict[str, int] = {}
        self._detectors = detectors
        self._sources = frozenset(sources)
        self._slots: dict[str, dict[str, _Slot]] = {}

    def take(self, messages: list[bytes]) -> list[PaneBatch]:
        """Return what is new for each detector that the messages are about, with its time."""
        fresh: dict[str, Panes] = {}
        for message in messages:
            try:
                self._take(wire.decode(message), fresh)
            except ValueError as error:
                reason = str(error)
                if reason not in self.refused:
                    _log.error("panes.refused", reason=reason)
                self.refused[reason] = self.refused.get(reason, 0) + 1
        return [PaneBatch(name, panes, self._progress(name)) for name, panes in fresh.items()]

    def _take(self, told: wire.Told, fresh: dict[str, Panes]) -> None:
        detector = self._detectors.get(told.detector)
        if detector is None or told.source not in self._sources:
            return  # of a detector or a feed that the settings no longer name
        panes = detector.layout.decode(told.panes)
        slots = self._slots.setdefault(told.detector, {})
        slot = slots.setdefault(told.source, _Slot())
        new = fresh.setdefault(told.detector, [])
        if told.count > slot.count:
            slot.count = told.count
            for pane, group, vector in panes:
                if detector.layout.first_end_us(pane) <= slot.watermark_us:
                    self.late += vector[0]
                    continue
                known = slot.known.get((pane, group))
                slot.known[pane, group] = vector
                # Never the list that we keep: who gets it adds to it.
                change = vector.copy() if known is None else [a - b for a, b in zip(vector, known, strict=True)]
                new.append((pane, group, change))
        if told.watermark_us > slot.watermark_us:
            slot.watermark_us = told.watermark_us
            over = [key for key in slot.known if detector.layout.first_end_us(key[0]) <= told.watermark_us]
            for key in over:
                del slot.known[key]

    def _progress(self, name: str) -> Progress:
        slots = self._slots[name]
        if len(slots) < len(self._sources):
            return Progress(NEVER_US, NEVER_US)
        watermark_us = min(slot.watermark_us for slot in slots.values())
        return Progress(watermark_us, watermark_us)

    def times(self) -> dict[str, WindowTime]:
        """Return how far the windows of each detector have been judged. May be asked in any thread."""
        return {name: self._time(dict(self._slots.get(name, {}))) for name in self._detectors}

    def _time(self, slots: Mapping[str, _Slot]) -> WindowTime:
        missing = sorted(self._sources - slots.keys())
        if missing:
            return WindowTime(NEVER_US, None, missing)
        marks = {source: slot.watermark_us for source, slot in slots.items()}
        last_us, ahead_us = min(marks.values()), max(marks.values())
        return WindowTime(last_us, ahead_us - last_us, sorted(name for name in marks if marks[name] == last_us))

    def snapshot(self) -> bytes:
        """Return the state."""
        rows: list[_SlotState] = [
            (name, source, self._detectors[name].layout, slot.count, slot.watermark_us, _panes(slot))
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
        for name, source, layout, count, watermark_us, panes in rows:
            if source in self._sources and name in self._detectors:
                same = layout == self._detectors[name].layout
                known = {(pane, group): vector for pane, group, vector in panes if same}
                self._slots.setdefault(name, {})[source] = _Slot(count, watermark_us, known)


def _panes(slot: _Slot) -> list[Pane]:
    return [(pane, group, vector) for (pane, group), vector in slot.known.items()]
