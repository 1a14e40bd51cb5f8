"""Escalation: whom to tell next, while nobody acknowledges. Pure: state and time in, state and targets out.

How time counts
    A step's wait runs while the group is open, unacknowledged and not paused (by a silence or a maintenance window that
    hides all of it). The time between two looks counts if it ran at the earlier one; so whoever looks whenever a pause
    begins or ends loses nothing. While paused nothing is told; afterwards what was left of the wait is left.

One step for each look
    A look tells one step at most, and never leaves one out: the next step's wait begins when a step is *told*, not when
    it was due. After an outage, or a jump of the clock, the one step that is due is told, with a note that says by how
    much it is late; those after it wait their whole time from then. A clock that goes back counts nothing: the wait
    goes on from there.

Beginnings and ends
    The first step is told at the first look at which the group is open. Acknowledging stops everything; when an
    acknowledgement ends while the group is still open (or something joins that is not acknowledged), everything begins
    again with the first step. When all steps were taken ``1 + repeat`` times and the last wait is over, the policy's
    ``then`` is told, and that is the end, until something new joins the group: then it begins again. A resolve forgets
    everything: if the group fires again, so does the first step.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from alerts.duty import Duty
from alerts.icalendar import CalendarError
from config.durations import US_PER_SECOND, format_duration_us
from config.escalations import EscalationSettings, EscalationTargetSettings

LATE_US = 60 * US_PER_SECOND
"""A step that is told later than this after it was due says so."""
Phase = Literal["waiting", "acknowledged", "ended"]


class EscalationState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an escalation has come. The default is one that has not begun.

    Attributes:
        phase: ``waiting`` for the next step, ``acknowledged``, or ``ended``: everything was told.
        told: steps that were told, over all rounds.
        left_us: counted time until the next step is due.
        seen_us: when it was last looked at, microseconds UTC; None: never.
        running: whether time counted from then on.
        again: it began again, because not everything was acknowledged any more.
    """

    phase: Phase = "waiting"
    told: int = 0
    left_us: int = 0
    seen_us: int | None = None
    running: bool = False
    again: bool = False


START = EscalationState()


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """What a look says.

    Attributes:
        state: to be kept, together with what is told, in one atomic step.
        targets: whom to tell now; empty: nobody.
        next_due_us: when to look again although nothing changes; None: only when something does.
        step: number of the step that is told, from 1; one more than there are for ``then``; 0: none.
        round: how many times the steps are being taken, from 1.
        notes: lines for people.
    """

    state: EscalationState
    targets: tuple[EscalationTargetSettings, ...] = ()
    next_due_us: int | None = None
    step: int = 0
    round: int = 0
    notes: tuple[str, ...] = ()


def advance(
    policy: EscalationSettings,
    state: EscalationState,
    now_us: int,
    *,
    open_: bool,
    acknowledged: bool,
    paused: bool,
    joined: bool = False,
) -> Advance:
    """Return what is to be told at ``now_us``, and the state after it.

    Args:
        policy: of the settings, as they are now; a state that another policy left behind is taken as it fits.
        state: of the last look; :data:`START` for a group that fires for the first time.
        now_us: microseconds UTC.
        open_: something in the group fires.
        acknowledged: all that fires is acknowledged.
        paused: all that fires and is not acknowledged is muted by silences or maintenance windows.
        joined: something that fires and is not acknowledged is told now for the first time. An escalation that has
            ended begins again for it; one that runs goes on as it was.
    """
    if not open_:
        return Advance(state=START)
    if acknowledged:
        return Advance(state=msgspec.structs.replace(START, phase="acknowledged", seen_us=now_us))
    if state.phase == "acknowledged":
        state = EscalationState(seen_us=now_us, again=True)
    if state.phase == "ended":
        if not joined:
            return Advance(state=state)
        state = EscalationState(seen_us=now_us, again=True)
    left_us = state.left_us
    if state.running and state.seen_us is not None:
        left_us -= max(0, now_us - state.seen_us)
    if paused:
        # What was due during the pause is due when it ends; it is not late then.
        return Advance(state=_seen(state, now_us, left_us=max(0, left_us), running=False))
    if left_us > 0:
        return Advance(state=_seen(state, now_us, left_us=left_us, running=True), next_due_us=now_us + left_us)
    return _tell(policy, state, now_us, late_us=-left_us)


