"""Drops repeats: events of the same ``source``, ``id`` and ``rev`` within a horizon of event time.

Ids are kept whole, so there are no false repeats. Two generations of sets hold every id for at least ``horizon`` of
watermark progress after it came; an event older than that can no longer be checked, and the caller turns it away.

Snapshots would grow with every id ever seen; so ids are appended to a changelog file a generation, and a snapshot is
only the lengths of those files. Restoring reads the files up to the snapshot's length and cuts off what came after it.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from detectors.contract import NEVER_US
from detectors.events import Event

_ENCODER = msgspec.msgpack.Encoder()
_Entries = list[tuple[str, list[str]]]
_LENGTH_BYTES = 4


class ChangelogDamagedError(Exception):
    """A changelog file is shorter than the snapshot says: it was deleted or cut from outside."""


class _Generation:
    """Ids that came while the watermark was in one stretch of time, in memory and (with a folder) in a changelog."""

    def __init__(self, number: int, folder: Path | None) -> None:
        self.number = number
        self.ids: dict[str, set[str]] = {}
        self.length = 0
        self._fresh: _Entries = []
        self.path = None if folder is None else folder / f"seen-{number:08d}.log"

    def add(self, source: str, ids: list[str]) -> None:
        known = self.ids.get(source)
        if known is None:
            self.ids[source] = set(ids)
        else:
            known.update(ids)
        if self.path is not None:
            self._fresh.append((source, ids))

    def flush(self) -> None:
        """Append what is new to the changelog, durably."""
        if self.path is None or not self._fresh:
            return
        payload = _ENCODER.encode(self._fresh)
        with self.path.open("ab") as file:
            file.write(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)
            file.flush()
            os.fsync(file.fileno())
        self.length += _LENGTH_BYTES + len(payload)
        self._fresh = []

    def load(self, length: int) -> None:
        """Read the changelog up to ``length`` bytes and cut off the rest."""
        if self.path is None or length == 0:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
            return
        with self.path.open("r+b") as file:
            content = file.read(length)
            if len(content) < length:
                msg = (
                    f"{self.path} has {len(content)} bytes, the snapshot says {length}: "
                    "the recovery folder was changed from outside; restore it whole or start afresh"
                )
                raise ChangelogDamagedError(msg)
            file.truncate(length)
        at = 0
        while at < length:
            size = int.from_bytes(content[at : at + _LENGTH_BYTES], "big")
            at += _LENGTH_BYTES
            for source, ids in msgspec.msgpack.decode(content[at : at + size], type=_Entries):
                self.ids.setdefault(source, set()).update(ids)
            at += size
        self.length = length


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
        self._previous: _Generation | None = None
        self._rotate_at_us = NEVER_US
        self._dead: list[Path] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def fresh(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events that have not come before, in their order, and remember them."""
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
        if revised or any(self._knows_any(source, ids) for source, ids in by_source.items()):
            return self._fresh_one_by_one(events)
        for source, ids in by_source.items():
            self._current.add(source, ids)
        return events

    def _knows_any(self, source: str, ids: list[str]) -> bool:
        """Say whether an id is known, or stands among ``ids`` twice."""
        new = set(ids)
        if len(new) < len(ids):
            return True
        for generation in (self._current, self._previous):
            known = None if generation is None else generation.ids.get(source)
            if known is not None and not known.isdisjoint(new):
                return True
        return False

    def _fresh_one_by_one(self, events: Sequence[Event]) -> list[Event]:
        kept = []
        new: dict[str, dict[str, None]] = {}
        previous = {} if self._previous is None else self._previous.ids
        current = self._current.ids
        nothing: set[str] = set()
        for event in events:
            source = event.source
            key = event.id if event.rev == 0 else f"{event.id}\x00{event.rev}"
            added = new.get(source)
            if added is None:
                added = new[source] = {}
            if key in added or key in current.get(source, nothing) or key in previous.get(source, nothing):
                continue
            added[key] = None
            kept.append(event)
        for source, ids in new.items():
            if ids:
                self._current.add(source, list(ids))
        return kept

    def advance(self, watermark_us: int) -> None:
        """Let time pass: ids that came more than two horizons ago are forgotten."""
        if watermark_us == NEVER_US:
            return
        if self._rotate_at_us == NEVER_US:
            self._rotate_at_us = watermark_us + self.horizon_us
        elif watermark_us >= self._rotate_at_us:
            self._rotate_at_us = watermark_us + self.horizon_us
            self._current.flush()
            if self._previous is not None and self._previous.path is not None:
                self._dead.append(self._previous.path)
            self._previous = self._current
            self._current = _Generation(self._current.number + 1, self._folder)
            self._current.load(0)

    def snapshot(self) -> list[int]:
        """Make the changelog durable and return its lengths: plain data for :meth:`restore`."""
        self._current.flush()
        # Files of forgotten generations outlive a few snapshots: the engine may resume from the one before the last.
        while len(self._dead) > 2:
            self._dead.pop(0).unlink(missing_ok=True)
        previous = self._previous
        return [
            self._rotate_at_us,
            self._current.number,
            self._current.length,
            -1 if previous is None else previous.number,
            0 if previous is None else previous.length,
        ]

    def restore(self, state: Iterable[int]) -> None:
        """Take over what :meth:`snapshot` returned.

        Raises:
            ChangelogDamagedError: when the changelog does not reach as far as the snapshot says.
        """
        self._rotate_at_us, number, length, previous_number, previous_length = state
        self._current = _Generation(number, self._folder)
        self._current.load(length)
        self._previous = None
        if previous_number >= 0:
            self._previous = _Generation(previous_number, self._folder)
            self._previous.load(previous_length)
