"""The fold: facts of one case, in their order of time, applied to the promises that are made for it.

The state of a case is a pure function of its set of facts. A fact that comes in order is applied to the state at once;
any other is put in its place and the state is built anew from the retained facts, so that order of arrival cannot
matter.
"""

from bisect import insort
from collections.abc import Sequence

from detectors.promises.clock import FAR_US
from detectors.promises.entries import Entry
from detectors.promises.facts import About, Fact, counts_before, place_of
from detectors.promises.kinds import reasons_after
from detectors.promises.spec import (
    CANCEL,
    CLOSING,
    REOPEN,
    START,
    STOP,
    WATCH_DEADLINE,
    WATCH_PRIORITY,
    WATCH_QUEUE,
    WATCH_TIER,
    Spec,
)
from detectors.promises.track import Track

KEPT_FOR_EVER = (FAR_US, FAR_US)
_PAUSING = frozenset({"paused", "resumed", "reopened"})
_BY_TO = frozenset({"tier_changed", "calendar_changed", "merged", "split"})


class Case:
    """One case (or order): its facts, and the state that follows from them.

    Attributes:
        facts: in their order of time.
        stale: the state has to be built anew from the facts before it is looked at.
        entries: what the alerts about this case go through; of every instance in order of time.
        timer_us: the next moment at which a threshold or a due time is reached if nothing happens.
        last_us: time of the latest fact.
        keep_us: how long it is kept after its latest fact: when it is over, and when its clocks only stand. The same
            holds for the fold: a fact that comes later begins another life. So it cannot matter whether the case was
            still in memory by then, which depends on how the stream was cut.
    """

    __slots__ = (
        "calendar", "deadline_us", "entries", "facts", "fired_us", "keep_us", "last_us", "owner", "priority", "reasons",
        "revised", "specs", "stale", "status", "tier", "timer_us", "tracks", "who",
    )  # fmt: skip

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = specs
        self.keep_us = KEPT_FOR_EVER
        self.facts: list[Fact] = []
        self.stale = False
        self.revised = False
        self._clear()

    def _clear(self) -> None:
        self.last_us = self.fired_us = -FAR_US
        self.entries: list[Entry] = []
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget all but what was told: a case that was over for longer than it is kept begins another life."""
        self.priority: str | None = None
        self.tier = ""
        self.owner: str | None = None
        self.status: str | None = None
        self.calendar: str | None = None
        self.deadline_us: int | None = None
        self.reasons: set[str] | None = None
        self.who: About | None = None
        self.tracks: list[Track | None] = [None] * len(self.specs)
        self.timer_us = FAR_US

    # -- taking facts -------------------------------------------------------------------------------------------------

    def take(self, fact: Fact) -> bool:
        """Take a fact; return whether anything may have changed.

        In order, it is applied at once. Out of order, the case becomes stale. A repeat, or a revision lower than one
        that is known, changes nothing.
        """
        at_us = fact.at_us
        if not self.stale and at_us > self.fired_us:
            last_us = self.last_us
            if at_us > last_us or (at_us == last_us and place_of(fact) > place_of(self.facts[-1])):
                if not fact.rev and not self.revised:
                    if at_us > last_us + self.keep_us[0] and at_us > self.keep_until_us():
                        self._begin_anew()
                    self.facts.append(fact)
                    self.last_us = at_us
                    self._apply(fact)
                    return True
                self.revised = True
        return self._place(fact)

    def _place(self, fact: Fact) -> bool:
        self.revised = self.revised or fact.rev > 0
        for index, known in enumerate(self.facts):
            if known.id == fact.id and known.source == fact.source:
                if counts_before(fact, known):
                    return False
                del self.facts[index]
                break
        insort(self.facts, fact, key=place_of)
        self.stale = True
        return True

    def rebuild(self) -> None:
        """Build the state anew from the facts."""
        self.stale = False
        self.entries.clear()  # entries and measurements refer to each other
        self._clear()
        for fact in self.facts:
            if fact.at_us > self.last_us + self.keep_us[0] and fact.at_us > self.keep_until_us():
                self._begin_anew()
            self.last_us = fact.at_us
            self._apply(fact)

    def advance(self, now_us: int) -> None:
        """Let time pass: everything that is reached before ``now_us`` is entered."""
        for track in self.tracks:
            if track is not None and track.current is not None and track.current.timer_us < now_us:
                track.current.advance(now_us)
        if self.entries:
            self.fired_us = max(entry[0] for entry in self.entries)
        self._set_timer()

    def _set_timer(self) -> None:
        timer_us = FAR_US
        for track in self.tracks:
            if track is not None and track.current is not None and track.current.timer_us < timer_us:
                timer_us = track.current.timer_us
        self.timer_us = timer_us

    def is_over(self) -> tuple[bool, bool]:
        """Return whether no measurement goes on, and whether one has ended and none will begin without a reopening."""
        begun = False
        over = True
        for spec, track in zip(self.specs, self.tracks, strict=True):
            if track is not None and track.current is not None:
                if track.current.is_active:
                    return False, False
                begun = True
            if spec.rolling and (track is None or not track.closed):
                over = False
        return True, over and begun

    def keep_until_us(self) -> int:
        """Return until when the case is kept: for ever while a measurement goes on."""
        idle, over = self.is_over()
        if not idle:
            return FAR_US
        return self.last_us + self.keep_us[0 if over else 1]

    # -- applying facts -----------------------------------------------------------------------------------------------

    def _apply(self, fact: Fact) -> None:  # noqa: PLR0912, PLR0915 - called for every event: calls cost
        at_us, step, status, priority, queue = fact.at_us, fact.step, fact.status, fact.priority, fact.queue
        to, deadline_us, about = fact.to, fact.deadline_us, fact.about
        if self.timer_us < at_us:
            self.advance(at_us)
        changed = 0  # what promises may watch
        if about is not None and self.who is None:
            self.who = about
            self.tier = self.tier or about.tier
        if priority is not None and priority != self.priority:
            self.priority = priority
            changed = WATCH_PRIORITY
        if queue is not None and queue != self.owner and queue:
            self.owner = queue
            changed |= WATCH_QUEUE
        if deadline_us is not None and deadline_us != self.deadline_us:
            self.deadline_us = deadline_us
            changed |= WATCH_DEADLINE
        if to is not None and step in _BY_TO:
            if step == "tier_changed":
                self.tier = to
            elif step == "calendar_changed":
                self.calendar = to
            changed |= WATCH_TIER
        was_status = self.status
        pausing = step in _PAUSING
        if pausing:
            if step == "reopened":
                self.reasons = self.status = None  # whatever it was, the case is open now, and waits for us again
            else:
                self.reasons = reasons_after(self.reasons, step, fact.reason)
        moved = status is not None and status != was_status
        if moved:
            self.status = status
        touched = False
        for index, spec in enumerate(self.specs):
            step_bits = bits = spec.ops.get(step, 0)
            watched = changed & spec.watches
            if not (bits or watched or moved or pausing):
                continue
            if watched & WATCH_TIER and step in {"merged", "split"}:  # into, or off from, the case that `to` names
                bits = CANCEL if step == "merged" else 0
            if moved:
                now, was = spec.status_bits(status), spec.status_bits(was_status)
                if now != was:
                    bits |= now & ~was & (START | CLOSING)
                    if was & CLOSING and not now & CLOSING:
                        bits |= REOPEN
                elif not (bits or watched or pausing):
                    continue
            if spec.by_owner:
                bits = (bits | START | STOP) if changed & WATCH_QUEUE else bits & ~START
            track = self.tracks[index]
            if track is None:
                if not bits & (START | CLOSING):
                    continue
                track = self.tracks[index] = Track(spec)
            track.apply(self, at_us, bits, step_bits, watched)
            touched = True
        if touched:
            self._set_timer()
