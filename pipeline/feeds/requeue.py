"""The requeue as a feed: dead letters that somebody sent again with ``makegood deadletters replay``.

It is no feed of the settings. Beside each feed that they name stands one of these and reads what was requeued for it;
its records go the same way as the feed's own.
"""

from collections.abc import Collection
from itertools import groupby
from pathlib import Path

import structlog

from pipeline.deadletters import DeadLetters, DeadLettersUnwritableError
from pipeline.feeds.contract import RawBatch, Status
from pipeline.letters import REQUEUE_SUFFIX, Requeued

PARTITION = "requeue"
_log = structlog.get_logger(__name__)


class RequeueFeed:
    """Reads the requeue of one feed (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Positions are the rising numbers of the requeue: a crash repeats what the snapshots do not hold, and the flow drops
    it as repeats.

    Where processes share the work, a record that came from partition 3 is in partition ``requeue/3``, and each process
    reads its own: so it goes where its key belongs. All may read one store, and each may have its own.

    Args:
        feed: name of the feed whose letters these are. The name of this one is ``<feed>/requeue``.
        path: of the dead letters.
        numbers: of the partitions that are ours; None: the work is not shared.
    """

    def __init__(self, feed: str, path: Path, numbers: Collection[int] | None = None) -> None:
        self.name = feed + REQUEUE_SUFFIX
        self._feed = feed
        self._path = path
        self._names = None if numbers is None else {number: f"{PARTITION}/{number}" for number in sorted(numbers)}
        self._positions: dict[str, int] = {}
        self._looked_to = 0
        self._stuck = False
        self._letters: DeadLetters | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Start behind the last record taken."""
        names = [PARTITION] if self._names is None else self._names.values()
        self._positions = {name: positions.get(name, 0) for name in names}
        self._looked_to = min(self._positions.values(), default=0)
        self._letters = DeadLetters(self._path)

    def partitions(self) -> dict[str, Status]:
        """Return our partitions: always read to their end, as somebody may requeue more."""
        return dict.fromkeys([PARTITION] if self._names is None else self._names.values(), Status.CAUGHT_UP)

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what was requeued since; records that are mapped already come in batches of their own."""
        del partition
        letters = self._letters
        if letters is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        found = letters.requeued(self._feed, self._looked_to, max_records)
        if not found:
            return []
        waiting = [(name, record) for record in found if (name := self._ours(record)) is not None]
        try:
            if waiting:
                letters.mark_replayed([record.letter for _, record in waiting])
        except DeadLettersUnwritableError as error:
            if not self._stuck:
                _log.warning("requeue.waits", feed=self._feed, error=str(error))
            self._stuck = True
            return []
        self._stuck = False
        self._looked_to = found[-1].seq
        # Also where nothing was ours: it has been looked at.
        self._positions = {name: max(at, self._looked_to) for name, at in self._positions.items()}
        runs = groupby(waiting, key=lambda item: (item[0], item[1].mapped))
        return [self._batch(name, mapped, [record for _, record in run]) for (name, mapped), run in runs]

    def _ours(self, record: Requeued) -> str | None:
        """Return which of our partitions a record is in; None: in none, or it was taken before."""
        if self._names is None:
            return PARTITION
        number = partition_number(record.partition)
        name = None if number is None else self._names.get(number)
        return name if name is not None and record.seq > self._positions[name] else None

    def _batch(self, partition: str, mapped: bool, run: list[Requeued]) -> RawBatch:
        return RawBatch(
            feed=self.name,
            partition=partition,
            offsets=[record.seq for record in run],
            records=[record.raw for record in run],
            mapped=mapped,
        )

    def positions(self) -> dict[str, int]:
        """Return, by partition, the number of the last record that was read, or looked at."""
        return dict(self._positions)

    def close(self) -> None:
        """Close the store."""
        if self._letters is not None:
            self._letters.close()
            self._letters = None


def partition_number(partition: str) -> int | None:
    """Return the number of a Kafka partition from its name, or of one of the requeue; None: it has none.

    >>> partition_number("cases/12"), partition_number("requeue/3"), partition_number("orders.csv")
    (12, 3, None)
    """
    _, slash, number = partition.rpartition("/")
    return int(number) if slash and number.isdecimal() else None
