"""The state of a case detector's shard on disk: a log of what changed, and the engine's snapshot only its length.

A shard may hold a million cases, of which a few thousand change between two snapshots. Writing all of them each time
would stop the flow for seconds; so each snapshot appends what has changed since the last one (:meth:`StateLog.write`),
and the engine keeps how long the log was. Restoring reads it up to there, the newest image of each key winning, and
cuts off what came after: that was never committed.

A log that only grows is written anew bit by bit: once it is twice as long as it was when that was last done, a new
generation is begun, and each snapshot carries a share of all the keys over into it, besides what has changed. Images
may be of any sizes, so shares are measured in bytes, by what was carried just before. When all are over, the
older generation is deleted, as soon as no snapshot that the engine may resume from needs it. No snapshot ever costs
more than its changes and that share; and most of that is done before it, a little at a time (:meth:`StateLog.prepare`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from detectors.contract import CaseShard, Delta
from pipeline import durable, frames

SNAPSHOTS_KEPT = 2
"""The engine resumes from its last committed epoch, which may be the one before the last snapshot."""
LEAST_BYTES = 4 << 20
"""A log with less that is out of date is not written anew."""
SHARES = 16
"""Carrying all keys over into a new generation takes about as many snapshots."""
LEAST_SHARE_BYTES = 1 << 20
PORTIONS = 8
"""Of a share, one is carried over each time a snapshot is prepared, up to the share."""
MOST_PREPARED_BYTES = 2 << 20
"""From so many on nothing more is prepared: they are held in memory, and what changes often is in them often."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Delta)


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """How far the log of a generation counts: what a snapshot holds of it."""

    generation: int
    length: int


class LogState(msgspec.Struct, array_like=True, frozen=True):
    """What a snapshot holds: the generations to read, oldest first.

    Attributes:
        anew_bytes: how long the log was when it was last written anew. States of before have a number there that is
            less: their log is written anew once more.
    """

    marks: list[Mark]
    anew_bytes: int


class StateLog:
    """The log of one shard.

    Args:
        folder: where it lives; made where it is missing.
        name: of the shard; the beginning of its files' names.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._anew_bytes = 0
        self._prepared: list[bytes] = []
        self._prepared_bytes = self._carried_bytes = 0
        self._to_carry: list[str] = []
        self._not_in_it: list[str] = []
        self._superseded: list[Mark] = []
        # Files that no snapshot names any more: since the last snapshot, between it and the one before, ...
        self._unnamed: list[list[Path]] = [[] for _ in range(SNAPSHOTS_KEPT + 1)]
        folder.mkdir(parents=True, exist_ok=True)
        # What is there is left alone until snapshots that may name it are out of date.
        left = self._files()
        self._unnamed[0] += left.values()
        self._marks = [Mark(max(left, default=-1) + 1, 0)]

    def prepare(self, shard: CaseShard) -> None:
        """Do now, in memory, some of what the next :meth:`write` would have to do: what has changed until now."""
        if self._prepared_bytes >= MOST_PREPARED_BYTES:
            return
        first = _ENCODER.encode(shard.delta(self._not_in_it))
        self._not_in_it = []
        self._prepared_bytes += len(first)
        share = self._share()
        self._prepared += [first, *self._carried(shard, min(share // PORTIONS, share - self._carried_bytes))]

    def write(self, shard: CaseShard) -> LogState:
        """Append what has changed, durably; return what the snapshot must hold for :meth:`read`.

        Raises:
            OSError: when it cannot be written. Nothing is lost of what is in memory, but the shard no longer knows what
                has changed: the process must end and go on from its last snapshot.
        """
        first = _ENCODER.encode(shard.delta(self._not_in_it))
        self._append([*self._prepared, first, *self._carried(shard, self._share() - self._carried_bytes)])
        self._not_in_it, self._prepared = [], []
        self._prepared_bytes = self._carried_bytes = 0
        if self._superseded and not self._to_carry:
            self._unnamed[0] += [self._path(mark.generation) for mark in self._superseded]
            self._marks = self._marks[len(self._superseded) :]
            self._superseded = []
            self._anew_bytes = self._bytes()
        elif not self._superseded and self._bytes() > 2 * self._anew_bytes + LEAST_BYTES:
            self._superseded = list(self._marks)
            self._marks.append(Mark(self._marks[-1].generation + 1, 0))
            self._to_carry = shard.keys()
        for path in self._unnamed.pop():
            path.unlink(missing_ok=True)
        self._unnamed.insert(0, [])
        return LogState(list(self._marks), self._anew_bytes)

    def take_in(self, keys: list[str]) -> None:
        """Put these keys into the log with the next :meth:`write`: a shard has them from elsewhere."""
        self._not_in_it = keys

    def read(self, state: LogState) -> tuple[bytes, dict[str, bytes]]:
        """Return the newest head, and the newest image of each key, of what :meth:`write` returned.

        Files of a run that was not committed are removed.

        Raises:
            StateLogDamagedError: when the log does not reach as far as the snapshot says.
        """
        self._marks, self._anew_bytes = list(state.marks), state.anew_bytes
        # Which keys were carried over is not kept: after a restart all are, anew.
        self._superseded, self._to_carry = [], []
        self._prepared, self._prepared_bytes, self._carried_bytes = [], 0, 0
        self._unnamed = [[] for _ in self._unnamed]
        head = b""
        images: dict[str, bytes] = {}
        for mark in state.marks:
            for delta in self._frames(mark):
                head = delta.head
                for key in delta.gone:
                    images.pop(key, None)
                images.update(delta.images)
        ours = {mark.generation for mark in self._marks}
        for generation, path in self._files().items():
            if generation not in ours:
                path.unlink()
        return head, images

    def _bytes(self) -> int:
        return sum(mark.length for mark in self._marks)

    def _share(self) -> int:
        """Return how many bytes are to be carried over from one snapshot to the next."""
        return max(LEAST_SHARE_BYTES, self._bytes() // SHARES)

    def _carried(self, shard: CaseShard, left: int) -> Iterator[bytes]:
        """Yield about so many bytes of what is to be carried over, in portions."""
        count = 1
        while self._to_carry and left > 0:
            names, self._to_carry = self._to_carry[-count:], self._to_carry[:-count]
            portion = _ENCODER.encode(shard.delta(names))
            yield portion
            left -= len(portion)
            self._carried_bytes += len(portion)
            count = max(1, min(2 * count, len(names) * left // len(portion)))

    def _append(self, payloads: Iterable[bytes]) -> None:
        mark = self._marks[-1]
        path = self._path(mark.generation)
        framed = b"".join([part for payload in payloads for part in (frames.header(payload), payload)])
        durable.append(path, mark.length, framed)
        self._marks[-1] = Mark(mark.generation, mark.length + len(framed))

    def _frames(self, mark: Mark) -> Iterator[Delta]:
        yield from map(_DECODER.decode, frames.pieces(self._path(mark.generation), mark.length))

    def _files(self) -> dict[int, Path]:
        """Return the files of this shard, by generation."""
        return frames.files(self._folder, self._name, "log")

    def _path(self, generation: int) -> Path:
        return self._folder / f"{self._name}.{generation:08d}.log"
