"""One measurement of one promise: its clock, its due time and its verdict.

``elapsed(t)`` is the open time between start and ``t`` in which the clock ran, and ``due = min {t: elapsed(t) >= target}``.
The clock is a list of closed segments and, while it runs, one open segment; each segment has the calendar that was in force,
so time already spent stays as measured when the calendar changes.

Everything is integer microseconds. Nothing here knows about order of arrival: a :class:`~detectors.promises.case.Case`
applies the facts of its subject in their order of time, and an instance is what follows from them.
"""

from typing import Literal, NamedTuple

from detectors.promises.dates import due_in_days
from detectors.promises.facts import About
from detectors.promises.openhours import OpenHours
from detectors.promises.spec import Spec

State = Literal["running", "paused", "fulfilled", "ended", "cancelled", "superseded"]
FAR_US = 2**62
"""Later than everything."""

Segment = tuple[int, int, OpenHours]


class Proof(NamedTuple):
    """What proves a verdict, as it stood at the moment of an entry."""

    due_us: int | None
    target: int | None
    elapsed_us: int
    segments: tuple[Segment, ...]
    hours: OpenHours
    priority: str | None


class Entry(NamedTuple):
    """One change in the life of an alert about an instance, stamped with event time.

    Attributes:
        at_us: when it is true from.
        kind: ``breach`` or ``risk``.
        what: ``fire``, ``update`` or ``end``.
        starts_us: start of the alert's episode.
        reason: why it ended; empty otherwise.
    """

    at_us: int
    kind: str
    what: str
    instance: "Instance"
    starts_us: int
    fraction: float
    reason: str
    proof: Proof


