"""Keeps the flow from filling the disk that its state is on.

The engine ends the process when it cannot write a snapshot, and so do the logs beside it. Nothing is lost then, but a
process that ends and starts again until somebody makes room says little and works for nothing. So the flow looks at the
room before it reads: below a reserve it reads nothing more, its state stays as it is and snapshots write next to
nothing; it says what is missing, and goes on by itself when there is room.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

LOOK_EVERY_S = 1.0
SNAPSHOTS = 3
"""The reserve holds the last snapshot this many times: the one to be written, the journal's copy of it, and some."""
GOES_ON_AT = 1.1
"""Of the reserve, so that a flow at the edge does not stop and go on at every look."""
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0

log = structlog.get_logger(__name__)


class Room(msgspec.Struct, frozen=True):
    """The room on one disk.

    Attributes:
        folder: in which the flow writes there.
        free_bytes: that this user may still write.
        needed_bytes: below this the flow reads nothing.
        error: why the disk cannot be looked at; empty when it can.
    """

    folder: Path
    free_bytes: int
    needed_bytes: int
    error: str = ""


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of a folder for this user; of one that is not there yet, on that of its parent.

    Raises:
        OSError: when the disk cannot be looked at.
    """
    stat = os.statvfs(_there(folder))
    if stat.f_files and not stat.f_favail:
        return 0  # no file can be made any more, however many bytes there are
    return stat.f_bavail * stat.f_frsize


class DiskGuard:
    """Says whether there is room to go on, looking at most once a second.

    Args:
        state: the folder of the engine's snapshots, whose size says how large one is.
        logs: folders of files that each snapshot adds to.
        others: further folders that the flow's data is in; the least reserve is kept free on their disks.
        least_bytes: the reserve is never less.
        clock_s: a monotonic clock in seconds.
        tell: is told why the flow reads nothing, and None when it goes on.
        free: returns the room on the disk of a folder, in bytes.
    """

    def __init__(
        self,
        state: Path,
        *,
        logs: Sequence[Path] = (),
        others: Sequence[Path] = (),
        least_bytes: int,
        clock_s: Callable[[], float],
        tell: Callable[[str | None], None],
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._state = state
        self._logs = list(logs)
        self._others = list(others)
        self._least_bytes = least_bytes
        self._clock_s = clock_s
        self._tell = tell
        self._free = free
        self._look_at_s = float("-inf")
        self._logged_bytes: int | None = None
        self._largest_append_bytes = 0
        self._why = ""
        self.rooms: list[Room] = []
        """What the last look found; may be read in any thread."""

    @property
    def needed_bytes(self) -> int:
        """The reserve on the disk of the state."""
        snapshot_bytes = _size(self._state) + self._largest_append_bytes
        return max(self._least_bytes, SNAPSHOTS * snapshot_bytes)

    def full(self) -> bool:
        """Return whether the flow must not read now. Cheap: call it before every read."""
        now_s = self._clock_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            self._look()
        return bool(self._why)

    def wait(self, wait: Callable[[float], bool]) -> bool:
        """Wait until there is room; return False when ``wait`` says that the program stops."""
        pause_s = _FIRST_WAIT_S
        while self.full():
            if wait(pause_s):
                return False
            pause_s = min(pause_s * 2, _LONGEST_WAIT_S)
        return True

    def _look(self) -> None:
        logged_bytes = sum(_size(folder) for folder in self._logs)
        if self._logged_bytes is not None:
            self._largest_append_bytes = max(self._largest_append_bytes, logged_bytes - self._logged_bytes)
        self._logged_bytes = logged_bytes
        rooms = [self._room(self._state, self.needed_bytes)]
        own = _device(self._state)
        rooms += [self._room(folder, self._least_bytes) for folder in self._others if _device(folder) != own]
        self.rooms = rooms
        why = "; ".join(told for told in map(self._missing, rooms) if told)
        if why and not self._why:
            log.error("disk.full", why=why, action="reading nothing until there is room")
        elif self._why and not why:
            log.info("disk.room", free_bytes=rooms[0].free_bytes, needed_bytes=rooms[0].needed_bytes)
        if why != self._why:
            self._tell(why or None)
        self._why = why

    def _room(self, folder: Path, needed_bytes: int) -> Room:
        try:
            return Room(folder, self._free(folder), needed_bytes)
        except OSError as error:
            return Room(folder, 0, needed_bytes, error.strerror or str(error))

    def _missing(self, room: Room) -> str:
        if room.error:
            return f"the disk of {room.folder} cannot be looked at: {room.error}"
        needed_bytes = int(room.needed_bytes * GOES_ON_AT) if self._why else room.needed_bytes
        if room.free_bytes >= needed_bytes:
            return ""
        return f"disk full on {room.folder}: {room.free_bytes} bytes free, {needed_bytes} needed; make room there"


def _there(folder: Path) -> Path:
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def _device(folder: Path) -> int | None:
    try:
        return _there(folder).stat().st_dev
    except OSError:
        return None


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder and those below it; a file that goes meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(parent, name).stat().st_size
    return total
