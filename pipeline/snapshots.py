"""The engine's snapshots as rows, read and written without the engine.

The engine (Bytewax 0.21.1) keeps them in SQLite: of each step and key the newest row counts that is older than the
frontier of the last execution, which is where the next one begins to number its epochs. We use one file, and one
worker.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from bytewax.recovery import init_db_dir

_FILE = "part-0.sqlite3"
_EPOCH = 1


class Row(msgspec.Struct, frozen=True):
    """The state of one key of one step, pickled by the engine."""

    step: str
    key: str
    state: bytes


class SnapshotsUnreadableError(Exception):
    """The snapshots in a folder cannot be read: names the file, and says why."""


def read_rows(folder: Path) -> list[Row]:
    """Return what a flow on ``folder`` would resume from.

    Raises:
        SnapshotsUnreadableError: when the engine's file is missing or damaged.
    """
    path = folder / _FILE
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            resume = _resume_epoch(base)
            if resume is None:
                return []
            rows = base.execute(
                "SELECT step_id, state_key, ser_change, max(snap_epoch) FROM snaps WHERE snap_epoch < ?"
                " GROUP BY step_id, state_key",
                (resume,),
            ).fetchall()
    except sqlite3.Error as error:
        msg = f"{path}: {error}; restore the folder whole"
        raise SnapshotsUnreadableError(msg) from error
    return [Row(step, key, bytes(state)) for step, key, state, _ in rows if state is not None]


def drop_unfinished(folder: Path) -> int:
    """Delete the rows of an epoch that no execution has finished; return how many. Call it before the engine runs.

    At the end of an epoch the engine writes the rows of its keys first, and then that it is over. A process that is
    killed in between leaves rows of an epoch that the next execution gives the same number, and does not delete them.
    Where a key has nothing to do in that epoch this time, its row of before would count beside the other steps' rows of
    now: what they do again it would have twice, or what it had before they would take for repeats and drop.

    Raises:
        sqlite3.Error: when the engine's file is missing, damaged or cannot be written now.
    """
    path = folder / _FILE
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)) as base:
        resume = _resume_epoch(base)
        if resume is None:
            return 0
        # Nothing is written where there is nothing to delete: a full disk may be why the process begins again.
        (left,) = base.execute("SELECT count(*) FROM snaps WHERE snap_epoch >= ?", (resume,)).fetchone()
        if left:
            base.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (resume,))
        return int(left)


def _resume_epoch(base: sqlite3.Connection) -> int | None:
    """Return the epoch that the next execution begins with; None: there was none before."""
    found = base.execute("SELECT ex_num, resume_epoch FROM exs ORDER BY ex_num DESC LIMIT 1").fetchone()
    if found is None:
        return None
    execution, resume = found
    (front,) = base.execute("SELECT min(worker_frontier) FROM fronts WHERE ex_num = ?", (execution,)).fetchone()
    return int(resume if front is None else front)


def write_rows(folder: Path, rows: list[Row]) -> None:
    """Make new snapshots in ``folder``, which must be empty, for a flow to resume from."""
    folder.mkdir(parents=True, exist_ok=True)
    init_db_dir(folder, 1)  # type: ignore[no-untyped-call]
    with closing(sqlite3.connect(folder / _FILE)) as base, base:
        base.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, ?)", (_EPOCH,))
        base.execute("INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (0, 0, ?)", (_EPOCH + 1,))
        base.execute("INSERT INTO commits (part_index, commit_epoch) VALUES (0, ?)", (_EPOCH,))
        base.executemany(
            "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)",
            [(row.step, row.key, _EPOCH, row.state) for row in rows],
        )
