"""What `makegood check` says about delivery: who would not be told, what never happens, what should be looked at."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from alerts.duty import Duty
from alerts.duty_files import CalendarProblem
from alerts.escalation import people_of
from alerts.icalendar import CalendarError, ImportedCalendar
from alerts.localtime import shown
from alerts.maintenance import Maintenance
from alerts.owners import Owners, overdue, owned
from alerts.reach import Doubt, inhibition_doubts, reach_doubts, route_doubts
from config.durations import US_PER_SECOND, format_duration_us
from config.duty import DAY_US
from config.escalations import EscalationSettings, EscalationStepSettings
from config.problems import PathItems
from config.settings import Settings

LOOKS_AHEAD_US = 14 * DAY_US
"""How far into the future schedules are looked at."""


def delivery_doubts(
    settings: Settings,
    duty: Duty,
    now_us: int,
    *,
    calendars: Mapping[str, ImportedCalendar] | None = None,
    problems: Sequence[CalendarProblem] = (),
) -> list[Doubt]:
    """Return everything that is doubtful, in the order of the sections; errors are such of it that somebody misses.

    Args:
        settings: the whole file.
        duty: who is on duty.
        now_us: when the settings are judged, microseconds UTC.
        calendars: what schedules imported, by schedule.
        problems: what they could not import.
    """
    found = [] if settings.route is None else list(route_doubts(settings.route))
    found += reach_doubts(settings)
    found += inhibition_doubts(settings)
    found += _calendars({} if calendars is None else calendars, problems)
    for name, policy in sorted(settings.escalations.items()):
        found += _nobody(name, policy, duty, now_us)
    found += _windows(settings, now_us)
    found += _owners(settings, now_us)
    return found


def _calendars(calendars: Mapping[str, ImportedCalendar], problems: Sequence[CalendarProblem]) -> Iterator[Doubt]:
    for problem in problems:
        yield Doubt("error", ("schedules", problem.schedule, "icalendar"), problem.message)
    for name, calendar in sorted(calendars.items()):
        for stranger in calendar.strangers:
            what = f"the event {stranger!r} is about nobody in `people`, so nobody is on duty by it"
            to_do = "give the person an `email`, or say who it is under `names`"
            yield Doubt("warning", ("schedules", name, "icalendar"), f"{what}; {to_do}")


def _nobody(name: str, policy: EscalationSettings, duty: Duty, now_us: int) -> Iterator[Doubt]:
    for number, step in enumerate(policy.steps):
        path: PathItems = ("escalations", name, "steps", number)
        try:
            gaps = _gaps(step, duty, now_us, now_us + LOOKS_AHEAD_US)
        except CalendarError as error:
            yield Doubt("error", path, f"a calendar {error}")
            continue
        if not gaps:
            continue
        schedules = [target.schedule for target in step.notify if target.schedule is not None]
        zone = duty.zone(schedules[0])
        start_us, end_us = gaps[0]
        total = format_duration_us(sum(end - start for start, end in gaps) // US_PER_SECOND * US_PER_SECOND)
        more = "" if len(gaps) == 1 else " and once more" if len(gaps) == 2 else f" and {len(gaps) - 1} more times"
        when = f"from {shown(start_us, zone)} to {shown(end_us, zone)}{more} in the next 14 days, {total} in all"
        what = f"nobody is on duty in {' and '.join(schedules)} {when}: {policy.then} would be told instead"
        to_do = "close the gap by a rotation or an override, or add a receiver or a person to this step"
        yield Doubt("error", path, f"{what}; {to_do}")


def _gaps(step: EscalationStepSettings, duty: Duty, from_us: int, to_us: int) -> list[tuple[int, int]]:
    """Return when a step reaches nobody."""
    if any(target.schedule is None for target in step.notify):
        return []
    cuts = {from_us, to_us}
    for target in step.notify:
        for shift in duty.changes(target.schedule or "", from_us, to_us):
            cuts |= {shift.start_us, shift.end_us}
    found: list[tuple[int, int]] = []
    edges = sorted(cuts)
    for start_us, end_us in pairwise(edges):
        if any(people_of(target, duty, start_us) for target in step.notify):
            continue
        if found and found[-1][1] == start_us:
            found[-1] = (found[-1][0], end_us)
        else:
            found.append((start_us, end_us))
    return found


def _windows(settings: Settings, now_us: int) -> Iterator[Doubt]:
    windows = Maintenance(settings.maintenance_windows)
    for name in windows.names():
        if not windows.occurrences(name, now_us, now_us + 1) and windows.next_start(name, now_us) is None:
            yield Doubt("warning", ("maintenance_windows", name), "never takes place again; take it out, or change it")


def _owners(settings: Settings, now_us: int) -> Iterator[Doubt]:
    today = datetime.fromtimestamp(now_us // US_PER_SECOND, UTC).date()
    for place, entry in overdue(settings.owners, today):
        what = f"the ownership of {owned(entry)} by {entry.owner} was to be reviewed by {entry.review_by}"
        yield Doubt("warning", ("owners", place, "review_by"), f"{what}; review it, and set the next date")
    if settings.owners or settings.people:  # who names no people at all does not use this part yet
        for name in Owners(settings).without():
            what = "has no owner, or only for some services"
            yield Doubt("warning", ("detectors", name), f"{what}; add `{{detector: {name}, owner: ...}}` to `owners`")
