"""A small disk of its own, to be filled; and what fills it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Mount a disk of ``size_bytes`` on ``folder``; skip the test where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount`")
    if done.returncode != 0:
        pytest.skip(f"no disk of its own can be mounted here (that takes root): {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Filler:
    """Takes up the room of a disk: a third of it at once, so that it can give something back whoever takes the rest."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._file = disk / "filler"
        self._file.write_bytes(b"")
        self.leave(self.free_bytes * 2 // 3)

    @property
    def free_bytes(self) -> int:
        stat = os.statvfs(self._disk)
        return stat.f_bavail * stat.f_frsize

    def leave(self, free_bytes: int) -> None:
        """Take all but so much."""
        with self._file.open("ab") as file:
            while self.free_bytes > free_bytes:
                try:
                    file.write(bytes(min(65536, self.free_bytes - free_bytes)))
                    file.flush()
                except OSError:  # others took the last of it meanwhile
                    return

    def release(self) -> None:
        """Give everything back."""
        self._file.unlink()
