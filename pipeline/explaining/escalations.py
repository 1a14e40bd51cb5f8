"""How far the escalation of a group is, and whom its next step would reach. Pure."""

from collections.abc import Mapping

import msgspec

from alerts.duty import Duty, UnknownScheduleError
from alerts.escalating import Running
from alerts.escalation import Phase, recipients
from alerts.grouping import Group
from alerts.response_model import Response
from config.escalations import EscalationSettings, EscalationTargetSettings

_to_running = msgspec.json.Decoder(Running)


class EscalationTold(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation as it stands.

    Attributes:
        phase: ``waiting`` for its next step, ``acknowledged``, or ``ended``; None: it has not begun.
        steps: how many it has; rounds: how many times they are taken. taken: steps that were told, over all rounds.
        paused: what hides all that is not acknowledged holds it up.
        told: receivers that heard of it.
        next_step: in words (``step 2 of 2``); empty: none is left.
        next_us: when that is due; None: not by the clock alone.
        next_targets: whom it names. next_receivers: whom these are, when it is due (now, when that is not known).
        next_notes: lines about that, such as that nobody is on duty.
        by: who has acknowledged this alert; empty: nobody.
    """

    policy: str
    known: bool
    phase: Phase | None
    steps: int = 0
    rounds: int = 1
    taken: int = 0
    paused: bool = False
    told: tuple[str, ...] = ()
    next_step: str = ""
    next_us: int | None = None
    next_targets: tuple[str, ...] = ()
    next_receivers: tuple[str, ...] = ()
    next_notes: tuple[str, ...] = ()
    by: str = ""


def escalation_of(
    group: Group,
    policy_name: str | None,
    policies: Mapping[str, EscalationSettings],
    duty: Duty,
    acknowledged: Response | None,
    now_us: int,
) -> EscalationTold | None:
    """Return how a group's escalation stands; None: it has none.

    Args:
        group: as it stands.
        policy_name: of its route.
        policies: of the settings.
        duty: answers who is on duty.
        acknowledged: by what one alert of it is acknowledged.
        now_us: microseconds UTC.
    """
    running = _to_running.decode(group.escalation) if group.escalation else None
    name = policy_name if running is None else running.policy
    if name is None:
        return None
    by = "" if acknowledged is None else acknowledged.by
    policy = policies.get(name)
    told = () if running is None else running.receivers
    if policy is None or (running is not None and running.policy != policy_name):
        return EscalationTold(policy=name, known=False, phase=None, told=told, by=by)
    steps, rounds = len(policy.steps), 1 + policy.repeat
    state = None if running is None else running.state
    if state is not None and state.phase == "ended":
        return EscalationTold(
            policy=name, known=True, phase="ended", steps=steps, rounds=rounds, taken=state.told, told=told, by=by
        )
    taken = 0 if state is None else state.told
    last = taken >= steps * rounds
    targets = (EscalationTargetSettings(receiver=policy.then),) if last else policy.steps[taken % steps].notify
    next_us = None
    if state is None:
        next_us = group.tick_us
    elif state.running and state.seen_us is not None:
        next_us = state.seen_us + state.left_us
    try:
        found = recipients(targets, duty, next_us or now_us, catch_all=policy.then)
        receivers, notes = found.receivers, found.notes
    except UnknownScheduleError as error:
        receivers, notes = (), (str(error),)
    return EscalationTold(
        policy=name,
        known=True,
        phase=None if state is None else state.phase,
        steps=steps,
        rounds=rounds,
        taken=taken,
        paused=state is not None and state.phase == "waiting" and not state.running,
        told=told,
        next_step="the last resort" if last else _step_words(taken, steps, rounds),
        next_us=next_us,
        next_targets=tuple(map(target_words, targets)),
        next_receivers=receivers,
        next_notes=notes,
        by=by,
    )


def _step_words(taken: int, steps: int, rounds: int) -> str:
    again = f", round {taken // steps + 1} of {rounds}" if taken >= steps else ""
    return f"step {taken % steps + 1} of {steps}{again}"


def target_words(target: EscalationTargetSettings) -> str:
    """Return a target in words.

    >>> target_words(EscalationTargetSettings(schedule="primary"))
    'schedule primary'
    """
    if target.schedule is not None:
        return f"schedule {target.schedule}"
    return f"person {target.person}" if target.person is not None else f"receiver {target.receiver}"
