"""What is to come of a case, and what has come of it, from facts so plain that no clocks need be built.

Most cases are opened, answered and resolved in time, of one priority and without a pause. Of these each promise is one
stretch of time: from the fact that begins it to the fact that ends it, by one calendar. So when such a case wakes, the
next moment of the promises that still run is found from the facts alone, and it sleeps until then; and what was met is
told without building it. Where anything else happens there is no outlook, and the case is built.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from detectors.promises.clock import FAR_US
from detectors.promises.facts import About, Fact
from detectors.promises.openhours import OpenHours
from detectors.promises.sleeper import CHANGING, UNKNOWN, SleepRules
from detectors.promises.spec import STOP, Spec
from detectors.promises.track import NOBODY


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """The one measurement of a promise, until its alerts would first say something.

    Attributes:
        position: of the start by the calendar ``hours``.
        least: open time until they would; None where nothing is promised.
        who, priority, queue: as they stood at the start.
    """

    spec: Spec
    started_us: int
    hours: OpenHours
    position: int
    least: int | None
    who: About
    priority: str | None
    queue: str | None

    def next_us(self) -> int:
        """Return when its alerts say something if it runs on; far where they never do."""
        if self.least is None:
            return FAR_US
        at_us = self.hours.instant(self.position + self.least)
        return FAR_US if at_us is None else at_us


class Fulfilled(msgspec.Struct, frozen=True, gc=False):
    """A measurement that was fulfilled before its alerts would have said anything; ``elapsed_us`` of open time."""

    stretch: Stretch
    at_us: int
    elapsed_us: int


class Outlook(NamedTuple):
    """What follows from the facts of a case.

    Attributes:
        fulfilled: the measurements that were.
        next_us: when anything is said of those that still run; far where there is none.
    """

    fulfilled: list[Fulfilled]
    next_us: int


def outlook(  # noqa: PLR0911, PLR0912, PLR0915 - one pass over the facts: calls cost
    known: int, facts: Sequence[Fact], rules: SleepRules
) -> Outlook | None:
    """Return what follows from the facts of a sleeper; None where only clocks can tell.

    The facts are applied as :class:`~detectors.promises.case.Case` applies them.

    Args:
        known: the promises that have begun, as the sleeper knows.
        facts: all of the case, in their order.
        rules: of the promises.
    """
    if known == UNKNOWN:
        return None
    plain = rules.plain
    who: About | None = None
    priority: str | None = None
    queue: str | None = None
    status: str | None = None
    running: dict[int, Stretch] = {}
    begun = over = 0
    fulfilled: list[Fulfilled] = []
    for fact in facts:
        begins, ends = plain[fact.step]
        if fact.step in CHANGING:
            return None
        if who is None:
            who = fact.about
        if fact.priority is not None and fact.priority != priority:
            if running:
                return None
            priority = fact.priority
        if fact.queue and fact.queue != queue:
            if running and rules.watches_queue:
                return None
            queue = fact.queue
        moved = fact.status is not None and fact.status != status
        if moved:
            status = fact.status
            by_status = rules.ends_by_status(status or "")
            if by_status == UNKNOWN or rules.pauses_by_status(status or ""):
                return None
            ends |= by_status
        begins &= ~begun
        if begins:
            if begins & over:  # it was ended before it began
                return None
            begun |= begins
            whose = who or NOBODY
            hours: OpenHours | None = None
            for bit, spec in rules.bits:
                if begins & bit:
                    calendar, least = rules.terms(bit, spec, priority, whose.tier, queue)
                    its_hours = calendar.at(fact.at_us)
                    if its_hours is not hours:
                        hours = its_hours
                        position = hours.position(fact.at_us)
                    running[bit] = Stretch(spec, fact.at_us, hours, position, least, whose, priority, queue)
        over |= ends
        ends &= begun
        if ends and running:
            for bit, spec in rules.bits:
                stretch = running.pop(bit, None) if ends & bit else None
                if stretch is None:
                    continue
                elapsed_us = stretch.hours.position(fact.at_us) - stretch.position
                if stretch.least is not None and elapsed_us >= stretch.least:
                    return None
                if spec.ops.get(fact.step, 0) & STOP or (moved and spec.status_bits(status) & STOP):
                    fulfilled.append(Fulfilled(stretch, fact.at_us, elapsed_us))
    next_us = FAR_US
    for stretch in running.values():
        next_us = min(next_us, stretch.next_us())
    return Outlook(fulfilled, next_us)
