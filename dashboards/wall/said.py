"""Walls are watched, too: each is written down as it asks, so that somebody sees when one has stopped."""

from collections.abc import Callable

import anyio.to_thread
import structlog

from alerts.connection import StoreError, StoreUnavailableError
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from config.durations import US_PER_SECOND
from dashboards.access.contract import Principal
from dashboards.wall.options import Options

EVERY_US = 10 * US_PER_SECOND
_MOST = 100
"""Screens that are told apart; more have made up their names."""
_log = structlog.get_logger("makegood.wall")


class Said:
    """Says in the store that screens ask. Used on the event loop's thread.

    Args:
        store: of the alerts.
        now_us: microseconds UTC.
    """

    def __init__(self, store: AlertStore, now_us: Callable[[], int]) -> None:
        self._statuses = Statuses(store)
        self._now_us = now_us
        self._told: dict[str, int] = {}

    async def asked(self, who: Principal, options: Options, report: dict[str, str]) -> None:
        """Note that a screen has asked; of people who look at the wall from their desk nothing is noted.

        Args:
            who: asks.
            options: of the screen; one with a ``name`` is watched, whoever asks.
            report: what the screen says of itself.
        """
        name = "/".join(part for part in (who.name if who.kind == "wall" else "", options.name) if part)
        now_us = self._now_us()
        if not name or 0 <= now_us - self._told.get(name, -EVERY_US) < EVERY_US:
            return
        if name not in self._told and len(self._told) >= _MOST:
            return
        self._told[name] = now_us
        well = report.get("shown", "live") == "live"
        status = Status(
            kind="wall", name=name, at_us=now_us, every_us=EVERY_US, well=well, report={"by": who.name, **report}
        )
        try:
            await anyio.to_thread.run_sync(self._statuses.say, status)
        except (StoreUnavailableError, StoreError) as error:
            self._told.pop(name, None)
            _log.debug("wall_not_noted", wall=name, why=str(error))  # the wall itself shows that the store is away
