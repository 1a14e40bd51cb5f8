"""The thread that asks a database, so that the flow never waits for it."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import sqlalchemy as sa
import structlog

from config.durations import US_PER_SECOND
from config.secret import SecretMissingError
from pipeline.feeds.contract import FeedError
from pipeline.feeds.sql_marks import MarkError
from pipeline.feeds.sql_settings import SqlSettings
from pipeline.feeds.sql_tables.connect import Database
from pipeline.feeds.sql_tables.sweep import Page, Sweeper

PAGES_AHEAD = 4
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
_PATIENCE_S = 5.0
_log = structlog.get_logger(__name__)


class _StoppedError(Exception):
    """The feed is being closed."""


class SqlReader:
    """Sweeps over a table until it is closed, or once.

    Args:
        name: of the feed.
        settings: of the feed.
        figures: as for :class:`Sweeper`.
        recording: one sweep, and the end.
        clock_us: the wall clock, microseconds UTC.

    Attributes:
        pages: what was read, with the number of the outage before it; a bounded queue.
        outages: how many there have been. What was read before one says nothing about now.
        trouble: why the database cannot be read, or None.
        died: an exception that is a mistake of ours, or None.

    Raises:
        FeedError, SecretMissingError: as :class:`Database` does.
    """

    def __init__(
        self,
        name: str,
        settings: SqlSettings,
        figures: dict[str, int],
        *,
        recording: bool,
        clock_us: Callable[[], int],
    ) -> None:
        self.pages: queue.Queue[tuple[int, float, Page]] = queue.Queue(PAGES_AHEAD)
        self.outages = 0
        self.trouble: str | None = None
        self.died: Exception | None = None
        self._name = name
        self._settings = settings
        self._recording = recording
        self._clock_us = clock_us
        self._stop = threading.Event()
        self._asked_s: float | None = None
        self._began_s = monotonic()
        self._log = _log.bind(feed=name)
        self._database = Database(name, settings)
        self._sweeper = Sweeper(
            name, settings, figures, recording=recording, hand_over=self._hand_over, asking=self._asking
        )
        self._thread = threading.Thread(target=self._run, name=f"sql-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def hangs(self) -> bool:
        """Whether the database has been silent for longer than the settings allow."""
        asked_s = self._asked_s
        return asked_s is not None and monotonic() - asked_s > self._settings.timeout / US_PER_SECOND

    def close(self) -> None:
        """Stop. A query that hangs is left to itself."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        self._database.close()

    def _run(self) -> None:
        try:
            self._look_again_and_again()
        except _StoppedError:
            pass
        except Exception as error:
            # Raised again where the feed is asked.
            self.died = error

    def _look_again_and_again(self) -> None:
        every_s = self._settings.every / US_PER_SECOND
        pause_s = FIRST_WAIT_S
        while not self._stop.is_set():
            self._began_s = monotonic()
            try:
                self._sweep()
            except (sa.exc.SQLAlchemyError, OSError, MarkError, FeedError, SecretMissingError) as error:
                self._ill(error, pause_s)
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_WAIT_S)
                continue
            pause_s = FIRST_WAIT_S
            if self._recording:
                return
            self._stop.wait(max(0.0, self._began_s + every_s - monotonic()))

    def _sweep(self) -> None:
        if self.trouble is not None:
            # The password may be another one now.
            self._database.close()
            self._database = Database(self._name, self._settings)
        with self._asking():
            connection = self._database.connect()
        with connection:
            self._sweeper.sweep(connection, None if self._recording else self._clock_us())

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._asked_s = monotonic()
        try:
            yield
        finally:
            if self.hangs:
                self.outages += 1
            self._asked_s = None

    def _hand_over(self, page: Page) -> None:
        if self.trouble is not None:
            self._log.info("sql.reachable", was=self.trouble)
            self.trouble = None
        while not self._stop.is_set():
            try:
                self.pages.put((self.outages, self._began_s, page), timeout=0.2)
            except queue.Full:
                continue
            return
        raise _StoppedError

    def _ill(self, error: Exception, retry_in_s: float) -> None:
        told = self._database.told(error)
        if told != self.trouble:
            self._log.error("sql.unreachable", reason=told, retry_in_s=retry_in_s, action="trying again")
        self.outages += 1
        self.trouble = told
