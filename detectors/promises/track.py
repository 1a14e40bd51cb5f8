"""One promise of one case: which facts begin, end and take up again its measurements."""

from typing import Protocol

import msgspec

from detectors.promises.clock import State
from detectors.promises.entries import Entry
from detectors.promises.facts import About
from detectors.promises.instance import Instance
from detectors.promises.spec import CANCEL, CLOSING, END, REOPEN, START, STOP, Spec

NOBODY = About()


class Subject(Protocol):
    """What a promise must know of its case, as the facts so far say."""

    who: About | None
    tier: str
    priority: str | None
    owner: str | None
    status: str | None
    calendar: str | None
    deadline_us: int | None
    reasons: set[str] | None
    entries: list[Entry]


class Track:
    """One promise of one case: its measurements, oldest first.

    Attributes:
        current: the latest measurement; None while there is none.
        closed: the case was resolved or cancelled, and is not reopened.
        waiting: a start came while the case was closed; it counts when the case is reopened.
        by_closing: the latest measurement was stopped by the event that closed the case.
        early: what stopped, ended or cancelled the promise before it began. Sources whose clocks disagree, or typing
            errors, have a parcel delivered before it was ordered; it was delivered all the same.
    """

    __slots__ = ("by_closing", "closed", "current", "early", "instances", "spec", "waiting")

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.instances: list[Instance] = []
        self.current: Instance | None = None
        self.closed = False
        self.waiting = False
        self.by_closing = False
        self.early = 0

    def apply(  # noqa: PLR0912 - the ranks, one after the other
        self, about: Subject, at_us: int, bits: int, step_bits: int, watched: int
    ) -> None:
        """Apply what a fact means to one promise, in the order of ranks."""
        current = self.current
        if current is None and not self.spec.rolling:
            bits = self._before_or_at_start(bits)
        if current is None or not current.is_active:
            if bits & STOP:
                self.waiting = False
            if bits & START and (current is None or self.spec.rolling):
                self._start(about, at_us)
                # what begins a measurement with this very step does not end it: a reply, a new owner
                if step_bits & STOP or self.spec.by_owner:
                    bits &= ~STOP
                current = self.current
        else:
            if watched:
                self._retarget(about, current, at_us)
                current = self.current
            if bits & STOP and current is not None:
                current.finish(at_us, "fulfilled", "fulfilled")
                self.by_closing = bool(bits & END)
                if bits & START and self.spec.rolling:
                    self._start(about, at_us)
                    current = self.current
                bits &= ~STOP
        if bits & STOP and current is not None and current.is_active:
            current.finish(at_us, "fulfilled", "fulfilled")
            self.by_closing = bool(bits & END)
        if bits & (END | CANCEL):
            if current is not None and current.is_active:
                state: State = "ended" if bits & END else "cancelled"
                current.finish(at_us, state, state)
                self.by_closing = True
            self.closed = True
        if bits & REOPEN:
            self._reopen(about, at_us)
            current = self.current
        if self.spec.pauses and current is not None:
            current.set_paused(at_us, paused=self.spec.is_paused(about.reasons, self.spec.status_bits(about.status)))

    def _before_or_at_start(self, bits: int) -> int:
        """Remember what comes before the start; at the start, return what the fact means together with it."""
        if bits & START:
            return bits | self.early
        self.early = 0 if bits & REOPEN else self.early | bits & CLOSING
        return 0

    def _start(self, about: Subject, at_us: int) -> None:
        if self.closed:
            self.waiting = True
            return
        who = about.who or NOBODY
        if who.tier != about.tier:
            who = msgspec.structs.replace(who, tier=about.tier)
        if not self.spec.is_made_for(at_us, who, about.priority, about.owner):
            return
        hours = self.spec.hours(about.tier, about.calendar, at_us)
        cycle = len(self.instances) + 1
        target = self._target(about)
        self.current = Instance(self.spec, cycle, at_us, who, about.priority, about.owner, hours, target, about.entries)
        self.instances.append(self.current)
        self.waiting = self.by_closing = False

    def _target(self, about: Subject) -> int | None:
        if self.spec.absolute:
            return self.spec.deadline_us if about.deadline_us is None else about.deadline_us
        return self.spec.target(about.priority, about.tier, about.owner)

    def _retarget(self, about: Subject, instance: Instance, at_us: int) -> None:
        target, hours = self._target(about), self.spec.hours(about.tier, about.calendar, instance.started_us)
        if self.spec.on_target_change == "keep":
            target = instance.target
            hours = hours if about.calendar is not None else instance.hours
        if target == instance.target and hours is instance.hours:
            instance.priority = about.priority
        elif self.spec.on_target_change == "restart" and target != instance.target:
            instance.finish(at_us, "superseded", "superseded")
            self._start(about, at_us)
        else:
            instance.retarget(at_us, target, hours, about.priority)

    def _reopen(self, about: Subject, at_us: int) -> None:
        self.closed = False
        instance = self.current
        if instance is not None and instance.is_active:
            return
        if self.waiting:
            self._start(about, at_us)
            return
        if instance is None or instance.ended_us is None:
            return
        allowed = self.spec.reopens
        if allowed == "none" or (allowed == "ended" and instance.state == "fulfilled"):
            return
        if allowed == "closing" and not self.by_closing:
            return
        quickly = self.spec.confirm_after_us is not None and at_us <= instance.ended_us + self.spec.confirm_after_us
        if quickly or self.spec.on_reopen in {"resume", "count_through"}:
            instance.reopen(at_us, through=quickly or self.spec.on_reopen == "count_through")
            self._retarget(about, instance, at_us)
        elif self.spec.on_reopen == "new_cycle":
            self._start(about, at_us)
