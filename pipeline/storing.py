"""Alert changes of a running flow on their way into the store: none is lost while it is away, or by its restart.

A Redis that does not write each change to disk at once may forget, with the power of its machine, what it has
acknowledged. The flow will not find those changes again: its own state has gone on. So it remembers the last ones for
a while, and gives them again to a server that is not the one that acknowledged them. What the server still knows has
no effect then.
"""

from collections import deque
from collections.abc import Callable, Sequence

import structlog

from alerts import durability
from alerts.connection import StoreUnavailableError
from alerts.store import AlertStore
from detectors.contract import AlertChange

SAFE_AFTER_S = 5.0
"""Changes that a server acknowledged this long before it was last seen alive are on its disk, if it has one."""
LOOK_AFTER_S = 6.0
LOOK_AGAIN_S = 30.0
_CANNOT_TELL = ""

log = structlog.get_logger(__name__)


class Storer:
    """Writes changes to the store.

    Args:
        store: of the alerts.
        wait: waits that many seconds; answers True when waiting should end, because the program stops.
        tell: is told why changes cannot be stored now, and None when they can again.
        clock_s: a monotonic clock in seconds.
    """

    def __init__(
        self,
        store: AlertStore,
        *,
        wait: Callable[[float], bool],
        tell: Callable[[str | None], None],
        clock_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._wait = wait
        self._tell = tell
        self._clock_s = clock_s
        self._why = ""
        self._server = _CANNOT_TELL
        self._recent: deque[tuple[float, Sequence[AlertChange]]] = deque()
        self._look_at_s = float("inf")

    def apply(self, changes: Sequence[AlertChange]) -> None:
        """Store changes, durably as far as the store can; while it is away, wait and try again, without end.

        Raises:
            StoreUnavailableError: only when the program stops. The flow will have the same changes again.
        """
        self._store.apply_waiting(changes, wait=self._wait, on_away=self._is_away)
        self._is_there()
        self._recent.append((self._clock_s(), list(changes)))
        self._compare()
        self._look_at_s = self._clock_s() + LOOK_AFTER_S

    def look(self) -> None:
        """See whether the store still has what it acknowledged last. Call it often; it asks seldom."""
        if self._clock_s() >= self._look_at_s:
            self._look_at_s = float("inf") if self._compare() else self._clock_s() + LOOK_AGAIN_S

    def warn(self) -> None:
        """Log why the store may lose what it acknowledges, if it may."""
        try:
            told = durability.doubts(self._store.client)
        except StoreUnavailableError:
            return  # asked again when another server answers
        for doubt in told:
            log.warning("store.may_lose_changes", why=doubt)

    def _compare(self) -> bool:
        """Give the last changes again when another server answers than took them; return whether one answered."""
        try:
            server = durability.run_id(self._store.client)
        except StoreUnavailableError:
            return False
        now_s = self._clock_s()
        if server != self._server:
            known, self._server = self._server, server
            self.warn()
            if known != _CANNOT_TELL:
                self._give_again()
        while self._recent and now_s - self._recent[0][0] > SAFE_AFTER_S:
            self._recent.popleft()
        return True

    def _give_again(self) -> None:
        changes = [change for _, some in self._recent for change in some]
        missing = self._store.apply_waiting(changes, wait=self._wait, on_away=self._is_away)
        self._is_there()
        log.warning("store.another_server", given_again=len(changes), were_missing=missing)

    def _is_away(self, error: StoreUnavailableError, retry_in_s: float) -> None:
        del retry_in_s
        complaint = self._store.complaint()
        why = f"{error}; {complaint}" if complaint else str(error)
        if why != self._why:
            log.warning("store.away", error=why, action="the flow waits")
            self._tell(why)
        self._why = why

    def _is_there(self) -> None:
        if self._why:
            log.info("store.there", was=self._why)
            self._tell(None)
        self._why = ""
