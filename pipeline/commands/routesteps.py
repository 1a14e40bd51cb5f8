"""The steps of an escalation as ``makegood routes test`` shows them: after how long, whom, who that is then."""

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from alerts.duty import Duty
    from config.escalations import EscalationTargetSettings
    from config.settings import Settings


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step, if nobody acknowledges.

    Attributes:
        after_us: after the group was first told.
        targets: whom it names, in words. receivers: whom these are by then.
        last: it is the policy's ``then``.
        notes: lines about it, such as that nobody is on duty.
    """

    after_us: int
    targets: tuple[str, ...]
    receivers: tuple[str, ...]
    last: bool = False
    notes: tuple[str, ...] = ()


def planned_steps(settings: "Settings", name: str, duty: "Duty", from_us: int) -> list[PlannedStep]:
    """Return the steps of an escalation that begins at a time; of its rounds the first, then the last resort."""
    from config.escalations import EscalationTargetSettings

    policy = settings.escalations[name]
    after_us, steps = 0, []
    for step in policy.steps:
        steps.append(_planned(step.notify, duty, from_us, after_us, policy.then))
        after_us += step.wait
    after_us *= 1 + policy.repeat
    last = _planned((EscalationTargetSettings(receiver=policy.then),), duty, from_us, after_us, policy.then)
    return [*steps, msgspec.structs.replace(last, last=True)]


def step_lines(settings: "Settings", name: str, duty: "Duty", from_us: int) -> list[str]:
    """Return the steps as text, a line each."""
    from config.durations import format_duration_us

    lines = []
    for step in planned_steps(settings, name, duty, from_us):
        when = f"after {format_duration_us(step.after_us)}" if step.after_us else "at once"
        if step.last and settings.escalations[name].repeat:
            lines.append(f"all of it {1 + settings.escalations[name].repeat} times, while nobody acknowledges")
        who = ", ".join(step.targets)
        reached = [one for one in step.receivers if f"receiver {one}" not in step.targets]
        who += f": {', '.join(reached)}" if reached else ""
        lines.append(f"{when}  {who}{' (the last)' if step.last else ''}")
        lines += [f"  {note}" for note in step.notes]
    return lines


def plain_steps(settings: "Settings", name: str, duty: "Duty", from_us: int) -> list[dict[str, Any]]:
    """Return the steps as JSON for machines."""
    return [
        {
            "after_s": step.after_us / 1_000_000,
            "targets": list(step.targets),
            "receivers": list(step.receivers),
            "last": step.last,
            "notes": list(step.notes),
        }
        for step in planned_steps(settings, name, duty, from_us)
    ]


def _planned(
    targets: "tuple[EscalationTargetSettings, ...]", duty: "Duty", from_us: int, after_us: int, then: str
) -> PlannedStep:
    from alerts.escalation import recipients
    from pipeline.explaining.escalations import target_words

    found = recipients(targets, duty, from_us + after_us, catch_all=then)
    return PlannedStep(
        after_us=after_us,
        targets=tuple(map(target_words, targets)),
        receivers=found.receivers,
        notes=found.notes,
    )
