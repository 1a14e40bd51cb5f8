"""The HTTP feed: reads the spool into which ``makegood ingest`` writes what others push."""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import structlog

from pipeline.feeds.contract import FEEDS, BadRecord, FeedContext, RawBatch, Status
from pipeline.ingest import folder as place
from pipeline.ingest.folder import PARTITION
from pipeline.ingest.reader import SpoolReader
from pipeline.ingest.settings import HttpSettings
from pipeline.reasons import Reason

ID = f"{PARTITION}\tid"
"""Key under which ``positions`` names the spool itself, beside the offset in it."""
SETTLED_AFTER = 3
"""Snapshots behind which an earlier one has certainly been committed: the engine runs at most one epoch ahead."""
SETTLED_AFTER_S = 60.0
_TAKES_A_POLL = 4

_log = structlog.get_logger(__name__)


class _Snapshot(NamedTuple):
    at_s: float
    position: int


@FEEDS.register("http", HttpSettings)
class HttpFeed:
    """Reads a spool (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    One process reads a spool: with a share other than the first it has no partition. It has none either where
    records go to Kafka (``to``): a feed of type ``kafka`` reads them there.

    While ``makegood ingest`` does not run, the partition is unreachable: nobody could have sent anything, so silence
    means nothing.

    Args:
        name: of the feed.
        settings: of the feed.
        context: where the spools are; a recording is read as it lies there, then ends.
        timer_s: a monotonic clock in seconds.
    """

    def __init__(
        self, name: str, settings: HttpSettings, context: FeedContext, *, timer_s: Callable[[], float] = monotonic
    ) -> None:
        self.name = name
        self._folder = context.spool / name
        self._reads = context.share.index == 0 and settings.to is None
        self._recording = context.recording
        self._limit = settings.max_record_bytes
        self._timer_s = timer_s
        self._lock = place.Lock(self._folder)
        self._mark = place.reader_mark(self._folder)
        self._resume: dict[str, int] = {}
        self._reader: SpoolReader | None = None
        self._id = 0
        self._snapshots: deque[_Snapshot] = deque()
        self._saved = 0

    def open(self, positions: dict[str, int]) -> None:
        """Start reading; the spool need not be there yet."""
        self._resume = dict(positions)
        self._find()

    def partitions(self) -> dict[str, Status]:
        """Return the one partition with its status."""
        if not self._reads:
            return {}
        reader = self._reader
        if reader is not None and reader.position < reader.end():
            return {PARTITION: Status.READING}
        if self._recording:
            return {PARTITION: Status.ENDED}
        return {PARTITION: Status.CAUGHT_UP if self._lock.is_held() else Status.UNREACHABLE}

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what is durable by now."""
        del partition
        reader = self._reader or self._find()
        if reader is None:
            return []
        offsets: list[int] = []
        records: list[bytes] = []
        bad: list[BadRecord] = []
        for _ in range(_TAKES_A_POLL):
            room = max_records - len(records) - len(bad)
            if room <= 0:
                break
            taken = reader.take(room)
            if taken.bad is not None:
                bad.append(taken.bad)
            elif not taken.records:
                break
            elif max(map(len, taken.records)) <= self._limit:
                offsets += taken.offsets
                records += taken.records
            else:
                for offset, record in zip(taken.offsets, taken.records, strict=True):
                    if len(record) > self._limit:
                        bad.append(self._too_large(offset, record))
                    else:
                        offsets.append(offset)
                        records.append(record)
        return [RawBatch(self.name, PARTITION, offsets, records, bad)] if records or bad else []

    def _too_large(self, offset: int, record: bytes) -> BadRecord:
        detail = f"the record has {len(record)} bytes, at most {self._limit} are allowed"
        return BadRecord(offset, record, Reason.TOO_LARGE, detail)

    def positions(self) -> dict[str, int]:
        """Return the offset after the last record that ``poll`` returned, and which spool it is in.

        It is asked for at every snapshot: what older ones hold is not needed again, and the writer is told so.
        """
        if self._reader is None:
            return dict(self._resume)
        if not self._recording:
            self._tell(self._reader.position)
        return {PARTITION: self._reader.position, ID: self._id}

    def close(self) -> None:
        """Close the files."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._lock.close()
        self._mark.close()

    def _find(self) -> SpoolReader | None:
        """Begin to read the spool, when it is there."""
        found = place.read_id(self._folder) if self._reads else None
        if found is None:
            return None
        position = self._resume.get(PARTITION, 0)
        if self._resume.get(ID, found) != found:
            reason = "it is not the spool that was read before; it is read from its beginning"
            _log.error("spool.replaced", feed=self.name, spool=str(self._folder), reason=reason)
            position = 0
        self._id = found
        self._saved = position
        self._reader = SpoolReader(self._folder, position, live=not self._recording)
        return self._reader

    def _tell(self, position: int) -> None:
        """Tell the writer how far we have read, and which position no restart will go behind."""
        snapshots, now_s = self._snapshots, self._timer_s()
        snapshots.append(_Snapshot(now_s, position))
        while len(snapshots) > SETTLED_AFTER and now_s - snapshots[0].at_s >= SETTLED_AFTER_S:
            self._saved = snapshots.popleft().position
        try:
            self._mark.write(position, self._saved)
        except OSError as error:
            # The writer keeps more than it need; nothing else depends on it.
            _log.warning("spool.reader_mark_not_written", feed=self.name, reason=error.strerror)
