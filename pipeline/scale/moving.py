"""Moves the state of tasks between the folders of flow processes: another number of them, or one that is gone.

Everything that a process keeps belongs to a task or to a partition of the topic of panes, and so to a number; numbers
belong to processes by their remainder. All flow processes must be stopped. The new folders are made beside the old
ones and put in their place at the end, in steps that can be taken up again; the old ones are set aside, not deleted.
"""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import structlog

from config.settings import Settings
from pipeline import durable, recovery
from pipeline.feeds.contract import Share
from pipeline.lane import LANE
from pipeline.scale.copying import copy_files
from pipeline.scale.keys import ScaleError, home_of, number_of, partition_number
from pipeline.snapshots import Row, read_rows, write_rows

FORMAT = 1
"""Of the recovery folders of flow processes."""
_FEEDS = "makegood.feeds"
_PREPARE = "makegood.prepare"
_DETECT = "makegood.detect"
_STAGED = "rescale.staged"
_COMPLETE = "complete.json"
Positions = dict[str, dict[str, int]]

log = structlog.get_logger(__name__)


class Moved(msgspec.Struct):
    """What a move did.

    Attributes:
        before, after: flow processes.
        tasks: whose state was found. ``lost``: processes whose state was not there, and begin anew.
        set_aside: where the old folders are now.
    """

    before: int
    after: int
    tasks: int
    lost: list[int]
    set_aside: str


def folder_of(settings: Settings, index: int) -> Path:
    """Return the recovery folder of flow process ``index`` of several."""
    return settings.store.dir / f"flow-{index}"


def folder_alone(settings: Settings) -> Path:
    """Return the recovery folder of a flow process that shares with nobody."""
    return settings.store.dir / "flow"


def identity_of(partitions: int, share: Share) -> list[object]:
    """Return what the folder of a process is bound to."""
    return [FORMAT, "tasks", partitions, share.index, share.of]


def check_whole(settings: Settings) -> None:
    """Prove, before a flow process starts, that no move was left half-way: its folder may not be in its place yet.

    Where there is state of a flow without ``scale``, that is told: it is not of any share, and stays behind.

    Raises:
        ScaleError: saying what to do.
    """
    complete = settings.store.dir / _STAGED / _COMPLETE
    if complete.exists():
        after = msgspec.json.decode(complete.read_bytes())["after"]
        msg = (
            f"{complete.parent}: state was being moved to {after} flow processes when that was broken off, and folders "
            f"may not be in their places yet; finish it with `makegood rescale --to {after}`, then start"
        )
        raise ScaleError(msg)
    alone = folder_alone(settings)
    if recovery.holds_state(alone):
        log.warning(
            "flow.state_left_behind",
            folder=str(alone),
            reason="it is of one process without `scale`, which knows nothing of shares",
            hint="cases and windows are made anew of what the topics still hold; delete the folder when all is well",
        )


def rescale(settings: Settings, to: int, lost: frozenset[int] = frozenset()) -> Moved:
    """Give the state of all tasks to ``to`` processes.

    Args:
        settings: must have ``scale``.
        to: how many flow processes there will be.
        lost: processes whose folder is gone: their tasks begin anew, at the beginning of their partitions.

    Raises:
        ScaleError: when the folders do not fit together, or the settings.
        RecoveryFolderInUseError: when a flow process is running.
        SnapshotsUnreadableError: when a folder is damaged.
    """
    scale = settings.scale
    if scale is None or not 1 <= to <= scale.partitions:
        limit = 1 if scale is None else scale.partitions
        msg = f"--to {to}: the settings share the work between 1 and {limit} processes (scale.partitions)"
        raise ScaleError(msg)
    root = settings.store.dir
    with ExitStack() as stack:
        folders = dict(_folders(root))
        for folder in folders.values():
            stack.enter_context(recovery.locked(folder))
        staged = root / _STAGED
        if not (staged / _COMPLETE).exists():
            of = _check(folders, scale.partitions, lost)
            if staged.exists():
                shutil.rmtree(staged)
            _stage(folders, staged, scale.partitions, of, to, sorted(lost))
        return _swap(root, staged)


def _folders(root: Path) -> Iterator[tuple[int, Path]]:
    for folder in sorted(root.glob("flow-*")):
        number = folder.name.removeprefix("flow-")
        if folder.is_dir() and number.isdecimal() and recovery.holds_state(folder):
            yield int(number), folder


