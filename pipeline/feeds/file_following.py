"""Files that cannot be read for now, and files that go on under another name."""

from collections.abc import Iterable
from pathlib import Path
from time import monotonic

import structlog

from pipeline.records.contract import Cut
from pipeline.records.tail import TailReader

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
_log = structlog.get_logger(__name__)


class Unopened:
    """Stands for the reader of a file that could not be opened (the protocol is ``RecordReader``).

    Args:
        error: why.
        position: of the reader that should be here.
    """

    def __init__(self, error: OSError, position: int) -> None:
        self.position = position
        self.ended = False
        self._error = error

    def take(self, max_records: int) -> Cut:
        """Raise the error."""
        del max_records
        raise self._error

    def close(self) -> None:
        """Do nothing."""


class Outages:
    """Which files of a feed cannot be read, and when each is tried again.

    Args:
        feed: its name.
    """

    def __init__(self, feed: str) -> None:
        self._log = _log.bind(feed=feed)
        self._why: dict[str, str] = {}
        self._pause_s: dict[str, float] = {}
        self._again_s: dict[str, float] = {}

    def failed(self, name: str, error: OSError) -> None:
        """Note that a file could not be read; tell it once."""
        pause_s = self._pause_s.get(name, FIRST_WAIT_S)
        if name not in self._why:
            self._log.error("file.unreachable", file=name, reason=str(error), action="trying again")
        self._why[name] = str(error)
        self._again_s[name] = monotonic() + pause_s
        self._pause_s[name] = min(2 * pause_s, LONGEST_WAIT_S)

    def well(self, name: str) -> None:
        """Note that a file could be read."""
        if name in self._why:
            self._log.info("file.reachable", file=name, was=self._why[name])
            self.forget(name)

    def forget(self, name: str) -> None:
        """Know nothing of a file any more."""
        for known in (self._why, self._pause_s, self._again_s):
            known.pop(name, None)

    def is_out(self, name: str) -> bool:
        """Return whether a file could not be read when it was last tried."""
        return name in self._why

    def may_try(self, name: str) -> bool:
        """Return whether it is time to read a file."""
        return name not in self._why or monotonic() >= self._again_s[name]

    def why(self) -> dict[str, str]:
        """Return why files cannot be read, by name."""
        return dict(self._why)


class Renamed:
    """Where reading stopped in files of a folder that were renamed, so that a new name is no new file."""

    def __init__(self) -> None:
        self._left: dict[int, dict[str, int]] = {}

    def note(self, reader: TailReader) -> None:
        """Keep where a reader stopped that is let go."""
        figures = reader.marks()
        if figures["inode"]:
            self._left[figures["inode"]] = {**figures, "base": 0, "": reader.position - figures["base"]}

    def is_held(self, path: Path, readers: Iterable[object]) -> bool:
        """Return whether the file of a new name is being read under the name that it had."""
        inode = _inode(path)
        held = False
        for reader in readers:
            if isinstance(reader, TailReader):
                held |= inode != 0 and reader.inode == inode
                if reader.left is not None:
                    self._left[reader.left["inode"]] = reader.left
        return held

    def figures(self, name: str, path: Path) -> dict[str, int]:
        """Return positions, as of a run before, for a new name; none for a new file."""
        known = self._left.pop(_inode(path), {})
        return {f"{name}\t{mark}" if mark else name: value for mark, value in known.items()}


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