class Instance:
    """One measurement: a subject, a promise and a cycle number.

    Attributes:
        state: where it stands.
        started_us, ended_us: start, and fulfilment or other end.
        target: in open microseconds, or a count of date units; None when nothing is promised (any more).
        due_us: None while paused, and where there is no due time.
        breach_us: when it was broken; it never becomes unbroken.
        timer_us: when the next threshold or due time is reached if nothing happens.
    """

    __slots__ = (
        "breach_us", "cycle", "due_us", "effective_us", "ended_us", "entries", "floor_us", "gap", "hours", "limit_us",
        "next_fraction", "priority", "queue", "risk_us", "run_pos", "run_us", "segments", "spec", "start_priority",
        "started_us", "state", "target", "timer_us", "told_end", "used_us", "warned_us", "who",
    )  # fmt: skip

    def __init__(
        self, spec: Spec, cycle: int, at_us: int, who: About, priority: str | None, queue: str | None, hours: OpenHours,
        target: int | None, entries: list[Entry],
    ) -> None:  # fmt: skip
        self.spec = spec
        self.cycle = cycle
        self.state: State = "running"
        self.started_us = self.run_us = self.effective_us = at_us
        self.ended_us: int | None = None
        self.who = who
        self.start_priority = self.priority = priority
        self.queue = queue
        self.hours = hours
        self.run_pos = hours.position(at_us)
        self.used_us = 0
        self.segments: list[Segment] | None = None
        self.target = target
        self.due_us: int | None = None
        self.limit_us = self.risk_us = self.timer_us = FAR_US
        self.breach_us: int | None = None
        self.warned_us: int | None = None  # start of the early warning that is up
        self.told_end = False  # the alert about a breach ended; a reopening does not raise it again
        self.next_fraction = 0
        self.floor_us = -FAR_US  # the notice that a change of target gives
        self.gap: list[tuple[int, bool]] | None = None
        self.entries = entries
        self.aim()

    # -- the clock ------------------------------------------------------------------------------------------------------

    def elapsed_us(self, at_us: int) -> int:
        """Return the time spent by an instant that is not before the last change."""
        if self.state == "running":
            return self.used_us + self.hours.position(at_us) - self.run_pos
        return self.used_us

    def aim(self) -> None:
        """Compute due time, limit and next threshold anew from clock and target."""
        target, spec = self.target, self.spec
        if target is None:
            self.due_us, self.limit_us, self.risk_us, self.timer_us = None, FAR_US, FAR_US, FAR_US
            return
        if spec.fixed:
            self.due_us = self._fixed_due(target)
        else:
            left = target - self.used_us
            self.due_us = self.hours.instant(self.run_pos + left) if left > 0 else self._spent_at(target)
        if self.breach_us is not None:
            self.limit_us = self.risk_us = self.timer_us = FAR_US
            return
        self._arm()

    def _arm(self) -> None:
        due_us, effective_us = self.due_us, self.effective_us
        limit_us = FAR_US if due_us is None else due_us
        if limit_us < self.floor_us:
            limit_us = self.floor_us
        self.limit_us = limit_us
        self.risk_us = FAR_US
        if self.next_fraction < len(self.spec.fractions):
            risk_us = self.threshold_us(self.spec.fractions[self.next_fraction])
            if risk_us is not None:
                self.risk_us = risk_us if risk_us > effective_us else effective_us
        timer_us = limit_us if limit_us > effective_us else effective_us
        self.timer_us = timer_us if timer_us < self.risk_us else self.risk_us

    def threshold_us(self, fraction: float) -> int | None:
        """Return when a fraction of the target is, was, or would be spent."""
        target = self.target
        if target is None:
            return None
        if self.spec.fixed:
            if self.due_us is None:
                return None
            if fraction >= 1:
                return self.due_us
            from_pos, to_pos = self.hours.position(self.started_us), self.hours.position(self.due_us)
            if to_pos > from_pos:
                return self.hours.instant(from_pos + round((to_pos - from_pos) * fraction))
            return self.started_us + round((self.due_us - self.started_us) * fraction)
        part = round(target * fraction)
        left = part - self.used_us
        return self.hours.instant(self.run_pos + left) if left > 0 else self._spent_at(part)

    def _fixed_due(self, target: int) -> int | None:
        spec = self.spec
        if spec.absolute:
            return target
        settings = spec.settings
        if settings.unit not in {"business_days", "calendar_days", "calendar_months"} or settings.due is None:
            return None
        return due_in_days(
            self.hours, self.started_us, target, settings.unit, settings.due, roll_receipt=settings.roll_receipt
        )

    def _spent_at(self, amount: int) -> int | None:
        """Return when ``amount`` had been spent, in a closed segment; the start for nothing."""
        used = 0
        for from_us, to_us, hours in self.segments or ():
            from_pos = hours.position(from_us)
            spent = hours.position(to_us) - from_pos
            if used + spent >= amount:
                return hours.instant(from_pos + amount - used) if amount > used else from_us
            used += spent
        return self.run_us

    def _halt(self, at_us: int) -> None:
        """Close the open segment."""
        if at_us > self.run_us:
            if self.segments is None:
                self.segments = []
            self.segments.append((self.run_us, at_us, self.hours))
        self.used_us += self.hours.position(at_us) - self.run_pos

    def _run(self, at_us: int, hours: OpenHours | None = None) -> None:
        """Open a segment."""
        if hours is not None:
            self.hours = hours
        self.run_us = at_us
        self.run_pos = self.hours.position(at_us)

    # -- time passes ----------------------------------------------------------------------------------------------------

    def advance(self, now_us: int) -> None:
        """Let time pass to ``now_us``: raise what is reached *before* it. Facts of the due instant come first."""
        while self.timer_us < now_us:
            if self.risk_us < self.limit_us and self.risk_us <= self.timer_us:
                self._warn()
            else:
                self._break()

    def expire(self, now_us: int) -> None:
        """Before the clock stops at ``now_us``: see whether the limit lies before it."""
        if self.limit_us < now_us and self.breach_us is None:
            self._break()

    def _warn(self) -> None:
        at_us, fractions = self.risk_us, self.spec.fractions
        self.next_fraction += 1
        while self.next_fraction < len(fractions):
            next_us = self.threshold_us(fractions[self.next_fraction])
            if next_us is None or next_us > at_us:
                break
            self.next_fraction += 1
        fraction = fractions[self.next_fraction - 1]
        if self.warned_us is None:
            self.warned_us = at_us
            self._enter(at_us, "risk", "fire", at_us, fraction)
        else:
            self._enter(at_us, "risk", "update", self.warned_us, fraction)
        self._arm()

    def _break(self) -> None:
        at_us = self.limit_us if self.limit_us > self.effective_us else self.effective_us
        self.breach_us = at_us
        self._calm(at_us, "breached")
        self._enter(at_us, "breach", "fire", at_us, 1.0)
        self.limit_us = self.risk_us = self.timer_us = FAR_US

    def _calm(self, at_us: int, reason: str) -> None:
        if self.warned_us is not None:
            self._enter(at_us, "risk", "end", self.warned_us, 0.0, reason)
            self.warned_us = None

    def _enter(self, at_us: int, kind: str, what: str, starts_us: int, fraction: float, reason: str = "") -> None:
        segments = tuple(self.segments or ())
        if self.state == "running" and at_us > self.run_us:
            segments = (*segments, (self.run_us, at_us, self.hours))
        elapsed_us = self.elapsed_us(at_us) if at_us >= self.run_us else self.used_us
        proof = Proof(self.due_us, self.target, elapsed_us, segments, self.hours, self.priority)
        self.entries.append(Entry(at_us, kind, what, self, starts_us, fraction, reason, proof))

    # -- what facts do --------------------------------------------------------------------------------------------------

    def pause(self, at_us: int) -> None:
        """Stop the clock until it is resumed."""
        self.expire(at_us)
        self._halt(at_us)
        self.state = "paused"
        if self.breach_us is None:
            self.due_us = None
        self.limit_us = self.risk_us = self.timer_us = FAR_US

    def resume(self, at_us: int) -> None:
        """Let the clock run again."""
        self.state = "running"
        self._run(at_us)
        self.effective_us = at_us
        self.aim()

    def set_paused(self, at_us: int, *, paused: bool) -> None:
        """Let the clock stand or run. After a fulfilment that may be taken back it is only noted."""
        if self.state == "running":
            if paused:
                self.pause(at_us)
        elif self.state == "paused":
            if not paused:
                self.resume(at_us)
        elif self.gap is not None and self.gap[-1][1] != paused:
            self.gap.append((at_us, paused))

    def retarget(self, at_us: int, target: int | None, hours: OpenHours, priority: str | None) -> None:
        """Apply another target or calendar: the spent time stays as measured, the new target counts from the start."""
        self.priority = priority
        running = self.state == "running"
        if hours is not self.hours:
            if running:
                self._halt(at_us)
                self._run(at_us, hours)
            else:
                self.hours = hours
        self.target = target
        self.effective_us = at_us
        if self.spec.min_notice_us:
            self.floor_us = at_us + self.spec.min_notice_us
        if running:
            self.aim()
            self._rearm(at_us)
        elif self.breach_us is not None and not self.spec.fixed:
            self.due_us = self._spent_at(target) if target is not None and self.used_us >= target else None

    def _rearm(self, at_us: int) -> None:
        """After a change: thresholds that are ahead again will be raised again, and a warning that no longer holds ends."""
        if self.breach_us is not None or not self.next_fraction:
            return
        fractions = self.spec.fractions
        ahead = 0
        while ahead < self.next_fraction:
            reached_us = self.threshold_us(fractions[ahead])
            if reached_us is None or reached_us > at_us:
                break
            ahead += 1
        if ahead < self.next_fraction:
            self.next_fraction = ahead
            if ahead == 0:
                self._calm(at_us, "target changed")
            self._arm()

    def finish(self, at_us: int, state: State, reason: str) -> None:
        """End the measurement: fulfilled, ended without a verdict, cancelled or superseded."""
        if self.state == "running":
            self.expire(at_us)
            self._halt(at_us)
        was_paused = self.state == "paused"
        if state == "fulfilled" and self.spec.through:
            self.gap = [(at_us, was_paused)]
        self.state = state
        self.ended_us = at_us
        self.limit_us = self.risk_us = self.timer_us = FAR_US
        self._calm(at_us, reason)
        if self.breach_us is not None and not self.told_end:
            self.told_end = True
            self._enter(at_us, "breach", "end", self.breach_us, 1.0, reason)

    def reopen(self, at_us: int, *, through: bool) -> None:
        """Take a finish back. ``through``: the time since counts, except where the case was paused."""
        if through and self.gap is not None:
            for (from_us, paused), (to_us, _) in zip(self.gap, [*self.gap[1:], (at_us, False)], strict=True):
                if not paused:
                    self._run(from_us)
                    self._halt(to_us)
        self.gap = None
        self.ended_us = None
        self.state = "running"
        self._run(at_us)
        self.effective_us = at_us
        self.next_fraction = 0
        self.aim()

    @property
    def is_active(self) -> bool:
        """Whether the measurement goes on."""
        return self.state in {"running", "paused"}
