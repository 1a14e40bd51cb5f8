"""Passing on: whoever was told by an escalation can have the next step taken at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from alerts.connection import Scripts
from alerts.store import AlertStore

Hastened = Literal["done", "none", "busy"]


class Hastening:
    """Takes steps of escalations before their time. May be used by several threads and processes.

    Args:
        store: of the groups.
        clock_us: None: the clock of Redis. Tests inject their own.
    """

    def __init__(self, store: AlertStore, *, clock_us: Callable[[], int] | None = None) -> None:
        folder = Path(__file__).parent
        self._prefix = store.keys.prefix
        self._clock_us = clock_us
        self._scripts = Scripts(store.client, folder, [folder / "clock.lua"])

    def hasten(self, group: str) -> Hastened:
        """Make the next step of a group's escalation due now.

        Returns:
            ``done``; ``none``: there is no escalation that waits; ``busy``: a notifier decides about the group just
            now, ask again in a moment.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        now: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        answer = str(self._scripts.run("hasten", self._prefix, now, group))
        return "done" if answer == "done" else "none" if answer == "none" else "busy"
