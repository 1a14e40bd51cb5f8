"""The requeue as a feed: dead letters that somebody sent again with ``makegood deadletters replay``.

It is no feed of the settings. Beside each feed that they name stands one of these and reads what was requeued for it;
its records go the same way as the feed's own.
"""

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

    Args:
        feed: name of the feed whose letters these are. The name of this one is ``<feed>/requeue``.
        path: of the dead letters.
    """

    def __init__(self, feed: str, path: Path) -> None:
        self.name = feed + REQUEUE_SUFFIX
        self._feed = feed
        self._path = path
        self._position = 0
        self._stuck = False
        self._letters: DeadLetters | None = None

    def open(self, positions: dict[str, int]) -> None:
        """Start behind the last record taken."""
        self._position = positions.get(PARTITION, 0)
        self._letters = DeadLetters(self._path)

    def partitions(self) -> dict[str, Status]:
        """Return the one partition: always read to its end, as somebody may requeue more."""
        return {PARTITION: Status.CAUGHT_UP}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what was requeued since; records that are mapped already come in batches of their own."""
        del partition
        letters = self._letters
        if letters is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        waiting = letters.requeued(self._feed, self._position, max_records)
        if not waiting:
            return []
        try:
            letters.mark_replayed([record.letter for record in waiting])
        except DeadLettersUnwritableError as error:
            if not self._stuck:
                _log.warning("requeue.waits", feed=self._feed, error=str(error))
            self._stuck = True
            return []
        self._stuck = False
        self._position = waiting[-1].seq
        return [self._batch(mapped, list(run)) for mapped, run in groupby(waiting, key=lambda record: record.mapped)]

    def _batch(self, mapped: bool, run: list[Requeued]) -> RawBatch:
        return RawBatch(
            feed=self.name,
            partition=PARTITION,
            offsets=[record.seq for record in run],
            records=[record.raw for record in run],
            mapped=mapped,
        )

    def positions(self) -> dict[str, int]:
        """Return the number of the last record that was read."""
        return {PARTITION: self._position}

    def close(self) -> None:
        """Close the store."""
        if self._letters is not None:
            self._letters.close()
            self._letters = None
