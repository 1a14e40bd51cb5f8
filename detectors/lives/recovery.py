"""What becomes of a recovery: it moves, stands still, waits for the customer, and is closed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detectors.events import CASE_STEPS, Event
from detectors.lives import recovery_words as words
from detectors.lives.beginnings import Beginnings
from detectors.lives.facts import Fact, fact_of
from detectors.lives.life import FAR_US, NO_USE, SEED, STRAY, Life, Script
from detectors.lives.recovery_clock import RecoveryClock
from detectors.lives.recovery_state import IDLE, OVERDUE, UNOWNED, WAIT, WITHOUT_CONTACT, Recovery, forget
from detectors.lives.settings import RECOVERY_LABEL, labels_of
from detectors.lives.surveys import Scales
from detectors.promises.kinds import (
    CANCELLED_STATUSES,
    HOLD_REASONS,
    PENDING_STATUSES,
    RESOLVED_STATUSES,
    RESOLVED_STEPS,
    normal,
)
from detectors.promises.spec import Calendars

if TYPE_CHECKING:
    from detectors.stalled_recovery import StalledRecoverySettings

NAME = "stalled_recovery"
_NO_USE = frozenset({"internal_note", "auto_reply", "tier_changed", "calendar_changed", "priority_changed", "split"})
_OWNS = frozenset({"assigned", "accepted", "agent_reply", "accepted_by_new_owner"})
_WAIT_OVER = frozenset({"customer_replied", "customer_responded", "waiting_ended", "waiting_customer_ended"})


class RecoveryLife(Life[Recovery]):
    """What becomes of a case that may be a recovery."""

    state_type = Recovery

    def __init__(self, name: str, settings: "StalledRecoverySettings", calendars: Calendars) -> None:
        self._name = name
        self.settings = settings
        self.retention_us = settings.retention
        self.skew_us = settings.skew
        self._begins = Beginnings(settings.begins, Scales(settings.scales, settings.default_scale))
        self._labels = frozenset({"owner", *self._begins.labels})
        self.quiet_us = 0
        self.dormant_us = 0
        self._clock = RecoveryClock(settings, calendars)
        self._progress = frozenset(settings.progress)
        self._dull = _NO_USE - self._progress
        self._contact = frozenset(settings.contact)
        self._delivers = frozenset(settings.delivers)
        self.event_types = frozenset({"survey.response", *(f"crm.case.{step}" for step in CASE_STEPS)})

    def begin(self, key: str) -> Recovery:
        """Return a case of which nothing is known."""
        return Recovery(case_id=key)

    def read(self, event: Event) -> Fact | str:
        """Return what is kept of an event; steps that are neither progress nor anything else are of no use."""
        return "" if self._is_of_no_use(event) else fact_of(event, self._labels, 0)

    def _is_of_no_use(self, event: Event) -> bool:
        if event.step not in self._dull:
            return False
        data: Any = event.data
        return not data.labels.get(RECOVERY_LABEL) and data.deadline is None

    def use_of(self, event: Event) -> int:
        """What a recovery may begin with begins something."""
        if event.step in self._dull and self._is_of_no_use(event):
            return NO_USE
        return SEED if self._begins.may_begin(event) else STRAY

    def keeps_quiet(self, facts: Sequence[Fact], fact: Fact) -> bool:
        """Nothing does: where a recovery begins there is a clock."""
        del facts, fact
        return False

    def is_seed(self, fact: Fact) -> bool:
        """Say whether a recovery may begin with it."""
        return bool(self._begins.cause(fact)) or self._begins.has_deadline(fact)

    def is_empty(self, state: Recovery) -> bool:
        """Say whether there is no recovery and no deadline."""
        return state.began_us is None and state.deadline_us is None

    def apply(self, state: Recovery, fact: Fact, script: Script) -> None:
        """Begin, move, or end a recovery."""
        mark = fact.label(RECOVERY_LABEL)
        status = normal(fact.status) if fact.status else ""
        closes = (
            mark == "closed" or fact.step in RESOLVED_STEPS or (fact.step == "updated" and status in RESOLVED_STATUSES)
        )
        cancels = fact.step in {"cancelled", "merged"} or status in CANCELLED_STATUSES
        if not state.is_open:
            self._while_over(state, fact, script, over=closes or cancels)
        if state.is_open:
            state.heard_us = fact.at_us
            self._follow(state, fact, mark, status, script)
            if not state.has_case and state.contacted:
                self._close(state, fact, script, flagged=False, why="followed up")
            elif cancels:
                self._close(state, fact, script, flagged=False, why=normal(fact.status or fact.step))
            elif closes:
                self._close(state, fact, script, flagged=not state.contacted, why="closed")
            else:
                self._clock.plan(state)

    def _while_over(self, state: Recovery, fact: Fact, script: Script, *, over: bool) -> None:
        """Take a fact of a case that is no recovery, or no more."""
        cause = self._begins.cause(fact)
        again = state.began_us is not None and fact.step == "reopened"
        if not over and (cause or again):
            self._end_flag(state, fact.at_us, script, "the case was reopened")
            self._start(state, fact, fact.at_us, cause or state.cause)
            return
        name = fact.label(RECOVERY_LABEL) or fact.step
        if name in self._contact and state.began_us is not None:
            state.contacted = True
            if state.outcome == WITHOUT_CONTACT:
                state.outcome = "closed"
            self._end_flag(state, fact.at_us, script, "the customer was contacted after all")
        if state.began_us is not None:
            return
        if over:
            forget(state)
        elif fact.deadline_us is not None and self._begins.has_deadline(fact):
            state.deadline_us = max(fact.deadline_us, fact.at_us)
            state.who, state.queue, state.heard_us = fact.who, fact.queue or state.queue, fact.at_us

    def _start(self, state: Recovery, fact: Fact | None, at_us: int, cause: str) -> None:
        state.began_us, state.cause, state.is_open = at_us, cause, True
        state.run_us = state.moved_us = state.heard_us = at_us
        state.used_us, state.moved_by, state.contacted, state.outcome = 0, "", False, ""
        state.waiting_us = state.unowned_us = state.promised_us = state.deadline_us = state.ended_us = None
        state.has_case = fact is None or fact.step != "response"
        if fact is not None:
            state.who, state.queue = fact.who, fact.queue or state.queue
            if fact.step == "opened" and not fact.label("owner"):
                state.unowned_us = at_us
        self._clock.plan(state)

    def _follow(self, state: Recovery, fact: Fact, mark: str, status: str, script: Script) -> None:
        name, at_us, step = mark or fact.step, fact.at_us, fact.step
        self._see_owner(state, fact, name, script)
        if step == "reopened":
            state.has_case = True
        if name in self._delivers:
            state.promised_us = None
            self._release(state, at_us, script, OVERDUE, "what was promised was delivered")
        if fact.deadline_us is not None and fact.deadline_us != state.promised_us:
            state.promised_us = fact.deadline_us
            if fact.deadline_us > at_us:
                self._release(state, at_us, script, OVERDUE, "a new date was promised")
        if name in self._contact:
            state.contacted = True
        if name in self._progress:
            self._move(state, at_us, name, script)
        waits = mark == "waiting_customer" or status in PENDING_STATUSES
        waits = waits or (step == "paused" and normal(fact.reason or "") not in HOLD_REASONS)
        goes_on = mark in _WAIT_OVER or step in {"customer_message", "reopened"}
        goes_on = goes_on or (step == "resumed" and normal(fact.reason or "") not in HOLD_REASONS)
        if waits and state.waiting_us is None:
            hours = self._clock.hours(state)
            state.used_us += hours.position(at_us) - hours.position(state.run_us)
            state.waiting_us = at_us
        elif state.waiting_us is not None and not waits and (goes_on or (step == "updated" and status)):
            state.waiting_us, state.run_us = None, at_us
            self._release(state, at_us, script, WAIT, "the customer has answered")

    def _see_owner(self, state: Recovery, fact: Fact, name: str, script: Script) -> None:
        if name == "owner_removed" or (fact.step == "assigned" and not (fact.to or fact.queue or fact.label("owner"))):
            state.unowned_us = fact.at_us if state.unowned_us is None else state.unowned_us
        elif name in _OWNS or fact.step in _OWNS or name in self._contact or fact.label("owner"):
            state.unowned_us = None
            self._release(state, fact.at_us, script, UNOWNED, "somebody owns it now")
        if fact.queue:
            state.queue = fact.queue

    def _move(self, state: Recovery, at_us: int, name: str, script: Script) -> None:
        """Progress: the idle clock, and the wait for the customer, count anew."""
        state.moved_us, state.moved_by = at_us, name
        state.used_us, state.run_us = 0, at_us
        if state.waiting_us is not None:
            state.waiting_us = at_us
        why = f"it moves again: {name.replace('_', ' ')}"
        self._release(state, at_us, script, IDLE, why)
        self._release(state, at_us, script, WAIT, why)

    def _close(self, state: Recovery, fact: Fact, script: Script, *, flagged: bool, why: str) -> None:
        at_us = fact.at_us
        state.is_open, state.ended_us, state.outcome = False, at_us, why
        state.dues = {}
        state.holding = {}
        self._end_stall(state, at_us, script, f"the recovery was {why}")
        if flagged:
            state.outcome = WITHOUT_CONTACT
            state.flag_us = at_us + self.settings.contact_after_close

    def _release(self, state: Recovery, at_us: int, script: Script, reason: str, why: str) -> None:
        if state.holding.pop(reason, None) is not None and not state.holding:
            self._end_stall(state, at_us, script, why)

    def _hold(self, state: Recovery, at_us: int, reason: str, script: Script) -> None:
        state.holding[reason] = at_us
        hours = self._clock.hours(state)
        if state.open is not None:
            script.update(at_us, state.open, lambda: words.stalled(state, at_us, hours, self.settings))
            return
        severity = self.settings.urgency.of(state.who)
        if self.settings.urgency.is_raised(severity):
            labels = self._labels_of(state, "StalledRecovery", severity)
            state.open = script.fire(at_us, labels, lambda: words.stalled(state, at_us, hours, self.settings))

    def _end_stall(self, state: Recovery, at_us: int, script: Script, why: str) -> None:
        if state.open is not None:
            episode, state.open = state.open, None
            script.end(at_us, episode, lambda: words.moves_again(state, episode.starts_us, at_us, why))

    def _raise_flag(self, state: Recovery, at_us: int, script: Script) -> None:
        state.flag_us, state.flag_ends_us = FAR_US, at_us + self.settings.flag_for
        severity = self.settings.urgency.of(state.who)
        if self.settings.urgency.is_raised(severity):
            labels = self._labels_of(state, "RecoveryClosedWithoutContact", severity)
            state.flag = script.fire(at_us, labels, lambda: words.without_contact(state, self._clock.hours(state)))

    def _end_flag(self, state: Recovery, at_us: int, script: Script, why: str) -> None:
        state.flag_us = state.flag_ends_us = FAR_US
        if state.flag is not None:
            episode, state.flag = state.flag, None
            script.end(at_us, episode, lambda: words.flag_ended(state, why))

    def _labels_of(self, state: Recovery, alertname: str, severity: str) -> dict[str, str]:
        more = {"case_id": state.case_id, "queue": state.queue}
        return {**self.settings.labels, **labels_of(self._name, NAME, alertname, severity, state.who, more)}

    def next_us(self, state: Recovery) -> int:
        """Return when it stands still next, when a deadline passes, or when it is forgotten."""
        if state.is_open:
            return min([state.heard_us + self.settings.case_retention, *state.dues.values()])
        if state.began_us is None:
            return FAR_US if state.deadline_us is None else state.deadline_us
        told_us = min(state.flag_us, state.flag_ends_us)
        return told_us if told_us < FAR_US else (state.ended_us or 0) + self.settings.remember

    def pass_deadline(self, state: Recovery, at_us: int, script: Script) -> None:
        """Let it stand still, begin, or be forgotten."""
        if state.is_open:
            for reason, due_us in sorted(state.dues.items()):
                if due_us <= at_us:
                    del state.dues[reason]
                    self._hold(state, at_us, reason, script)
            if at_us >= state.heard_us + self.settings.case_retention:
                self._end_stall(state, at_us, script, "nothing was heard of the case any more")
                forget(state)
        elif state.began_us is None:
            self._start(state, None, at_us, "a deadline that was missed")
        elif state.flag_us <= at_us:
            self._raise_flag(state, at_us, script)
        elif state.flag_ends_us <= at_us:
            self._end_flag(state, at_us, script, "it was told long enough")
        else:
            forget(state)
