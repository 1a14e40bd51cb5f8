"""Where circuit breakers are kept: in the store, so that all notifiers share them, or in memory."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from alerts.connection import Scripts
from alerts.groups import HEAD
from alerts.store import AlertStore

What = Literal["look", "enter", "failed", "worked", "nothing"]


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """How a breaker stands.

    Attributes:
        failures: in a row, of all notifiers.
        is_open: whether the channel is left alone (or probed).
        left_us: until it may be probed.
        granted: the caller is the one who probes it.
    """

    failures: int = 0
    is_open: bool = False
    left_us: int = 0
    granted: bool = False


CLOSED = BreakerState()


class Breakers(Protocol):
    """Keeps breakers. Thread-safe."""

    def say(
        self, channel: str, what: What, token: str, *, failures: int, open_for_us: int, probe_us: int
    ) -> BreakerState:
        """Say what was learnt about a channel, or ask; return how its breaker stands.

        Args:
            channel: its name.
            what: ``look``; ``enter``: a message is to go out; ``failed``; ``worked``; ``nothing`` was learnt.
            token: of who asks, so that a probe can be given back.
            failures: in a row, that open it.
            open_for_us: how long it stays open before it is probed.
            probe_us: how long a probe may take; another one may be made afterwards.

        Raises:
            StoreUnavailableError: the store is away.
        """
        ...


class OwnBreakers:
    """Breakers that nobody shares: the rules of ``breaker.lua`` in memory, for what must not touch the store.

    Args:
        clock: answers microseconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def say(
        self, channel: str, what: What, token: str, *, failures: int, open_for_us: int, probe_us: int
    ) -> BreakerState:
        """Say what was learnt, or ask: see :class:`Breakers`."""
        with self._lock:
            now_us = self._clock()
            if what == "worked":
                self._kept.pop(channel, None)
                return CLOSED
            kept = self._kept.setdefault(channel, _Kept())
            if kept.opened_us is not None:
                kept.opened_us = min(kept.opened_us, now_us)  # the clock was set back
            if what == "failed":
                kept.failures += 1
                if kept.failures >= failures or kept.opened_us is not None:
                    kept.opened_us, kept.probe = now_us, ""
            elif what == "nothing" and kept.probe == token:
                kept.probe = ""
            if kept.opened_us is None:
                return BreakerState(failures=kept.failures)
            left_us = max(0, kept.opened_us + open_for_us - now_us)
            free = not kept.probe or not now_us < kept.probe_until_us <= now_us + probe_us
            if what == "enter" and left_us == 0 and free:
                kept.probe, kept.probe_until_us = token, now_us + probe_us
                return BreakerState(failures=kept.failures, is_open=True, granted=True)
            return BreakerState(failures=kept.failures, is_open=True, left_us=left_us)


class _Kept(msgspec.Struct):
    failures: int = 0
    opened_us: int | None = None
    probe: str = ""
    probe_until_us: int = 0


class SharedBreakers:
    """The breakers of a store, which all notifiers share.

    Args:
        store: that the notifiers share.
        clock_us: None: the clock of Redis. Tests inject their own.
    """

    def __init__(self, store: AlertStore, *, clock_us: Callable[[], int] | None = None) -> None:
        self._prefix = store.keys.prefix
        self._clock_us = clock_us
        self._scripts = Scripts(store.client, Path(__file__).parent, [HEAD])

    def say(
        self, channel: str, what: What, token: str, *, failures: int, open_for_us: int, probe_us: int
    ) -> BreakerState:
        """Say what was learnt, or ask: see :class:`Breakers`."""
        now: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        times = -(-open_for_us // 1000), -(-probe_us // 1000)
        answer: Any = self._scripts.run("breaker", self._prefix, now, channel, what, failures, *times, token)
        count, is_open, left_ms, granted = (int(one) for one in answer)
        return BreakerState(failures=count, is_open=is_open == 1, left_us=left_ms * 1000, granted=granted == 1)
