"""The state of a window detector in a snapshot; where it watches many groups, its models on disk beside it.

The models of ten thousand groups are sixty megabytes. A snapshot is taken every few seconds, and they change only when
windows close. So they are written to a file of their own then, piece by piece, and the engine keeps the rest of the
state and the name of the file: what it is given it copies three times. A file is deleted when no snapshot that the
engine may resume from names it any more.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from detectors import window_image
from detectors.contract import Inheriting, WindowState
from pipeline import durable, frames
from pipeline.state_log import SNAPSHOTS_KEPT

LEAST_GROUPS = 1_000
"""With fewer groups the whole state is in the snapshot."""
_IN_FILE = b"\x00models1"
"""Before the state of a detector whose models are in a file; a whole state is msgpack and never begins so."""


@runtime_checkable
class Parted(Protocol):
    """A window state whose models can be kept apart.

    Attributes:
        taken: the models have changed only if this has.
    """

    taken: int

    @property
    def groups(self) -> int:
        """How many groups are known."""
        ...

    def head(self) -> bytes:
        """Return the state without the models."""
        ...

    def models(self) -> Iterator[bytes]:
        """Yield the models piece by piece."""
        ...

    def restore_parts(self, head: bytes, models: Iterable[bytes]) -> None:
        """Take over a head, and the models of that time.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        ...


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """What a snapshot holds: the number and length of the file, and the rest of the state."""

    number: int
    length: int
    head: bytes


_DECODER = msgspec.msgpack.Decoder(_Kept)


class ModelFiles:
    """Makes snapshots of one window detector, and restores them.

    Args:
        folder: where files of models live, made when there is one; None: none are written.
        name: of the detector; the beginning of its files' names.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = folder
        self._name = name
        self._length = 0
        self._written: int | None = None
        # Files that no snapshot names any more: since the last snapshot, between it and the one before, ...
        self._unnamed: list[list[Path]] = [[] for _ in range(SNAPSHOTS_KEPT + 1)]
        # What is there is left alone until snapshots that may name it are out of date.
        left = self._files()
        self._unnamed[0] += left.values()
        self._number = max(left, default=0)

    def snapshot(self, windows: WindowState) -> bytes:
        """Return the state for :meth:`restore`; models that have changed are on the disk when it returns.

        Raises:
            OSError: when they cannot be written. The process must end and go on from its last snapshot.
        """
        if self._folder is None or not isinstance(windows, Parted):
            return windows.snapshot()
        if self._written is None and windows.groups < LEAST_GROUPS:
            self._forget_old()
            return windows.snapshot()
        if windows.taken != self._written:
            if self._written is not None:
                self._unnamed[0].append(self._path(self._number))
            self._number += 1
            self._length = self._write(self._folder, windows.models())
            self._written = windows.taken
        self._forget_old()
        return _IN_FILE + msgspec.msgpack.encode(_Kept(self._number, self._length, windows.head()))

    def restore(self, windows: WindowState, state: bytes) -> None:
        """Give ``windows`` what :meth:`snapshot` returned. Files of a run that was not committed are removed.

        Raises:
            SnapshotVersionError: when this code cannot read it.
            StateLogDamagedError: when the file is not as the snapshot says.
        """
        if not state.startswith(_IN_FILE) or not isinstance(windows, Parted):
            windows.restore(state)
            return
        kept = _DECODER.decode(memoryview(state)[len(_IN_FILE) :])
        windows.restore_parts(kept.head, frames.pieces(self._path(kept.number), kept.length))
        self._number, self._length, self._written = kept.number, kept.length, windows.taken
        self._unnamed = [[] for _ in self._unnamed]
        for number, path in self._files().items():
            if number != kept.number:
                path.unlink()

    def inherit(self, windows: WindowState, state: bytes) -> None:
        """Give a new ``windows`` what still holds of a state that :meth:`restore` refused."""
        if isinstance(windows, Inheriting):
            in_file = state.startswith(_IN_FILE)
            windows.inherit(_DECODER.decode(memoryview(state)[len(_IN_FILE) :]).head if in_file else state)

    def _forget_old(self) -> None:
        for path in self._unnamed.pop():
            path.unlink(missing_ok=True)
        self._unnamed.insert(0, [])

    def _write(self, folder: Path, pieces: Iterable[bytes]) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        with self._path(self._number).open("wb") as file:
            for piece in pieces:
                file.write(frames.header(piece))
                file.write(piece)
            length = file.tell()
            file.flush()
            os.fsync(file.fileno())
        durable.sync_folder(folder)
        return length

    def _files(self) -> dict[int, Path]:
        """Return the files of this detector, by number."""
        if self._folder is None or not self._folder.exists():
            return {}
        return frames.files(self._folder, self._name, "models")

    def _path(self, number: int) -> Path:
        return (self._folder or Path()) / f"{self._name}.{number:08d}.models"


def without_alerts(state: bytes) -> bytes | None:
    """Return what :meth:`ModelFiles.snapshot` made, but for its alerts; None for the state of no window detector."""
    if not state.startswith(_IN_FILE):
        return window_image.without_alerts(state)
    kept = _DECODER.decode(memoryview(state)[len(_IN_FILE) :])
    head = window_image.without_alerts(kept.head)
    return None if head is None else _IN_FILE + msgspec.msgpack.encode(msgspec.structs.replace(kept, head=head))
