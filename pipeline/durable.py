"""Files that must be on the disk when a function returns, whatever happens to the machine then."""

import os
from pathlib import Path


def append(path: Path, at: int, payload: bytes) -> None:
    """Write ``payload`` at byte ``at`` of a file, in place of all that stands there and behind, and wait for the disk.

    Raises:
        OSError: when there is no room, or the disk fails. Up to ``at`` the file is as it was.
    """
    new = not path.exists()
    with path.open("w+b" if new else "r+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Give a file a new content in one step: after a loss of power it is the old one or the new one, whole.

    Raises:
        OSError: when there is no room, or the disk fails. The file is as it was.
    """
    temporary = path.with_suffix(".tmp")
    append(temporary, 0, content)
    temporary.replace(path)
    sync_folder(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or a folder, written by whomever, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a loss of power: those of new files, and of renamed ones."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
