"""Says every few seconds in the store how a process is, from a thread of its own."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog

from alerts.connection import StoreError, StoreUnavailableError
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore

EVERY_US = 2_000_000
_log = structlog.get_logger(__name__)


class Saying:
    """Says it while a ``with`` block lasts. A store that is away does not hold the process up.

    Args:
        store: of the alerts.
        kind, name: as in :class:`alerts.statuses.Status`.
        report: returns whether all is well, and the evidence; called in the thread.
        now_us: the time of day, microseconds UTC.
        forget: what was said goes when it ends in order: nobody misses it. Else it stays, and grows old.
    """

    def __init__(
        self,
        store: AlertStore,
        kind: str,
        name: str,
        report: Callable[[], tuple[bool, dict[str, Any]]],
        now_us: Callable[[], int],
        *,
        forget: bool = False,
    ) -> None:
        self._statuses = Statuses(store)
        self._kind = kind
        self._name = name
        self._report = report
        self._now_us = now_us
        self._forget = forget
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"saying-{kind}", daemon=True)
        self._told = ""

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()
        if self._forget:
            try:
                self._statuses.forget(self._kind, self._name)
            except (StoreUnavailableError, StoreError) as failed:
                _log.warning("status_not_forgotten", why=str(failed))

    def _run(self) -> None:
        while True:
            self._say()
            if self._stop.wait(EVERY_US / 1e6):
                return

    def _say(self) -> None:
        well, report = self._report()
        status = Status(
            kind=self._kind, name=self._name, at_us=self._now_us(), every_us=EVERY_US, well=well, report=report
        )
        try:
            self._statuses.say(status)
        except (StoreUnavailableError, StoreError) as error:
            if str(error) != self._told:  # screens see that nothing is said any more; once in the log is enough
                self._told = str(error)
                _log.warning("status_not_said", why=self._told)
        else:
            self._told = ""
