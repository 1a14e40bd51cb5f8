"""The engine's recovery folder: created once, used by one process at a time, bound to what the flow was."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from bytewax.recovery import RecoveryConfig, init_db_dir

from pipeline import durable

IDENTITY = "identity.json"
"""File that says what the state in a recovery folder is bound to."""
LOCK = "lock"
SEEN = "seen"
"""Folder of the ids that have been seen, within a recovery folder."""
CASES = "cases"
"""Folder of the logs of the case detectors, within a recovery folder."""
MODELS = "models"
"""Folder of the models of window detectors with many groups, within a recovery folder."""
STATE = "state"
"""Folder of the engine's snapshots, within a recovery folder."""
ENTRIES = "detectors.json"
"""File that names the entries of ``detectors:`` that the flow ran with, and their types: their alerts may be open."""


class RecoveryFolderInUseError(Exception):
    """Another process holds the folder. Two flows on one folder would corrupt each other's state without notice."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; it is created where it is missing.

    Raises:
        RecoveryFolderInUseError: when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"{folder} is in use by another process; stop it first, or use another folder"
            raise RecoveryFolderInUseError(msg) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def clear(folder: Path) -> None:
    """Remove everything in a folder that this process holds, but the lock."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def holds_state(folder: Path) -> bool:
    """Return whether the folder holds the state of some flow."""
    return (folder / IDENTITY).exists()


def matches(folder: Path, identity: object) -> bool:
    """Return whether the folder holds the state of a flow of this identity (plain data)."""
    path = folder / IDENTITY
    return path.exists() and path.read_bytes() == msgspec.json.encode(identity)


def identity(folder: Path) -> object:
    """Return what the state in a folder is bound to."""
    return msgspec.json.decode((folder / IDENTITY).read_bytes())


def write_identity(folder: Path, identity: object) -> None:
    """Say what the state in a folder is bound to, in one step."""
    durable.replace(folder / IDENTITY, msgspec.json.encode(identity))


def recovery_config(folder: Path, identity: object) -> RecoveryConfig:
    """Return the engine's recovery settings for the folder, creating its database on first use."""
    state = folder / STATE
    marker = folder / IDENTITY
    if not marker.exists():
        state.mkdir(parents=True, exist_ok=True)
        for leftover in state.iterdir():
            leftover.unlink()
        init_db_dir(state, 1)  # type: ignore[no-untyped-call]
        # Written last: a folder without it is one whose creation was interrupted.
        write_identity(folder, identity)
    return RecoveryConfig(str(state))  # type: ignore[no-untyped-call]


def set_aside(folder: Path) -> Path:
    """Move the state in the folder to a numbered folder beside it, and return that: nothing is thrown away unasked."""
    number = 1
    while (target := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    target.mkdir()
    for entry in list(folder.iterdir()):
        if entry.name not in {LOCK, ENTRIES}:
            entry.rename(target / entry.name)
    return target
