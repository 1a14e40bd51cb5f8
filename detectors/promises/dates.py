"""Due times in date units: business days, calendar days, calendar months.

The day of receipt is day 0; the n-th day *following* it is the due day. Local dates are those of the calendar's zone,
and a wall time is kept across daylight saving, so one calendar day is 23, 24 or 25 hours. These are the units of law
and regulation; they never pause.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

from config.calendars import DAY_S
from detectors.promises.openhours import OpenHours

DateUnit = Literal["business_days", "calendar_days", "calendar_months"]
DueTime = Literal["close", "end_of_day", "same_time"]
DATE_UNITS = ("business_days", "calendar_days", "calendar_months")
_DAY = timedelta(days=1)
_SEARCH_DAYS = 3_660
"""How far to look for a business day: a calendar of single special dates may have no more of them."""


def due_in_days(
    hours: OpenHours, received_us: int, count: int, unit: DateUnit, due: DueTime, *, roll_receipt: bool
) -> int | None:
    """Return when ``count`` units after a receipt are over; None when the calendar has not so many business days.

    Args:
        hours: the calendar.
        received_us: the receipt.
        count: 1 or more.
        unit: what is counted. Months clip to the last day of the month.
        due: ``close``: the end of the day's last window (midnight on a closed day). ``end_of_day``: the next local
            midnight. ``same_time``: the wall time of the receipt.
        roll_receipt: a receipt on a closed day, or after the day's close, counts as received when the calendar opens
            next.
    """
    wall = hours.local(received_us)
    day, second = wall.date(), wall.hour * 3_600 + wall.minute * 60 + wall.second
    micro = wall.microsecond
    try:
        if roll_receipt:
            windows = hours.day_windows(day)
            if not windows or received_us > windows[-1][1]:
                rolled = _business_day_after(hours, day, 1)
                if rolled is None:
                    return None
                day = rolled
                opening = hours.local(hours.day_windows(day)[0][0])
                second, micro = opening.hour * 3_600 + opening.minute * 60 + opening.second, 0
        if unit == "business_days":
            last = _business_day_after(hours, day, count)
            if last is None:
                return None
        else:
            last = day + count * _DAY if unit == "calendar_days" else _months_after(day, count)
        if due == "same_time":
            return hours.at_wall(last, second) + micro
        if due == "close" and (windows := hours.day_windows(last)):
            return windows[-1][1]
        return hours.at_wall(last, DAY_S)
    except (OverflowError, ValueError):  # beyond the year 9999: such a promise is never due
        return None


def _business_day_after(hours: OpenHours, day: date, count: int) -> date | None:
    quiet = 0
    while count:
        day += _DAY
        if hours.always_open or hours.day_windows(day):
            count -= 1
            quiet = 0
        else:
            quiet += 1
            if quiet > _SEARCH_DAYS:
                return None
    return day


def _months_after(day: date, count: int) -> date:
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