def _tell(policy: EscalationSettings, state: EscalationState, now_us: int, *, late_us: int) -> Advance:
    steps = len(policy.steps)
    notes = []
    if state.again and state.told == 0:
        notes.append("Not everything that is open is acknowledged any more: the escalation begins again.")
    if late_us > LATE_US:
        late = format_duration_us(late_us // US_PER_SECOND * US_PER_SECOND)
        notes.append(f"This step was due {late} ago and could not be told then.")
    if state.told >= steps * (1 + policy.repeat):
        taken = f"All {steps} steps were" if steps > 1 else "The only step was"
        times = f" {1 + policy.repeat} times" if policy.repeat else ""
        notes.insert(0, f"Nobody has acknowledged. {taken} taken{times}; nobody else will be told.")
        return Advance(
            state=_seen(state, now_us, phase="ended", left_us=0, running=False),
            targets=(EscalationTargetSettings(receiver=policy.then),),
            step=steps + 1,
            round=1 + policy.repeat,
            notes=tuple(notes),
        )
    step = policy.steps[state.told % steps]
    if state.told:
        notes.insert(0, "Nobody has acknowledged so far.")
    return Advance(
        state=_seen(state, now_us, told=state.told + 1, left_us=step.wait, running=True),
        targets=step.notify,
        next_due_us=now_us + step.wait,
        step=state.told % steps + 1,
        round=state.told // steps + 1,
        notes=tuple(notes),
    )


def _seen(
    state: EscalationState,
    now_us: int,
    *,
    left_us: int,
    running: bool,
    phase: Phase | None = None,
    told: int | None = None,
) -> EscalationState:
    return EscalationState(
        phase=state.phase if phase is None else phase,
        told=state.told if told is None else told,
        left_us=left_us,
        seen_us=now_us,
        running=running,
        again=state.again,
    )


class Recipients(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a step reaches.

    Attributes:
        receivers: names, each once, in the order of the step; never none.
        people: who they are, where they are people.
        notes: lines for people: which schedule has nobody on duty.
        nobody: the step reaches nobody, so that the receivers are the catch-all.
    """

    receivers: tuple[str, ...]
    people: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    nobody: bool = False


def receivers_of(target: EscalationTargetSettings, duty: Duty, now_us: int) -> list[str]:
    """Return the receivers that a target stands for now; empty: nobody is on duty.

    Raises:
        UnknownScheduleError: the settings have no such schedule.
        CalendarError: the calendar of the schedule holds what cannot be read.
    """
    if target.receiver is not None:
        return [target.receiver]
    return [duty.receiver(person) for person in people_of(target, duty, now_us)]


def people_of(target: EscalationTargetSettings, duty: Duty, now_us: int) -> tuple[str, ...]:
    """Return the people that a target stands for now; none for a receiver. Raises as :func:`receivers_of` does."""
    if target.person is not None:
        return (target.person,)
    return () if target.schedule is None else duty.on_duty(target.schedule, now_us)


def recipients(targets: Iterable[EscalationTargetSettings], duty: Duty, now_us: int, *, catch_all: str) -> Recipients:
    """Return whom a step reaches now: its targets, or the catch-all in their place when that is nobody.

    Args:
        targets: of the step.
        duty: who is on duty.
        now_us: microseconds UTC.
        catch_all: receiver: the policy's ``then``.
    """
    found: list[str] = []
    people: list[str] = []
    notes: list[str] = []
    for target in targets:
        try:
            here = receivers_of(target, duty, now_us)
            people += people_of(target, duty, now_us)
        except CalendarError as error:
            here = []
            notes.append(f"The calendar of the schedule {target.schedule} {error}.")
        if not here:
            notes.append(f"Nobody is on duty in the schedule {target.schedule}.")
        found += here
    if found:
        return Recipients(
            receivers=tuple(dict.fromkeys(found)), people=tuple(dict.fromkeys(people)), notes=tuple(notes)
        )
    notes.append(f"This goes to {catch_all} instead.")
    return Recipients(receivers=(catch_all,), notes=tuple(notes), nobody=True)
