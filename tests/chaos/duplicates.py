"""What reached people more than once, and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from alerts.model import NotificationRecord, Try
from tests.chaos.processes import Death
from tests.chaos.providers import Request

Cause = Literal["kill", "no answer", "restart of Redis", "lease ran out", "unexplained"]
"""``no answer``: the provider took it, and the notifier did not hear so in time. ``lease ran out``: its notifier was
alive, and slower than its lease."""
_SLACK_US = 60_000
"""Between the clocks of a notifier and of a provider, on one machine with much to do."""
_LATE_US = 5_000_000


class Duplicates:
    """Finds causes.

    Args:
        deaths: of notifiers.
        restarts: of Redis: when it was killed, and when it was back.
        lease_us: of a notification.
    """

    def __init__(self, deaths: Sequence[Death], restarts: Sequence[tuple[int, int]], lease_us: int) -> None:
        self._dead = {death.sender for death in deaths}
        self._restarts = restarts
        self._lease_us = lease_us
        self.by_cause: dict[Cause, int] = defaultdict(int)
        self.by_tier: int = 0
        self.by_death: dict[int, int] = defaultdict(int)
        self.unexplained: list[str] = []
        self.rare: list[str] = []

    def look(self, note: NotificationRecord, taken: Sequence[Request]) -> None:
        """Take account of what providers took of one notification, in its order.

        What another tier took because of an unclear answer of the one before is counted apart: it says so in its text.
        """
        for before, after in pairwise(taken):
            cause = self._cause(note, before, after)
            if before.provider != after.provider and cause == "no answer":
                self.by_tier += 1
                continue
            self.by_cause[cause] += 1
            if cause == "kill":
                self.by_death[before.sender] += 1
            if cause in {"unexplained", "restart of Redis", "lease ran out"}:
                told = f"{cause}: {note.key}: {before} and then {after}; tries: {note.tries}"
                (self.unexplained if cause == "unexplained" else self.rare).append(told)

    def _cause(self, note: NotificationRecord, before: Request, after: Request) -> Cause:
        recorded = [one for one in note.tries if _is_of(one, before)]
        if any(map(_is_unclear, recorded)) or any(_was_late(one, before) for one in note.tries):
            return "no answer"
        if before.sender in self._dead and not recorded:  # it sent this before it died, whenever this was read
            return "kill"
        if any(began <= after.at_us and before.at_us <= ended + self._lease_us for began, ended in self._restarts):
            return "restart of Redis"
        if after.at_us - before.at_us >= self._lease_us:
            return "lease ran out"
        if any(_came_late(one, request) for one in note.tries for request in (before, after)):
            return "no answer"
        return "unexplained"


def by_key(requests: Sequence[Request]) -> Mapping[str, list[Request]]:
    """Return what was taken, by notification, in its order."""
    found: dict[str, list[Request]] = defaultdict(list)
    for one in requests:
        if one.taken:
            found[one.key].append(one)
    return found


def _was_late(one: Try, request: Request) -> bool:
    """Return whether a provider with much to do has read the request of a try a little after that was given up."""
    return _came_late(one, request) and request.at_us <= one.at_us + one.took_us + _LATE_US


def _came_late(one: Try, request: Request) -> bool:
    """Return whether a provider with much to do may have read a request only after its sender had given up."""
    return one.channel == request.provider and _is_unclear(one) and one.at_us <= request.at_us


def _is_unclear(one: Try) -> bool:
    return one.outcome == "failed" and one.reason in {"timeout", "unreachable"}


def _is_of(one: Try, request: Request) -> bool:
    began_us, ended_us = one.at_us - _SLACK_US, one.at_us + one.took_us + _SLACK_US
    told = one.outcome == "delivered" or _is_unclear(one)
    return one.channel == request.provider and began_us <= request.at_us <= ended_us and told
