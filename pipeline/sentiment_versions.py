"""Where versions of the text model are kept: in a folder, or in anything that keeps bytes by name."""

import os
import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

from detectors.models.text.version import Version, VersionError, unpack
from pipeline import durable

_NAME = re.compile(r"(\d{6})\.(-?\d+)\.sentiment")


class Blobs(Protocol):
    """Keeps bytes by name. What was written is never changed."""

    def names(self) -> Sequence[str]:
        """Return the names that there are, in any order."""
        ...

    def read(self, name: str) -> bytes:
        """Return what was written.

        Raises:
            OSError: when it cannot be read.
        """
        ...

    def write_new(self, name: str, data: bytes) -> bool:
        """Write all or nothing; return False, with nothing changed, where the name is there already."""
        ...


class FolderBlobs:
    """A folder with one file a name. It is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> Sequence[str]:
        """Return the names of the files."""
        return os.listdir(self.folder) if self.folder.is_dir() else []  # noqa: PTH208 - names, not paths, and often

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return (self.folder / name).read_bytes()

    def write_new(self, name: str, data: bytes) -> bool:
        """Write a file in one step; whoever is first wins."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{name}.{os.getpid()}.{threading.get_ident()}.tmp"
        durable.append(temporary, 0, data)
        try:
            (self.folder / name).hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        durable.sync_folder(self.folder)
        return True


class VersionStoreError(Exception):
    """Versions that are kept cannot be used, or another one cannot be kept beside them."""


class Entry(NamedTuple):
    """One version that is kept, by its name."""

    number: int
    in_force_us: int
    name: str


class VersionStore:
    """Versions by number.

    Args:
        blobs: keeps them.
        where: names the place in errors.
    """

    def __init__(self, blobs: Blobs, where: str) -> None:
        self._blobs = blobs
        self.where = where

    def entries(self) -> list[Entry]:
        """Return what is kept, by number. Names of other things are passed over.

        Raises:
            VersionStoreError: when a number is missing or there twice, or a version holds before the one before it.
        """
        found = [
            Entry(int(name[1]), int(name[2]), name[0])
            for name in map(_NAME.fullmatch, self._blobs.names())
            if name is not None
        ]
        found.sort()
        for before, after in pairwise(found):
            if after.number != before.number + 1:
                problem = "twice" if after.number == before.number else f"without number {before.number + 1}"
                msg = f"{self.where}: version {after.number} is there {problem}; put back what was there"
                raise VersionStoreError(msg)
        for before, after in pairwise(found):
            if after.in_force_us < before.in_force_us:
                msg = f"{self.where}: version {after.number} is in force before version {before.number}"
                raise VersionStoreError(msg)
        return found

    def load(self, entry: Entry) -> Version:
        """Return a version.

        Raises:
            VersionStoreError: naming it, and what is wrong with it.
        """
        try:
            version = unpack(self._blobs.read(entry.name))
        except (VersionError, OSError) as error:
            msg = f"{self.where}/{entry.name}: {error}"
            raise VersionStoreError(msg) from error
        if (version.header.number, version.header.in_force_us) != (entry.number, entry.in_force_us):
            msg = f"{self.where}/{entry.name}: holds version {version.header.number} under another name"
            raise VersionStoreError(msg)
        return version

    def publish(self, version: Version) -> bool:
        """Keep a version; return False where it is kept already.

        Raises:
            VersionStoreError: when another one has its number: it was learned from other texts or by other settings.
        """
        header = version.header
        known = [entry for entry in self.entries() if entry.number == header.number]
        name = f"{header.number:06d}.{header.in_force_us}.sentiment"
        if not known and self._blobs.write_new(name, version.pack()):
            return True
        kept = self.load(known[0] if known else Entry(header.number, header.in_force_us, name))
        if kept.learned != version.learned:
            msg = (
                f"{self.where} holds another version {header.number}: learned from other texts, or by other settings; "
                "give another folder, or the recording from its beginning"
            )
            raise VersionStoreError(msg)
        return False
