"""When a recovery will stand still, if nothing happens."""

from typing import TYPE_CHECKING

from detectors.lives.recovery_state import IDLE, OVERDUE, UNOWNED, WAIT, Recovery
from detectors.promises.dates import due_in_days
from detectors.promises.openhours import OpenHours
from detectors.promises.settings import TIME_UNITS_US
from detectors.promises.spec import Calendars

if TYPE_CHECKING:
    from detectors.stalled_recovery import StalledRecoverySettings


class RecoveryClock:
    """Limits in open time.

    Raises:
        ValueError: when the settings name a calendar that is not there.
    """

    def __init__(self, settings: "StalledRecoverySettings", calendars: Calendars) -> None:
        self._settings = settings
        self._calendar = calendars.need(settings.calendar, "calendar")
        self._by_tier = {
            tier: calendars.need(calendar, f"calendar_by_tier.{tier}")
            for tier, calendar in settings.calendar_by_tier.items()
        }
        unit_us = TIME_UNITS_US[settings.unit]
        self._idle_us = round(settings.idle_limit * unit_us)
        self._unowned_us = None if settings.unowned_limit is None else round(settings.unowned_limit * unit_us)

    def hours(self, state: Recovery) -> OpenHours:
        """Return the opening hours that count: those of the recovery's beginning."""
        began_us = state.heard_us if state.began_us is None else state.began_us
        return self._by_tier.get(state.who.tier, self._calendar).at(began_us)

    def plan(self, state: Recovery) -> None:
        """Find out when the recovery stands still if nothing happens."""
        hours = self.hours(state)
        dues: dict[str, int | None] = {OVERDUE: state.promised_us}
        if state.waiting_us is None:
            dues[IDLE] = hours.instant(hours.position(state.run_us) + self._idle_us - state.used_us)
        else:
            dues[WAIT] = self._wait_due_us(hours, state.waiting_us)
        if state.unowned_us is not None and self._unowned_us is not None:
            dues[UNOWNED] = hours.instant(hours.position(state.unowned_us) + self._unowned_us)
        # What has been due, or is due at a closed hour before now, is due now.
        state.dues = {
            reason: max(due_us, state.heard_us)
            for reason, due_us in dues.items()
            if due_us is not None and reason not in state.holding
        }

    def _wait_due_us(self, hours: OpenHours, waiting_us: int) -> int | None:
        count, unit = self._settings.max_customer_wait, self._settings.max_customer_wait_unit
        if count is None:
            return None
        if unit == "business_days" or unit == "calendar_days":  # noqa: PLR1714 - mypy narrows no sets
            return due_in_days(hours, waiting_us, count, unit, "close", roll_receipt=False)
        return hours.instant(hours.position(waiting_us) + count * TIME_UNITS_US[unit])
