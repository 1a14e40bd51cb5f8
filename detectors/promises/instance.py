"""One measurement of one promise: its verdict, and what the alerts about it go through.

Nothing here knows about order of arrival: a :class:`~detectors.promises.case.Case` applies the facts of its subject in
their order of time, and an instance is what follows from them.
"""

from detectors.promises.clock import FAR_US, Clock, State
from detectors.promises.entries import FULFILLED, Entry, Proof
from detectors.promises.facts import About
from detectors.promises.openhours import OpenHours
from detectors.promises.spec import Spec


class Instance(Clock):
    """One measurement: a subject, a promise and a cycle number.

    Attributes:
        ended_us: fulfilment or other end.
        due_us: None while paused, and where there is no due time.
        breach_us: when it was broken; it never becomes unbroken.
        effective_us: from when on what is promised now holds; it cannot be broken before.
        limit_us: the due time, or later where a change of target gives notice: after it, the promise is broken.
        risk_us: the next threshold. ``timer_us``: when one of them is reached if nothing happens.
        warned_us: start of the early warning that is up.
        told_end: the alert about a breach ended; a reopening does not raise it again.
        start_labels: what the labels of its alerts say of its start, once it has any.
        gap: after a fulfilment that may be taken back, where the case was paused since.
    """

    __slots__ = (
        "breach_us", "cycle", "effective_us", "ended_us", "entries", "floor_us", "gap", "limit_us", "next_fraction",
        "priority", "queue", "risk_us", "start_labels", "start_priority", "timer_us", "told_end", "warned_us", "who",
    )  # fmt: skip

    def __init__(
        self, spec: Spec, cycle: int, at_us: int, who: About, priority: str | None, queue: str | None, hours: OpenHours,
        target: int | None, entries: list[Entry],
    ) -> None:  # fmt: skip
        super().__init__(spec, at_us, hours, target)
        self.cycle = cycle
        self.effective_us = at_us
        self.ended_us: int | None = None
        self.who = who
        self.start_priority = self.priority = priority
        self.queue = queue
        self.limit_us = self.risk_us = self.timer_us = FAR_US
        self.breach_us: int | None = None
        self.warned_us: int | None = None
        self.told_end = False
        self.next_fraction = 0
        self.floor_us = -FAR_US
        self.gap: list[tuple[int, bool]] | None = None
        self.entries = entries
        self.start_labels: tuple[str, str, str, str, str] | None = None
        self.aim()

    @property
    def is_active(self) -> bool:
        """Whether the measurement goes on."""
        return self.state in {"running", "paused"}

    # -- time passes --------------------------------------------------------------------------------------------------

    def aim(self) -> None:
        """Compute due time, limit and next threshold anew from clock and target."""
        self.due_us = None if self.target is None else self.due(self.target)
        if self.target is None or self.breach_us is not None:
            self._disarm()
        else:
            self._arm()

    def _disarm(self) -> None:
        self.limit_us = self.risk_us = self.timer_us = FAR_US

    def _arm(self) -> None:
        due_us, effective_us = self.due_us, self.effective_us
        limit_us = FAR_US if due_us is None else due_us
        if limit_us < self.floor_us:  # noqa: PLR1730 - max() costs a call, for every event
            limit_us = self.floor_us
        self.limit_us = limit_us
        self.risk_us = FAR_US
        if self.next_fraction < len(self.spec.fractions):
            risk_us = self.threshold_us(self.spec.fractions[self.next_fraction])
            if risk_us is not None:
                self.risk_us = risk_us if risk_us > effective_us else effective_us
        timer_us = limit_us if limit_us > effective_us else effective_us
        self.timer_us = timer_us if timer_us < self.risk_us else self.risk_us

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
        self._disarm()

    def _calm(self, at_us: int, reason: str) -> None:
        if self.warned_us is not None:
            self._enter(at_us, "risk", "end", self.warned_us, 0.0, reason)
            self.warned_us = None

    def _enter(self, at_us: int, kind: str, what: str, starts_us: int, fraction: float, reason: str = "") -> None:
        elapsed_us = self.elapsed_us(at_us) if at_us >= self.run_us else self.used_us
        segments = self.segments_until(at_us)
        proof = Proof(self.due_us, self.target, elapsed_us, segments, self.hours, self.priority)
        self.entries.append(Entry(at_us, kind, what, self, starts_us, fraction, reason, proof))

    # -- what facts do ------------------------------------------------------------------------------------------------

    def pause(self, at_us: int) -> None:
        """Stop the clock until it is resumed."""
        self.expire(at_us)
        self.halt(at_us)
        self.state = "paused"
        if self.breach_us is None:
            self.due_us = None
        self._disarm()

    def resume(self, at_us: int) -> None:
        """Let the clock run again."""
        self.state = "running"
        self.run(at_us)
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
                self.halt(at_us)
                self.run(at_us, hours)
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
            self.due_us = self.spent_at(target) if target is not None and self.used_us >= target else None

    def _rearm(self, at_us: int) -> None:
        """After a change, raise again what is ahead again, and end a warning that no longer holds."""
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
            self.halt(at_us)
        was_paused = self.state == "paused"
        if state == "fulfilled" and self.spec.through:
            self.gap = [(at_us, was_paused)]
        self.state = state
        self.ended_us = at_us
        self._disarm()
        self._calm(at_us, reason)
        if self.breach_us is not None and not self.told_end:
            self.told_end = True
            self._enter(at_us, "breach", "end", self.breach_us, 1.0, reason)
        if self.spec.derives and state == "fulfilled":
            self._enter(at_us, FULFILLED, "note", self.started_us, 1.0)

    def reopen(self, at_us: int, *, through: bool) -> None:
        """Take a finish back. ``through``: the time since counts, except where the case was paused."""
        if through and self.gap is not None:
            for (from_us, paused), (to_us, _) in zip(self.gap, [*self.gap[1:], (at_us, False)], strict=True):
                if not paused:
                    self.run(from_us)
                    self.halt(to_us)
        self.gap = None
        self.ended_us = None
        self.state = "running"
        self.run(at_us)
        self.effective_us = at_us
        self.next_fraction = 0
        self.aim()
