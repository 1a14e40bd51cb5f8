"""Group commit: many waiting requests share one write and one fsync."""

import asyncio
import errno
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import structlog

from config.metrics.ingest import COMMIT
from pipeline.ingest.frames import frame
from pipeline.ingest.spoolfile import SpoolFile

TIDY_EVERY_S = 1.0
MAX_GROUP_BYTES = 16 << 20
BUCKETS_S = COMMIT.buckets
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log = structlog.get_logger(__name__)


class NotKeptError(Exception):
    """Records could not be made durable: the sender must come again.

    Attributes:
        busy: there is no room just now; otherwise the disk (or the broker) fails.
        retry_after_s: when it is worth a try.
    """

    def __init__(self, reason: str, *, busy: bool, retry_after_s: int) -> None:
        super().__init__(reason)
        self.busy = busy
        self.retry_after_s = retry_after_s


class _Waiting(NamedTuple):
    frames: list[bytes]
    size: int
    kept: "asyncio.Future[None]"


class Commits:
    """How long commits took: read by the metrics.

    Attributes:
        counts: commits by bucket of :data:`BUCKETS_S`, longer ones last.
        seconds: in all.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.seconds = 0.0

    def note(self, took_s: float) -> None:
        """Count a commit."""
        index = next((number for number, bound in enumerate(BUCKETS_S) if took_s <= bound), len(BUCKETS_S))
        self.counts[index] += 1
        self.seconds += took_s


class GroupCommit:
    """Writes to one spool from a thread of its own. Its methods are called from the event loop.

    Args:
        file: of the spool; this object closes it.
        name: of the feed, for the log and the thread.
        max_bytes: of the spool.
        max_waiting_bytes: what may wait at most.
        timer_s: a monotonic clock in seconds.
    """

    def __init__(
        self, file: SpoolFile, name: str, *, max_bytes: int, max_waiting_bytes: int, timer_s: Callable[[], float]
    ) -> None:
        self.file = file
        self.commits = Commits()
        self.waiting_bytes = 0
        self.trouble = ""
        self._max_bytes = max_bytes
        self._max_waiting_bytes = max_waiting_bytes
        self._timer_s = timer_s
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._log = _log.bind(feed=name)
        self._thread = threading.Thread(target=self._run, name=f"spool-{name}", daemon=True)
        self._thread.start()

    def submit(
        self, records: Sequence[bytes], received_us: int, headers: Mapping[bytes, bytes]
    ) -> "asyncio.Future[None]":
        """Take records; the future is done when they are durable, and fails with :class:`NotKeptError`.

        Raises:
            NotKeptError: at once, when there is no room.
        """
        del headers
        frames = [frame(record, received_us) for record in records]
        size = sum(map(len, frames))
        if self.waiting_bytes + size > self._max_waiting_bytes:
            reason = "more waits to be written than max_waiting_bytes"
            raise NotKeptError(reason, busy=True, retry_after_s=2)
        if self.file.total_bytes + self.waiting_bytes + size > self._max_bytes:
            reason = "the spool has reached max_spool_bytes, and nothing in it may be deleted: does the flow run?"
            raise NotKeptError(reason, busy=True, retry_after_s=30)
        self.waiting_bytes += size
        kept = self._loop.create_future()
        self._queue.put(_Waiting(frames, size, kept))
        return kept

    def close(self) -> None:
        """Write what waits, then close the spool. Blocks until it is done."""
        self._queue.put(None)
        self._thread.join()
        self.file.close()

    def _run(self) -> None:
        tidy_at_s = self._timer_s()
        going = True
        while going:
            group: list[_Waiting] = []
            try:
                going = self._gather(group)
            except queue.Empty:
                tidy_at_s = 0.0
            if group:
                self._commit(group)
            if self._timer_s() >= tidy_at_s:
                tidy_at_s = self._timer_s() + TIDY_EVERY_S
                self._tidy()

    def _gather(self, group: list[_Waiting]) -> bool:
        """Fill ``group`` with what waits, or wait for the first; return False when the end was asked for."""
        size = 0
        item = self._queue.get(timeout=TIDY_EVERY_S)
        while item is not None:
            group.append(item)
            size += item.size
            if size >= MAX_GROUP_BYTES:
                return True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return True
        return False

    def _commit(self, group: list[_Waiting]) -> None:
        error: NotKeptError | None = None
        started_s = self._timer_s()
        try:
            self.file.append(list(chain.from_iterable(waiting.frames for waiting in group)))
        except OSError as failure:
            error = _explained(failure)
        except Exception as failure:
            # A defect. Without this thread nobody who waits, or comes later, would ever be answered.
            self._log.exception("spool.defect")
            error = NotKeptError(f"a defect: {failure!r}", busy=False, retry_after_s=30)
        self.commits.note(self._timer_s() - started_s)
        trouble = "" if error is None else str(error)
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble:
                self._log.error("spool.not_written", reason=trouble)
            else:
                self._log.info("spool.written_again")
        self._loop.call_soon_threadsafe(self._settle, group, error)

    def _settle(self, group: list[_Waiting], error: NotKeptError | None) -> None:
        for _, size, kept in group:
            self.waiting_bytes -= size
            if not kept.done():
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(error)

    def _tidy(self) -> None:
        try:
            self.file.tidy()
        except OSError as failure:
            self._log.warning("spool.not_tidied", reason=failure.strerror)


def _explained(failure: OSError) -> NotKeptError:
    if failure.errno in _NO_ROOM:
        return NotKeptError(f"no room on the disk of the spool: {failure.strerror}", busy=True, retry_after_s=30)
    return NotKeptError(f"the disk of the spool fails: {failure.strerror}", busy=False, retry_after_s=30)
