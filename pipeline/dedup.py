"""Drops repeats: events of the same ``source``, ``id`` and ``rev`` within a horizon of event time.

Ids are kept whole, so there are no false repeats. They are kept in generations, and a generation is forgotten once the
watermark is more than ``horizon`` past the newest event in it: what could still repeat it is then older than the
horizon, and the caller turns that away unseen.

Snapshots would grow with every id ever seen; so ids are appended to a changelog file a generation, and a snapshot is
only the lengths of those files. Restoring reads the files up to the snapshot's length and cuts off what came after it.
"""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from detectors.contract import NEVER_US
from detectors.events import Event
from pipeline import durable

_ENCODER = msgspec.msgpack.Encoder()
_Entries = list[tuple[str, list[str], bool]]
"""Source, ids, and whether they were added (or taken out again)."""
_DECODER = msgspec.msgpack.Decoder(_Entries)
_State = tuple[int, list[tuple[int, int, int]]]
_SNAPSHOTS_KEPT = 2
"""The engine resumes from its last committed epoch, which may be the one before the last snapshot."""
_LENGTH_BYTES = 4
_SUM_BYTES = 4
_SUMMED = 1 << 31
"""In a length: a checksum of the payload stands behind it."""


class ChangelogDamagedError(Exception):
    """A changelog file is shorter than the snapshot says: it was deleted or cut from outside."""


class _Generation:
    """Ids that came while the watermark was in one stretch of time, in memory and (with a folder) in a changelog.

    Attributes:
        newest_us: the newest event time among its ids.
        length: bytes of the changelog that are ours; what stands behind them is from a run that was not committed.
    """

    def __init__(self, number: int, folder: Path | None, newest_us: int = NEVER_US) -> None:
        self.number = number
        self.newest_us = newest_us
        self.ids: dict[str, set[str]] = {}
        self.length = 0
        self._fresh: _Entries = []
        self.path = None if folder is None else folder / f"seen-{number:08d}.log"

    def add(self, source: str, ids: list[str]) -> bool:
        """Add ids of which none is known; return whether none of them stands among the others twice."""
        known = self.ids.setdefault(source, set())
        before = len(known)
        known.update(ids)
        if self.path is not None:
            self._fresh.append((source, ids, True))
        return len(known) - before == len(ids)

    def remove(self, source: str, key: str) -> None:
        known = self.ids.get(source)
        if known is not None and key in known:
            known.remove(key)
            if self.path is not None:
                self._fresh.append((source, [key], False))

    def flush(self) -> None:
        """Append what is new to the changelog, durably."""
        if self.path is None or not self._fresh:
            return
        payload = _ENCODER.encode(self._fresh)
        header = (len(payload) | _SUMMED).to_bytes(_LENGTH_BYTES, "big") + crc32(payload).to_bytes(_SUM_BYTES, "big")
        durable.append(self.path, self.length, header + payload)
        self.length += len(header) + len(payload)
        self._fresh = []

    def load(self, length: int) -> None:
        """Read the changelog up to ``length`` bytes. What comes after them is overwritten."""
        if self.path is None or length == 0:
            return
        content = self.path.read_bytes()[:length] if self.path.exists() else b""
        if len(content) < length:
            msg = (
                f"{self.path} has {len(content)} bytes, the snapshot says {length}: "
                "the recovery folder was changed from outside; restore it whole or start afresh"
            )
            raise ChangelogDamagedError(msg)
        at = 0
        while at < length:
            entries, at = self._entries(self.path, content, at)
            for source, ids, added in entries:
                known = self.ids.setdefault(source, set())
                if added:
                    known.update(ids)
                else:
                    known.difference_update(ids)
        self.length = length

    @staticmethod
    def _entries(path: Path, content: bytes, at: int) -> tuple[_Entries, int]:
        """Return what was appended together at byte ``at``, and where the next begins."""
        size = int.from_bytes(content[at : at + _LENGTH_BYTES], "big")
        start = at + _LENGTH_BYTES
        summed = bool(size & _SUMMED)  # before 0.2 there were no sums
        if summed:
            size ^= _SUMMED
            start += _SUM_BYTES
        payload = content[start : start + size]
        try:
            if summed and crc32(payload) != int.from_bytes(content[start - _SUM_BYTES : start], "big"):
                raise msgspec.DecodeError
            return _DECODER.decode(payload), start + size
        except msgspec.DecodeError as error:
            msg = (
                f"{path} is damaged at byte {at}: the recovery folder was changed from outside; restore it whole or "
                "start afresh"
            )
            raise ChangelogDamagedError(msg) from error


