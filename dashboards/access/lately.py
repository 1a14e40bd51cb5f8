"""Sessions as requests ask for them; while Redis is away, whoever was there may look on."""

from collections import OrderedDict

from anyio import to_thread

from alerts.connection import StoreUnavailableError
from dashboards.access.sessions import Session, Sessions
from dashboards.access.tokens import digest_of

_LATELY_US = 600_000_000
_MOST_KEPT = 10_000


class Lately:
    """Finds sessions, and remembers those that were good within the last ten minutes.

    Args:
        sessions: in Redis.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._kept: OrderedDict[bytes, tuple[Session, int]] = OrderedDict()

    async def find(self, key: str, now_us: int, *, looks: bool) -> Session | None:
        """Return the session of an id; None when there is none.

        While Redis is away, one that was good lately will do for a request that only looks: what is shown says that it
        is old. Nobody can end a session meanwhile, and nothing can be changed.

        Raises:
            StoreUnavailableError: it cannot be known now.
        """
        digest = digest_of(key)
        try:
            session = await to_thread.run_sync(self._sessions.find, key, now_us)
        except StoreUnavailableError:
            known, seen_us = self._kept.get(digest, (None, 0))
            if known is None or not looks or not 0 <= now_us - seen_us < _LATELY_US:
                raise
            return known
        self._kept.pop(digest, None)
        if session is not None:
            self._kept[digest] = (session, now_us)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return session
