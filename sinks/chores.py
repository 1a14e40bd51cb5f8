"""Chores: what one of the notifiers does now and then, by the clock, beside its work: audits, drills, canaries.

When a chore was done last, and who does it now, is in the store: of several notifiers one does it, and when that one
dies another does it over once the lease has run out. Chores run in threads of their own, so that nothing that they wait
for can hold up the notifications.
"""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from alerts.connection import Scripts, StoreUnavailableError, store_errors
from alerts.groups import HEAD
from alerts.store import AlertStore

_log = structlog.get_logger("makegood.chores")
_LOOK_EVERY_US = 1_000_000
_CLOSING_S = 5.0
_US = 1000


class ChoreEndedError(Exception):
    """The program stops, or another notifier has taken the chore over. Leave it."""


Hold = Callable[[], None]
"""Begins the lease anew. To be called now and then.

Raises:
    ChoreEndedError: leave the chore.
"""


class Chore(NamedTuple):
    """Something to be done by the clock.

    Attributes:
        name: the same in all notifiers.
        next_us: ``next_us(last) -> when it is due next``; None: never again.
        run: ``run(now, hold)``; microseconds UTC.
        lease_us: how long nothing may be heard of whoever does it, before another does it over.
    """

    name: str
    next_us: Callable[[int], int | None]
    run: Callable[[int, Hold], None]
    lease_us: int = 60_000_000


def every(period_us: int) -> Callable[[int], int | None]:
    """Return what says that a chore is due again after so long."""
    return lambda last_us: last_us + period_us


class Chores:
    """The chores of one notifier.

    Args:
        store: shared by all notifiers.
        chores: what there is to do.
        clock_us: None: the clock of Redis. Tests inject their own.
        on_defect: is told of each unexpected error in a chore.
        refresh: called at each look, about once a second; for figures.
    """

    def __init__(
        self,
        store: AlertStore,
        chores: Sequence[Chore],
        *,
        clock_us: Callable[[], int] | None = None,
        on_defect: Callable[[], None] = lambda: None,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._chores = {chore.name: chore for chore in chores}
        self._clock_us = clock_us
        self._on_defect = on_defect
        self._refresh = refresh
        self._scripts = Scripts(store.client, Path(__file__).parent, [HEAD])
        self._looked_us: int | None = None
        self._running: dict[str, threading.Thread] = {}
        self.ending = threading.Event()

    def due(self, now_us: int) -> None:
        """Begin what is due, in threads of its own, and return at once. Does nothing more often than once a second.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        if self._looked_us is not None and 0 <= now_us - self._looked_us < _LOOK_EVERY_US:
            return
        self._looked_us = now_us
        self._refresh()
        for chore in self._waiting(now_us):
            thread = threading.Thread(target=self._take_and_run, args=(chore,), name=f"chore-{chore.name}", daemon=True)
            self._running[chore.name] = thread
            thread.start()

    def run_due(self, now_us: int) -> list[str]:
        """Do what is due, here and now; return the names of what was done."""
        return [chore.name for chore in self._waiting(now_us) if self._take_and_run(chore)]

    def run_now(self, name: str) -> bool:
        """Do a chore here and now, due or not; return False when another notifier is doing it.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        return self._take_and_run(self._chores[name], must=True)

    def close(self) -> None:
        """Have what runs come to its end, and wait a little for that; what is left is done over by others."""
        self.ending.set()
        end_s = time.monotonic() + _CLOSING_S
        for thread in self._running.values():
            thread.join(max(0.0, end_s - time.monotonic()))

    def _waiting(self, now_us: int) -> list[Chore]:
        """Return the chores that are due and not done in this process; the store may know that another does them."""
        busy = {name for name, thread in self._running.items() if thread.is_alive()}
        free = [chore for name, chore in self._chores.items() if name not in busy]
        if not free or self.ending.is_set():
            return []
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.time()
            pipeline.hmget(self._keys.named("chores"), [f"{chore.name}:last" for chore in free])
            (seconds, micros), lasts = pipeline.execute()
            if self._clock_us is None:  # judged by one clock, whoever looks
                now_us = seconds * 1_000_000 + micros
            found = []
            for chore, last in zip(free, lasts, strict=True):
                if last is None:  # counted from the first look that any notifier ever took
                    self._client.hsetnx(self._keys.named("chores"), f"{chore.name}:last", now_us // _US)
                    continue
                due_us = chore.next_us(int(last) * _US)
                was_set_back = int(last) * _US > now_us + _LOOK_EVERY_US
                if was_set_back or (due_us is not None and due_us <= now_us):
                    found.append(chore)
        return found

    def _take_and_run(self, chore: Chore, *, must: bool = False) -> bool:
        try:
            with store_errors():
                last = self._client.hget(self._keys.named("chores"), f"{chore.name}:last")
            taken: Any = self._call("take", chore, "" if must else last or "")
            if not taken:
                return False
            token, now_ms = taken
            try:
                chore.run(int(now_ms) * _US, lambda: self._hold(chore, token))
            finally:
                self._call("done", chore, token, now_ms)
        except ChoreEndedError:
            _log.info("chore_left", chore=chore.name)
            return False
        except StoreUnavailableError as error:  # whoever looks when it is back does it
            _log.info("chore_left", chore=chore.name, detail=str(error))
            if must:
                raise
            return False
        except Exception as error:  # a defect in a chore must not stop the notifier
            self._on_defect()
            where = "".join(traceback.format_tb(error.__traceback__))  # no message, no locals: they can hold secrets
            _log.error("chore_defect", chore=chore.name, error=type(error).__name__, where=where)
            if must:
                raise
            return False
        return True

    def _hold(self, chore: Chore, token: str) -> None:
        if self.ending.is_set() or self._call("hold", chore, token) != 1:
            raise ChoreEndedError(chore.name)

    def _call(self, act: str, chore: Chore, *args: str) -> object:
        now: str | int = "" if self._clock_us is None else self._clock_us() // _US
        return self._scripts.run("chore", self._keys.prefix, now, act, chore.name, chore.lease_us // _US, *args)
