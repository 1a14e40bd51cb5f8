"""Findings of a running flow: counted and kept, and never a reason to stop. They explain alerts; they are none."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import structlog

from config.settings import FindingsSettings
from detectors.contract import Finding
from pipeline.findings.counts import FindingCounts
from pipeline.findings.store import FindingsFormatError, FindingStore

AT_ONCE = 2_000
"""Findings written in one transaction, at most: the flow waits for it."""
MOST_WAITING = 20_000
"""Findings that wait while they cannot be written; beyond it the oldest are dropped."""
PRUNE_EVERY_US = 60_000_000
"""Wall time between two looks for findings that should go, in microseconds."""

log = structlog.get_logger(__name__)


class FindingKeeper:
    """Counts findings, and writes them to their store; while that cannot be written they wait, and then are dropped.

    Args:
        path: of the store.
        settings: how long and how much is kept.
        windows: names of the window detectors: what case detectors find is only counted.
        tell: is told why findings cannot be kept, and None when they can again.

    Attributes:
        counts: may be read in any thread.
        also: is given all findings.
    """

    def __init__(
        self,
        path: Path,
        settings: FindingsSettings,
        *,
        windows: frozenset[str],
        tell: Callable[[str | None], None],
    ) -> None:
        self.path = path
        self.counts = FindingCounts(sorted(windows))
        self.also: Callable[[Sequence[Finding]], None] = lambda _: None
        self._settings = settings
        self._windows = windows
        self._tell = tell
        self._waiting: deque[Finding] = deque()
        self._store: FindingStore | None = None
        self._inode = 0
        self._why = ""
        self._prune_at_us = 0

    def take(self, findings: Sequence[Finding]) -> None:
        """Take findings; they are written at once when they are many, else when :meth:`settle` is called."""
        self.counts.add(findings)
        self.also(findings)
        if self._settings.keep == 0:
            return
        self._waiting.extend(finding for finding in findings if finding.detector in self._windows)
        if len(self._waiting) >= AT_ONCE and not self._why:
            self.settle()
        too_many = len(self._waiting) - MOST_WAITING
        if too_many > 0:
            self.counts.dropped += too_many
            for _ in range(too_many):
                self._waiting.popleft()

    def settle(self) -> None:
        """Write what waits, if it can be written now."""
        while self._waiting and self._try("kept", self._write):
            pass

    def look(self, now_us: int) -> None:
        """Delete findings that are too old or too many, a few at a time. Call it often.

        Args:
            now_us: the wall clock, microseconds since 1970 UTC.
        """
        if now_us < self._prune_at_us or self._store is None:
            return
        self._prune_at_us = now_us + PRUNE_EVERY_US
        self._try("deleted", lambda: self._prune(now_us))

    def close(self) -> None:
        """Write what waits, if it can be, and close the file."""
        self.settle()
        if self._waiting:
            self.counts.dropped += len(self._waiting)
            log.warning("findings.dropped", findings=len(self._waiting), why=self._why)
            self._waiting.clear()
        self._forget_store()

    def _write(self) -> None:
        some = list(islice(self._waiting, AT_ONCE))
        self._opened().add(some)
        for _ in some:
            self._waiting.popleft()

    def _prune(self, now_us: int) -> None:
        if self._opened().prune(self._settings.keep, self._settings.max_bytes):
            self._prune_at_us = now_us

    def _opened(self) -> FindingStore:
        # Somebody may have moved or deleted the file: what is written to it then is lost.
        if self._store is not None and (not self.path.exists() or self.path.stat().st_ino != self._inode):
            self._forget_store()
        if self._store is None:
            self._store = FindingStore(self.path)
            self._inode = self.path.stat().st_ino
        return self._store

    def _forget_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _try(self, what: str, act: Callable[[], None]) -> bool:
        """Return whether something could be done with the store; say so when that changes."""
        try:
            act()
        except (sqlite3.Error, OSError, FindingsFormatError) as error:
            why = f"findings cannot be {what} in {self.path}: {error}"
            if why != self._why:
                log.error("findings.unwritable", why=why, action="alerts go on; findings wait, then are dropped")
                self._tell(why)
            self._why = why
            self._forget_store()
            return False
        if self._why:
            log.info("findings.writable", waited=len(self._waiting), dropped=self.counts.dropped)
            self._tell(None)
            self._why = ""
        return True
