"""What in the settings leads from an alert to a receiver, and what does not."""

from collections.abc import Iterator

from alerts.duty import UnknownScheduleError
from alerts.duty_files import DutyFiles
from alerts.icalendar import CalendarError
from config.escalations import EscalationTargetSettings
from config.settings import Settings
from pipeline.explaining.escalations import target_words
from pipeline.explaining.lines import node_line
from pipeline.explaining.story import Story
from pipeline.explaining.words import listed, moment


def ways_to(story: Story, settings: Settings, receiver: str, person: str = "") -> list[str]:
    """Return what leads to a receiver, a line each: routes that take the alert, and steps of their escalations.

    Args:
        story: of the alert.
        settings: as they are now.
        receiver: where to.
        person: of several with one receiver, only this one's; empty: everybody's.
    """
    taken = [node for node in story.nodes if node.outcome == "taken"]
    found = [f"route {node_line(node, settings)}" for node in taken if node.receiver == receiver]
    people = {name for name, one in settings.people.items() if one.receiver == receiver and person in ("", name)}
    for name in dict.fromkeys(node.escalation for node in taken):
        policy = None if name is None else settings.escalations.get(name)
        if policy is None:
            continue
        for number, step in enumerate(policy.steps, start=1):
            for target in step.notify:
                if _leads(target, settings, receiver, people):
                    duty = _on_duty(story, settings, target)
                    found.append(f"escalation {name}, step {number}: {target_words(target)}{duty}")
        if policy.then == receiver:
            found.append(f"escalation {name}, at its end, and when nobody is on duty: receiver {receiver}")
    return found


def barred(story: Story, settings: Settings, receiver: str) -> Iterator[str]:
    """Yield why each route and each escalation that leads to a receiver does not take the alert."""
    for node in story.nodes:
        policy = None if node.escalation is None else settings.escalations.get(node.escalation)
        people = {name for name, one in settings.people.items() if one.receiver == receiver}
        escalates = policy is not None and any(
            _leads(target, settings, receiver, people) for step in policy.steps for target in step.notify
        )
        if node.outcome in {"taken", "passed"} or not (node.receiver == receiver or escalates):
            continue
        via = f" (escalation {node.escalation})" if node.receiver != receiver else ""
        yield f"route {node.route} → {node.receiver}{via}: {node.why}"


def _leads(target: EscalationTargetSettings, settings: Settings, receiver: str, people: set[str]) -> bool:
    if target.schedule is None:
        return target.receiver == receiver or target.person in people
    schedule = settings.schedules.get(target.schedule)
    if schedule is None:
        return False
    if schedule.icalendar is not None:
        return bool(people)
    named = {one for rotation in schedule.rotations for one in rotation.people}
    named |= {one for override in schedule.overrides for one in override.people}
    return bool(named & people)


def _on_duty(story: Story, settings: Settings, target: EscalationTargetSettings) -> str:
    """Return who was on duty when the escalation told somebody; who is now, when it has told nobody."""
    if target.schedule is None:
        return ""
    duty = DutyFiles(settings).current()
    told = [note.record.accepted_us for note in story.notes if note.record.kind == "escalation"]
    times = told or [story.now_us]
    try:
        lines = [f"at {moment(at_us)} {listed(duty.on_duty(target.schedule, at_us))}" for at_us in times]
    except (UnknownScheduleError, CalendarError) as error:
        return f" ({error})"
    return f" (on duty: {'; '.join(lines)})"