class Deduplicator:
    """Remembers which events have come.

    Args:
        horizon_us: how far behind the watermark a repeat is still recognised.
        folder: where the changelog lives; None keeps nothing over a restart.
    """

    def __init__(self, horizon_us: int, folder: Path | None = None) -> None:
        self.horizon_us = horizon_us
        self._folder = folder
        self._current = _Generation(0, folder)
        self._older: list[_Generation] = []
        self._rotate_at_us = NEVER_US
        # Changelogs of forgotten generations: since the last snapshot, between it and the one before, ...
        self._forgotten: list[list[Path]] = [[] for _ in range(_SNAPSHOTS_KEPT + 1)]
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def fresh(self, events: Sequence[Event], newest_us: int) -> Sequence[Event]:
        """Return the events that have not come before, in their order, and remember them.

        Args:
            events: of one micro-batch.
            newest_us: the largest event time among them, or anything later.
        """
        by_source: dict[str, list[str]] = {}
        revised = False
        for event in events:
            source = event.source
            if source in by_source:
                by_source[source].append(event.id)
            else:
                by_source[source] = [event.id]
            if event.rev:
                revised = True
        self._current.newest_us = max(self._current.newest_us, newest_us)
        if revised or self._knows_any(by_source):
            return self._fresh_one_by_one(events)
        distinct = [self._current.add(source, ids) for source, ids in by_source.items()]
        if all(distinct):
            return events
        firsts: dict[tuple[str, str], Event] = {}
        for event in events:
            firsts.setdefault((event.source, event.id), event)
        return list(firsts.values())

    def _knows_any(self, by_source: dict[str, list[str]]) -> bool:
        for generation in (self._current, *self._older):
            for source, ids in by_source.items():
                known = generation.ids.get(source)
                if known is not None and not known.isdisjoint(ids):
                    return True
        return False

    def _fresh_one_by_one(self, events: Sequence[Event]) -> list[Event]:
        kept = []
        new: dict[str, dict[str, None]] = {}
        generations = [generation.ids for generation in (self._current, *self._older)]
        nothing: set[str] = set()
        for event in events:
            source = event.source
            key = _key(event)
            added = new.get(source)
            if added is None:
                added = new[source] = {}
            if key in added or any(key in ids.get(source, nothing) for ids in generations):
                continue
            added[key] = None
            kept.append(event)
        for source, ids in new.items():
            if ids:
                self._current.add(source, list(ids))
        return kept

    def forget(self, event: Event) -> None:
        """Take an event out again that :meth:`fresh` has just remembered: it was turned away, and may be sent anew."""
        self._current.remove(event.source, _key(event))

    def advance(self, watermark_us: int) -> None:
        """Let time pass: ids whose repeats would be turned away unseen are forgotten."""
        if watermark_us == NEVER_US:
            return
        if self._rotate_at_us == NEVER_US:
            self._rotate_at_us = watermark_us + self.horizon_us
        elif watermark_us >= self._rotate_at_us:
            self._rotate_at_us = watermark_us + self.horizon_us
            self._current.flush()
            self._older.append(self._current)
            self._current = _Generation(self._current.number + 1, self._folder)
            kept = [gen for gen in self._older if watermark_us <= gen.newest_us + self.horizon_us]
            self._forgotten[0] += [gen.path for gen in self._older if gen not in kept and gen.path is not None]
            self._older = kept

    def snapshot(self) -> _State:
        """Make the changelog durable and return its lengths: plain data for :meth:`restore`."""
        self._current.flush()
        for path in self._forgotten.pop():
            path.unlink(missing_ok=True)
        self._forgotten.insert(0, [])
        generations = [*self._older, self._current]
        return self._rotate_at_us, [(gen.number, gen.length, gen.newest_us) for gen in generations]

    def restore(self, state: object) -> None:
        """Take over what :meth:`snapshot` returned. Files of a run that was not committed are removed.

        Raises:
            ChangelogDamagedError: when the changelog does not reach as far as the snapshot says.
        """
        self._rotate_at_us, rows = msgspec.convert(state, type=_State)
        generations = []
        for number, length, newest_us in rows:
            generations.append(_Generation(number, self._folder, newest_us))
            generations[-1].load(length)
        *self._older, self._current = generations
        if self._folder is not None:
            ours = {generation.path for generation in generations}
            for path in set(self._folder.glob("seen-*.log")) - ours:
                path.unlink()


def _key(event: Event) -> str:
    return event.id if event.rev == 0 else f"{event.id}\x00{event.rev}"
