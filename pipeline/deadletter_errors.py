"""What can go wrong with the store of dead letters: what passes, and what somebody must put right."""

import sqlite3
from pathlib import Path

_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_PASSING = (*_BUSY, "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


class DeadLettersError(Exception):
    """The store cannot be opened: the message names the file and what to do."""


class DeadLettersUnwritableError(Exception):
    """The store cannot be written to now: no room, no permission, or somebody else holds it. It may pass."""


def passes(error: sqlite3.Error) -> bool:
    """Return whether an error passes by itself, or when somebody makes room or puts permissions right."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(_PASSING)


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether somebody else holds the file just now."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(_BUSY)


def unwritable(path: Path, error: sqlite3.Error) -> DeadLettersUnwritableError:
    """Return the error of a store that cannot be written to now."""
    hint = "make room on its disk" if "full" in str(error) else "check its disk and permissions"
    return DeadLettersUnwritableError(f"cannot write the dead letters to {path}: {error}; {hint}")


def not_opened(path: Path, error: Exception) -> DeadLettersError:
    """Return the error of a store that cannot be opened."""
    hint = "check that it is a file of Makegood and writable"
    return DeadLettersError(f"cannot open the dead letters in {path}: {error}; {hint}")
