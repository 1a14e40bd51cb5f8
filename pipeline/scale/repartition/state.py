"""What an intake keeps over a restart: where it was in its upstream partitions, and its counts.

A position that is too old does no harm, since what is written again is dropped by its readers. So an intake takes over
what others have left in folders beside its own, and their number may change from one start to the next.
"""

from pathlib import Path

import msgspec
import structlog

from pipeline import durable
from pipeline.feeds.contract import Share
from pipeline.scale.keys import partition_number

FOLDER = "repartition-{}"
_FILE = "intake"
_VERSION = 1
_log = structlog.get_logger(__name__)


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where an intake was in an upstream partition.

    Attributes:
        offset: after the last record whose events the cluster has.
        newest_us: the largest event time before it.
        topic_id: of the topic.
        saved_us: when this was noted, by the wall clock.
    """

    offset: int
    newest_us: int
    topic_id: str
    saved_us: int


Places = dict[str, dict[str, Place]]
"""By feed and upstream partition."""


class IntakeState(msgspec.Struct, array_like=True):
    """Everything that an intake keeps; ``tallies`` as :meth:`pipeline.tallies.Tallies.snapshot` returns them."""

    version: int
    places: Places
    tallies: list[object]


def folder_of(root: Path, index: int) -> Path:
    """Return the folder of the intake with share ``index``."""
    return root / FOLDER.format(index)


def save(folder: Path, places: Places, tallies: list[object]) -> None:
    """Keep everything, durably and in one step.

    Raises:
        OSError: when there is no room, or the disk fails. What was kept before is still there.
    """
    durable.replace(folder / _FILE, msgspec.msgpack.encode(IntakeState(_VERSION, places, tallies)))


def load(root: Path, share: Share) -> IntakeState:
    """Return where to go on: the places of our share that were saved last, by whichever intake, and our own counts."""
    own = folder_of(root, share.index)
    state = IntakeState(_VERSION, {}, [])
    for folder in sorted(root.glob(FOLDER.format("*"))):
        found = _read(folder / _FILE)
        if found is None:
            continue
        if folder == own:
            state.tallies = found.tallies
        for feed, places in found.places.items():
            known = state.places.setdefault(feed, {})
            for partition, place in places.items():
                ours = share.has(partition_number(partition))
                if ours and (partition not in known or known[partition].saved_us < place.saved_us):
                    known[partition] = place
    return state


def _read(path: Path) -> IntakeState | None:
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=IntakeState)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        why = str(error)
    else:
        if found.version == _VERSION:
            return found
        why = f"it is of version {found.version}, this program reads {_VERSION}"
    _log.error(
        "intake.state_unusable", file=str(path), reason=why, action="its partitions are read again from their beginning"
    )
    return None
