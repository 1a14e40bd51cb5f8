"""Who is on duty, out of settings and calendar files: read in a thread, kept for half a minute."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import anyio.to_thread

from alerts.duty_files import DutyFiles
from config.durations import US_PER_SECOND
from config.settings import Settings
from dashboards.wall.model import Duty

KEPT_US = 30 * US_PER_SECOND
_AHEAD_US = 8 * 86_400 * US_PER_SECOND


class OnDuty:
    """Keeps what was read last. Used on the event loop's thread.

    Args:
        settings: with the schedules.
        now_us: microseconds UTC.
    """

    def __init__(self, settings: Settings, now_us: Callable[[], int]) -> None:
        self._files = DutyFiles(settings) if settings.schedules else None
        self._now_us = now_us
        self._found: tuple[Duty, ...] = ()
        self._asked_us: int | None = None
        self._lock = asyncio.Lock()

    async def now(self) -> tuple[Duty, ...]:
        """Return who is on duty, one for each schedule."""
        if self._files is None:
            return ()
        async with self._lock:
            now_us = self._now_us()
            if self._asked_us is None or not 0 <= now_us - self._asked_us < KEPT_US:
                self._asked_us = now_us
                self._found = await anyio.to_thread.run_sync(read_duty, self._files, now_us)
        return self._found


def read_duty(files: DutyFiles, now_us: int) -> tuple[Duty, ...]:
    """Return who is on duty by each schedule, and who takes over."""
    duty = files.current()
    found = []
    for schedule in duty.names():
        shifts = duty.changes(schedule, now_us, now_us + _AHEAD_US)
        after = shifts[1] if len(shifts) > 1 else None
        handover = "" if after is None else _when(after.start_us, now_us)
        found.append(
            Duty(
                schedule=schedule,
                people=", ".join(shifts[0].people) if shifts else "",
                next="" if after is None else ", ".join(after.people) or "NOBODY",
                handover=handover,
            )
        )
    return tuple(found)


def _when(at_us: int, now_us: int) -> str:
    """Return a time of the day, with the weekday where it is more than a day ahead.

    >>> _when(1_790_000_000_000_000, 1_790_000_000_000_000 - 3_600_000_000)
    '14:13'
    """
    at = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    return f"{at:%H:%M}" if at_us - now_us < 86_400 * US_PER_SECOND else f"{at:%a %H:%M}"
