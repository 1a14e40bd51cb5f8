"""Being woken when something was written to the store, instead of looking every few milliseconds."""

import threading
from types import TracebackType
from typing import Any, Self

import redis

from alerts.store import AlertStore

_LONGEST_S = 0.25


class Waking:
    """Listens for what scripts publish. It only makes things quicker: who waits looks again after a while anyway.

    Args:
        store: whose scripts.
        name: of the channel: ``wake`` (something is to be decided), ``wake:lines`` (something is to be delivered).
    """

    def __init__(self, store: AlertStore, name: str) -> None:
        self._store = store
        self._name = name
        self._listening: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait until something was written, ``seconds`` have passed, or (soon after) ``stop`` is set."""
        try:
            if self._listening is None:
                listening = self._store.client.pubsub(ignore_subscribe_messages=True)
                listening.subscribe(self._store.keys.named(self._name))
                self._listening = listening
                return  # something may have been written before we listened
            if self._listening.get_message(timeout=min(seconds, _LONGEST_S)) is not None:
                while self._listening.get_message(timeout=0) is not None:
                    pass  # one look is enough for all of them
        except (redis.RedisError, OSError):
            self._forget()
            stop.wait(seconds)

    def _forget(self) -> None:
        if self._listening is not None:
            listening, self._listening = self._listening, None
            try:
                listening.close()
            except (redis.RedisError, OSError):
                return  # it is gone already