def _check(folders: dict[int, Path], partitions: int, lost: frozenset[int]) -> int:
    """Return how many processes the folders are of."""
    if not folders:
        msg = "there is no state to move: no folder flow-0, flow-1, ... in the store's folder holds any"
        raise ScaleError(msg)
    found: set[int] = set()
    for number, folder in folders.items():
        identity = recovery.identity(folder)
        if not isinstance(identity, list) or identity[:4] != [FORMAT, "tasks", partitions, number]:
            msg = (
                f"{folder} holds the state of {identity}, expected a share of scale.partitions = {partitions} numbered "
                f"{number}: it was made with other settings, or put in the wrong place"
            )
            raise ScaleError(msg)
        found.add(int(identity[4]))
    if len(found) != 1:
        msg = f"the folders are of {' and of '.join(map(str, sorted(found)))} processes: leave those of one number"
        raise ScaleError(msg)
    of = found.pop()
    missing = set(range(of)) - folders.keys() - lost
    if missing:
        names = ", ".join(f"flow-{number}" for number in sorted(missing))
        msg = (
            f"of {of} processes the state of {names} is missing: put their folders here, or say with --lost that they "
            "are gone (their tasks then begin anew, at the beginning of their partitions)"
        )
        raise ScaleError(msg)
    return of


def _stage(folders: dict[int, Path], staged: Path, partitions: int, of: int, to: int, lost: list[int]) -> None:
    rows: dict[int, list[Row]] = {index: [] for index in range(to)}
    positions: dict[int, Positions] = {index: {} for index in range(to)}
    tasks: set[int] = set()
    for index in range(to):
        (staged / f"flow-{index}").mkdir(parents=True)
    for folder in folders.values():
        for row in read_rows(folder / recovery.STATE):
            if row.step == _FEEDS:
                # Our own snapshot, written by our own process.
                _part(pickle.loads(row.state), positions, to)  # noqa: S301
                continue
            number = _number(row, partitions)
            if number is not None:
                rows[number % to].append(row)
                if row.step == _PREPARE and row.key.startswith("task/"):
                    tasks.add(number)
        copy_files(folder, staged, partitions, to)
    for index in range(to):
        feeds = Row(_FEEDS, LANE, pickle.dumps(positions[index], protocol=4))
        target = staged / f"flow-{index}"
        write_rows(target / recovery.STATE, [feeds, *rows[index]])
        recovery.write_identity(target, identity_of(partitions, Share(index, to)))
    summary = {"before": of, "after": to, "tasks": len(tasks), "lost": lost, "folders": sorted(folders)}
    # Behind this the old folders go: nothing of the new ones may be on its way to the disk only.
    for path in staged.rglob("*"):
        durable.sync(path)
    durable.replace(staged / _COMPLETE, msgspec.json.encode(summary))


def _number(row: Row, partitions: int) -> int | None:
    """Return the number that a row belongs to; None for what nobody needs (sinks have no state)."""
    if row.step == _PREPARE:
        return number_of(row.key)
    if row.step == _DETECT:
        detector, mark, shard = row.key.rpartition("#")
        return int(shard) if mark and detector else home_of(row.key, partitions)
    return None


def _part(positions: Positions, parts: dict[int, Positions], to: int) -> None:
    """Spread positions over the processes by the numbers of their partitions."""
    for feed, by_partition in positions.items():
        for name, offset in by_partition.items():
            # Beside an offset there may be marks of the same partition, behind a tab.
            number = partition_number(name.partition("\t")[0])
            parts[number % to].setdefault(feed, {})[name] = offset


def _swap(root: Path, staged: Path) -> Moved:
    """Put staged folders in the place of the old ones. Taken up again, it goes on where it was."""
    summary = msgspec.json.decode((staged / _COMPLETE).read_bytes())
    aside = root / f"rescaled-from-{summary['before']}-to-{summary['after']}"
    if "aside" in summary:
        aside = Path(summary["aside"])
    else:
        number = 1
        while aside.exists():
            number += 1
            aside = root / f"rescaled-from-{summary['before']}-to-{summary['after']}-{number}"
        aside.mkdir()
        durable.replace(staged / _COMPLETE, msgspec.json.encode({**summary, "aside": str(aside)}))
    for number in summary["folders"]:
        old = root / f"flow-{number}"
        if old.exists() and not (aside / old.name).exists():
            old.rename(aside / old.name)
    for new in sorted(staged.glob("flow-*")):
        target = root / new.name
        if target.exists():  # an empty one: it held no state
            if recovery.holds_state(target):
                msg = f"{target} holds state that was not there when the move began: move it away, then go on"
                raise ScaleError(msg)
            with recovery.locked(target):
                shutil.rmtree(target)
        new.rename(target)
    durable.sync_folder(aside)
    durable.sync_folder(root)
    shutil.rmtree(staged)
    return Moved(summary["before"], summary["after"], summary["tasks"], summary["lost"], str(aside))
