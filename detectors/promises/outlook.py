"""What is to come of a case, and what has come of it, found without building it.

Most cases are opened, answered and resolved in time. Until its alerts say anything, a promise is then no more than open
time that is spent, by one calendar, between the fact that begins it and the fact that ends it. So when such a case
wakes, the next moment of the promises that still run is found from its facts, and it sleeps until then; and what was
met is told while it sleeps. Pauses and other targets are followed. Where anything else happens (another calendar, a
reopening, an end before the start), or a moment was reached, there is no outlook, and the case is built.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from detectors.promises.clock import FAR_US
from detectors.promises.facts import About, Fact
from detectors.promises.kinds import reasons_after
from detectors.promises.openhours import OpenHours
from detectors.promises.sleeper import UNKNOWN, SleepRules
from detectors.promises.spec import STOP, WATCH_PRIORITY, WATCH_QUEUE, Spec
from detectors.promises.track import NOBODY

_PAUSING = frozenset({"paused", "resumed"})
_CHANGING = frozenset({"tier_changed", "calendar_changed"})
_LEAST_SLEEP_US = 600_000_000
"""Of a case whose clock stands shortly before a moment: it is built, and then has no moment until it runs."""


class Stretch(msgspec.Struct, gc=False):
    """One measurement of a promise, until its alerts would first say something.

    Attributes:
        position: by the calendar ``hours``, of its start or of its last going on.
        least: open time until they would; None where nothing is promised.
        who, queue: as they stood at the start. ``priority``: as it stood last.
        spent_us: open time before the last pause.
    """

    spec: Spec
    started_us: int
    hours: OpenHours
    position: int
    least: int | None
    who: About
    priority: str | None
    queue: str | None
    cycle: int = 1
    spent_us: int = 0
    paused: bool = False

    def elapsed_us(self, at_us: int) -> int:
        """Return the open time that is spent by an instant."""
        return self.spent_us if self.paused else self.spent_us + self.hours.position(at_us) - self.position

    def next_us(self, from_us: int) -> int:
        """Return the earliest moment at which its alerts may say something; far where they never do.

        That of a clock that stands is found as if it ran from ``from_us`` on: so it stays the earliest when it does.
        """
        if self.least is None:
            return FAR_US
        position = self.hours.position(from_us) if self.paused else self.position
        at_us = self.hours.instant(position + self.least - self.spent_us)
        return FAR_US if at_us is None else at_us

    def set_paused(self, at_us: int, *, paused: bool) -> None:
        """Let the clock stand or run."""
        if paused != self.paused:
            self.spent_us, self.position = self.elapsed_us(at_us), self.hours.position(at_us)
            self.paused = paused


class Fulfilled(msgspec.Struct, frozen=True, gc=False):
    """A measurement that was fulfilled before its alerts would have said anything; ``elapsed_us`` of open time."""

    stretch: Stretch
    at_us: int
    elapsed_us: int


class Outlook(NamedTuple):
    """What follows from the facts of a case.

    Attributes:
        fulfilled: the measurements that were.
        next_us: the earliest moment at which anything may be said of those that go on, whatever pauses come; far where
            nothing ever is.
    """

    fulfilled: list[Fulfilled]
    next_us: int


def outlook(  # noqa: PLR0911, PLR0912, PLR0915 - one pass over the facts: calls cost
    known: int, facts: Sequence[Fact], rules: SleepRules, watermark_us: int
) -> Outlook | None:
    """Return what follows from the facts of a sleeper; None where only clocks can tell.

    The facts are applied as :class:`~detectors.promises.case.Case` applies them.

    Args:
        known: the promises that have begun, as the sleeper knows.
        facts: all of the case, in their order.
        rules: of the promises.
        watermark_us: no fact comes before it that the case sleeps on with.
    """
    if known == UNKNOWN:
        return None
    plain = rules.plain
    who: About | None = None
    priority: str | None = None
    queue: str | None = None
    status: str | None = None
    reasons: set[str] | None = None
    running: dict[int, Stretch] = {}
    rolling = rules.rolling
    cycles: dict[int, int] = {}
    begun = over = active = 0
    fulfilled: list[Fulfilled] = []
    for fact in facts:
        at_us, step = fact.at_us, fact.step
        begins, ends, stops = plain[step]
        if who is None:
            who = fact.about
        watched = 0
        if fact.priority is not None and fact.priority != priority:
            priority = fact.priority
            watched = WATCH_PRIORITY
        if fact.queue and fact.queue != queue:
            queue = fact.queue
            watched |= WATCH_QUEUE
        moved = fact.status is not None and fact.status != status
        if moved:
            status = fact.status
            by_status = rules.ends_by_status(status or "")
            if by_status == UNKNOWN:
                return None
            ends |= by_status
        if step in _PAUSING:
            reasons = reasons_after(reasons, step, fact.reason)
            moved = True
        elif step in _CHANGING:
            return None
        if watched and running:
            for bit, stretch in running.items():
                if watched & stretch.spec.watches and not _retarget(stretch, rules, bit, at_us, priority, queue):
                    return None
        if begins:  # what runs goes on, and what was ended for good waits for a reopening
            begins &= ~((begun & ~rolling) | (rolling & (active | over)))
        if begins:
            if begins & over:  # it was ended before it began
                return None
            begun |= begins
            active |= begins
            moved = moved or status is not None or reasons is not None
            whose = who or NOBODY
            hours: OpenHours | None = None
            for bit, spec in rules.bits:
                if begins & bit:
                    calendar, least = rules.terms(bit, spec, priority, whose.tier, queue)
                    its_hours = calendar.at(at_us)
                    if its_hours is not hours:
                        hours = its_hours
                        position = hours.position(at_us)
                    cycle = 1
                    if bit & rolling:
                        cycle = cycles[bit] = cycles.get(bit, 0) + 1
                    running[bit] = Stretch(spec, at_us, hours, position, least, whose, priority, queue, cycle)
        ending = (ends | stops) & active
        over |= ends
        active &= ~ending
        if ending:
            for bit, spec in rules.bits:
                if not ending & bit:
                    continue
                ended = running.pop(bit)
                elapsed_us = ended.elapsed_us(at_us)
                if ended.least is not None and elapsed_us >= ended.least:
                    return None
                if (spec.ops.get(step, 0) | spec.status_bits(fact.status)) & STOP:
                    fulfilled.append(Fulfilled(ended, at_us, elapsed_us))
        if moved and rules.pauses:
            for stretch in running.values():
                if stretch.spec.pauses:
                    paused = stretch.spec.is_paused(reasons, stretch.spec.status_bits(status))
                    if paused and stretch.least is not None and stretch.elapsed_us(at_us) >= stretch.least:
                        return None
                    stretch.set_paused(at_us, paused=paused)
    next_us = FAR_US
    for stretch in running.values():
        from_us = facts[-1].at_us if facts[-1].at_us > watermark_us else watermark_us
        may_us = stretch.next_us(from_us)
        if stretch.paused and may_us < from_us + _LEAST_SLEEP_US:
            return None  # it would wake again and again
        next_us = min(next_us, may_us)
    return Outlook(fulfilled, next_us)


def _retarget(
    stretch: Stretch, rules: SleepRules, bit: int, at_us: int, priority: str | None, queue: str | None
) -> bool:
    """Apply another priority or queue; return whether the measurement goes on, with nothing to say yet."""
    spec = stretch.spec
    if spec.on_target_change == "restart":
        return False
    if spec.on_target_change != "keep":
        _, least = rules.terms(bit, spec, priority, stretch.who.tier, queue)
        elapsed_us = stretch.elapsed_us(at_us)
        if any(one is not None and elapsed_us >= one for one in (stretch.least, least)):
            return False
        stretch.least = least
    stretch.priority = priority
    return True
