"""What became of a followed file while nobody looked: renamed, copied and emptied, compressed, and the ones between.

A file is known again by three things: its inode (a renamed one keeps it), a checksum of its first bytes, and one of the
bytes before the place where reading stopped (a copied or compressed one has these). It is searched for among the files
that lie beside it under its name with a suffix, as log rotation names them: ``app.log.1``, ``app.log-20240501.gz``.
"""

import re
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from pipeline.records.opening import DAMAGED, is_gzip, open_bytes

HEAD_BYTES = 256
_SUFFIX = r"[.\-_](?:(?P<number>\d{1,4})|[\dTZ:._\-+]{6,})"


class Identity(NamedTuple):
    """By what a file is known again.

    Attributes:
        inode: of the file; 0: not known.
        offset: where reading stopped, in bytes of its text.
        head: checksum of its first bytes, as many as had been read, up to ``HEAD_BYTES``.
        foot: checksum of the bytes before ``foot_at``, up to ``HEAD_BYTES``.
        foot_at: an offset, not behind the other; 0: there is no such checksum.
    """

    inode: int
    offset: int
    head: int = 0
    foot: int = 0
    foot_at: int = 0


class _Sibling(NamedTuple):
    order: tuple[int, int, str]
    path: Path
    inode: int
    size: int


def find(path: Path, identity: Identity, *, moved_only: bool) -> Path | None:
    """Return where the file is now: at its path, or beside it under another name; None where it is gone.

    Args:
        path: that was followed.
        identity: of the file.
        moved_only: only the very same file, not a copy of it.
    """
    beside = _beside(path)
    own = [sibling for sibling in (_seen(path), *beside) if sibling is not None and sibling.inode == identity.inode]
    others = [] if moved_only else [sibling for sibling in reversed(beside) if sibling not in own]
    return next((sibling.path for sibling in [*own, *others] if _is(sibling, identity)), None)


def next_after(path: Path, written_ns: int, *, besides: int) -> Path:
    """Return the file that was written next after another one: a rotated one, or the one that is followed.

    Args:
        path: that is followed.
        written_ns: when the other one was last written, in nanoseconds since 1970. Compressing keeps it, as renaming
            does.
        besides: inode of the other one: its writer may have added something to it.
    """
    later = (sibling for sibling in _beside(path) if sibling.order[0] > written_ns and sibling.inode != besides)
    return next((sibling.path for sibling in later), path)


def beside(path: Path) -> list[Path]:
    """Return the rotated files of a path, the newest first."""
    return [sibling.path for sibling in reversed(_beside(path))]


def _fingerprint(path: Path, identity: Identity) -> tuple[int, int]:
    """Return the checksums of a file's head and foot, as an identity has them.

    Raises:
        OSError: when it cannot be read.
        EOFError, zlib.error: when it is damaged.
    """
    with open_bytes(path) as file:
        head = file.read(min(HEAD_BYTES, identity.offset))
        file.seek(max(0, identity.foot_at - HEAD_BYTES))
        foot = file.read(min(HEAD_BYTES, identity.foot_at))
        # A file that is shorter is another one.
        file.seek(max(0, identity.offset - 1))
        return (crc32(head), crc32(foot)) if file.read(1) else (-1, -1)


def _is(sibling: _Sibling, identity: Identity) -> bool:
    if not is_gzip(sibling.path) and sibling.size < identity.offset:
        return False
    if identity.offset == 0:
        return sibling.inode == identity.inode
    try:
        head, foot = _fingerprint(sibling.path, identity)
    except DAMAGED:
        return False
    except OSError:
        # It is there, and cannot be read for now: whoever opens it will see.
        return sibling.inode == identity.inode
    return head == identity.head and (identity.foot_at == 0 or foot == identity.foot)


def _beside(path: Path) -> list[_Sibling]:
    """Return the rotated files of a path, the oldest first. The suffix is behind its name, or before its extension."""
    stem, extension = re.escape(path.stem), re.escape(path.suffix)
    behind, before = re.escape(path.name) + _SUFFIX, f"{stem}{_SUFFIX}{extension}"
    patterns = [re.compile(rf"{name}(?:\.gz)?") for name in (behind, before)]
    found = []
    try:
        names = {file.name for file in path.parent.iterdir()}
    except OSError:
        return []
    for name in names:
        match = next((match for pattern in patterns if (match := pattern.fullmatch(name)) is not None), None)
        # While gzip writes, the file that it reads is still there.
        if match is not None and not (name.endswith(".gz") and name.removesuffix(".gz") in names):
            sibling = _seen(path.with_name(name), int(match["number"] or 0))
            if sibling is not None:
                found.append(sibling)
    return sorted(found)


def _seen(path: Path, number: int = 0) -> _Sibling | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    # Of files written within one tick of the clock, the one with the higher number is older.
    return _Sibling((stat.st_mtime_ns, -number, path.name), path, stat.st_ino, stat.st_size)
