"""Recordings in a folder, by name: what feeds each has, and whether it is known what happened.

A name is all that people give: it never leads out of the folder.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from pipeline.records.discovery import find_files

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
_NAME = re.compile(NAME)
_LABELS = ("labels.yaml", "labels.yml", "labels.json", "labels.jsonl", "labels.csv", "truth.json")


class RecordingError(Exception):
    """A recording cannot be used. Says which, why, and what to do."""


class Recording(NamedTuple):
    """One recording.

    Attributes:
        name: of its folder.
        feeds: by feed of the settings, the file or folder.
        labels: what happened; None: nobody knows.
        bytes: of all files of its feeds.
    """

    name: str
    feeds: dict[str, Path]
    labels: Path | None
    bytes: int


def recordings(folder: Path, feeds: Collection[str]) -> list[Recording]:
    """Return the recordings in a folder that have something of these feeds, by name.

    Raises:
        OSError: when the folder cannot be read.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and _NAME.fullmatch(path.name):
            try:
                found.append(recording(folder, path.name, feeds))
            except RecordingError:  # it is listed what can be used; whoever names another hears why not
                continue
    return found


def recording(folder: Path, name: str, feeds: Collection[str]) -> Recording:
    """Return one recording.

    Args:
        folder: of recordings.
        name: of a folder in it.
        feeds: of the settings.

    Raises:
        RecordingError: when there is none of that name, or nothing in it is of these feeds.
        OSError: when it cannot be read.
    """
    path = folder / name
    if _NAME.fullmatch(name) is None or not path.is_dir() or not _inside(path, folder):
        msg = f"there is no recording {name!r}"
        raise RecordingError(msg)
    labels = next((path / one for one in _LABELS if (path / one).is_file()), None)
    found: dict[str, Path] = {}
    for entry in sorted(path.iterdir()):
        feed = _feed_of(entry.name, feeds)
        if feed is None or entry == labels:
            continue
        if not _inside(entry, folder):
            msg = f"recording {name}: {entry.name} leads out of the folder of recordings; put a copy there"
            raise RecordingError(msg)
        if feed in found:
            both = f"{found[feed].name} and {entry.name}"
            msg = f"recording {name}: {both} are of one feed; put them into a folder {feed}"
            raise RecordingError(msg)
        found[feed] = entry
    if not found:
        known = ", ".join(sorted(feeds)) or "none"
        msg = f"recording {name} has no file that is named as a feed of the settings; these are: {known}"
        raise RecordingError(msg)
    if labels is not None and not _inside(labels, folder):
        msg = f"recording {name}: {labels.name} leads out of the folder of recordings; put a copy there"
        raise RecordingError(msg)
    size = sum(file.stat().st_size for one in found.values() for file in find_files(one, follow=False).values())
    return Recording(name, found, labels, size)


def _feed_of(file: str, feeds: Collection[str]) -> str | None:
    """Return the feed that a file is of: the longest whose name it has, whole or up to a dot.

    >>> _feed_of("crm.eu.csv.gz", {"crm", "crm.eu"}), _feed_of("crm", {"crm"}), _feed_of("crmx.csv", {"crm"})
    ('crm.eu', 'crm', None)
    """
    fitting = [feed for feed in feeds if file == feed or file.startswith(f"{feed}.")]
    return max(fitting, key=len, default=None)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
