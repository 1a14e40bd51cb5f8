"""What ended a flow: the engine only panics, so its last words are turned into what people can act on.

Three kinds: the disk had no room (starting again helps once there is), the recovery folder is damaged (starting again
never helps), or something else, which is a defect and keeps its traceback.
"""

import errno
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from detectors.contract import SnapshotVersionError
from pipeline import recovery
from pipeline.deadletter_errors import passes
from pipeline.dedup import ChangelogDamagedError
from pipeline.frames import StateLogDamagedError
from pipeline.scale.keys import ScaleError
from pipeline.scale.topics import TopicUnavailableError
from pipeline.stopping import StoppedWhileStartingError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE = re.compile(r"SqliteFailure\(Error \{ code: (?P<code>\w+)")
_SQLITE_DAMAGED = frozenset({"DatabaseCorrupt", "NotADatabase"})
_SQLITE_PASSING = frozenset(
    {"DiskFull", "SystemIoFailure", "CannotOpen", "ReadOnly", "DatabaseBusy", "PermissionDenied"}
)
_LOST_PARTS = ("MissingPartitionsError", "NoPartitionsError", "InconsistentPartitionsError")
_WAY_BACK = (
    "put the whole folder back from a copy, or move it away to begin anew: feeds are then read from their beginning, "
    "and alerts that are told already are not told twice"
)


class FlowEndedError(Exception):
    """The flow could not go on for a reason that passes: what it had committed is whole, and a new start goes on."""


class RecoveryDamagedError(Exception):
    """The recovery folder was changed or damaged from outside: it must be put back, or moved away."""


class RecoveryVersionError(Exception):
    """The recovery folder was written by a version of Makegood that this one cannot read."""


def check_folder(folder: Path) -> None:
    """Prove, before the engine opens it, that a recovery folder with state is whole: the engine would only panic.

    Raises:
        RecoveryDamagedError: naming the file, and what to do.
        FlowEndedError: when it cannot be looked at now.
    """
    if not recovery.holds_state(folder):
        return
    try:
        recovery.identity(folder)
    except msgspec.DecodeError as error:
        raise _damaged(folder / recovery.IDENTITY, str(error)) from error
    parts = sorted((folder / recovery.STATE).glob("*.sqlite3"))
    if not parts:
        raise _damaged(folder / recovery.STATE, "the engine's snapshots (part-0.sqlite3) are gone")
    for part in parts:
        _check_part(part)


def explained(error: Exception, folder: Path) -> Exception | None:
    """Return what people should be told instead of ``error``, with which the engine ended; None: nothing better."""
    return next(filter(None, (_explained(cause, folder) for cause in _causes(error))), None)


def _explained(cause: BaseException, folder: Path) -> Exception | None:
    if isinstance(cause, StoppedWhileStartingError | RecoveryDamagedError | FlowEndedError | ScaleError):
        return cause
    if isinstance(cause, TopicUnavailableError):
        return FlowEndedError(f"{cause}; what was committed is whole, and a new start goes on from there")
    if isinstance(cause, StateLogDamagedError | ChangelogDamagedError):
        return RecoveryDamagedError(f"{cause}; {_WAY_BACK}")
    if isinstance(cause, SnapshotVersionError):
        msg = f"the state in {folder} cannot be read: {cause}; start the version that wrote it, or {_WAY_BACK}"
        return RecoveryVersionError(msg)
    if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
        return _no_room(folder, str(cause))
    return _explained_sqlite(cause, folder) if isinstance(cause, sqlite3.Error) else _explained_panic(cause, folder)


def _explained_sqlite(cause: sqlite3.Error, folder: Path) -> Exception | None:
    if _is_damage(cause):
        return _damaged(folder / recovery.STATE, str(cause))
    return _no_room(folder, str(cause)) if passes(cause) else None


def _explained_panic(cause: BaseException, folder: Path) -> Exception | None:
    told = str(cause)
    found = _SQLITE.search(told)
    if found is not None and found["code"] in _SQLITE_PASSING:
        return _no_room(folder, found["code"])
    if (found is not None and found["code"] in _SQLITE_DAMAGED) or any(name in told for name in _LOST_PARTS):
        return _damaged(folder / recovery.STATE, told.strip().splitlines()[0])
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _no_room(folder: Path, why: str) -> FlowEndedError:
    msg = (
        f"the state cannot be written to {folder}: {why}; what was committed is whole, and the flow goes on from there "
        "when it is started again with room on the disk"
    )
    return FlowEndedError(msg)


def _damaged(path: Path, why: str) -> RecoveryDamagedError:
    return RecoveryDamagedError(f"{path} is damaged: {why}; {_WAY_BACK}")


def _check_part(part: Path) -> None:
    try:
        connection = sqlite3.connect(part, timeout=5.0)
        try:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            raise _damaged(part, str(error)) from error
        msg = f"{part} cannot be opened now: {error}; check its disk and permissions"
        raise FlowEndedError(msg) from error
    if answer != "ok":
        raise _damaged(part, str(answer).replace("\n", " "))


def _is_damage(error: sqlite3.Error) -> bool:
    return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
