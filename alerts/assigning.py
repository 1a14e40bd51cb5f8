"""Who is told that an alert was given to them: a person, or who is on duty in a schedule, once for each time."""

from collections.abc import Callable, Mapping

import msgspec

from alerts.duty import Duty, UnknownScheduleError
from alerts.grouping import Group, Member
from alerts.icalendar import CalendarError
from alerts.responses import Assignment, Responses


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of a group that were given to somebody.

    Attributes:
        receivers: by whom the people are reached, each once.
        members: the alerts. notes: lines for people.
    """

    receivers: tuple[str, ...]
    members: tuple[Member, ...]
    notes: tuple[str, ...]


class Assigning:
    """Handing alerts over, by one settings file.

    Args:
        responses: who was given what.
        duty: answers who is on duty, and how people are reached.
    """

    def __init__(self, responses: Responses, duty: Callable[[], Duty]) -> None:
        self._responses = responses
        self._duty = duty

    def look(self, group: Group, now_us: int) -> tuple[list[Handover], int]:
        """Return what was handed over since :attr:`Group.assigned_us`, and until when that is known.

        Only groups that were told before are looked at: nobody hands over what nobody has heard of.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        firing = {one.change.fingerprint: one for one in group.members if one.change.status == "firing"}
        if group.told is None or not firing:
            return [], group.assigned_us
        found = self._responses.assignments([one.change for one in firing.values()])
        fresh = {print_: one for print_, one in found.items() if one.at_us > group.assigned_us}
        if not fresh:
            return [], group.assigned_us
        by_whom: dict[tuple[str, str], list[Member]] = {}
        for print_, one in sorted(fresh.items()):
            by_whom.setdefault((one.to, one.by), []).append(firing[print_])
        made = [self._handover(to, by, members, now_us) for (to, by), members in by_whom.items()]
        return [one for one in made if one.receivers], _latest(fresh)

    def _handover(self, to: str, by: str, members: list[Member], now_us: int) -> Handover:
        duty = self._duty()
        people: tuple[str, ...] = (to,) if to in duty.people else ()
        if not people:
            try:
                people = duty.on_duty(to, now_us)
            except (UnknownScheduleError, CalendarError):
                people = ()  # neither a person nor a schedule (any more): whoever has it goes on being told
        return Handover(
            receivers=tuple(dict.fromkeys(duty.receiver(person) for person in people)),
            members=tuple(members),
            notes=(f"{by} has given this to {to}.",),
        )


def _latest(fresh: Mapping[str, Assignment]) -> int:
    return max(one.at_us for one in fresh.values())
