"""The way of an alert in words that a person on call understands."""

import math
from collections.abc import Iterator, Sequence

from alerts.model import Account
from alerts.response_model import Response
from config.durations import format_duration_us
from config.settings import Settings
from pipeline.explaining.escalations import EscalationTold
from pipeline.explaining.story import GroupTold, NodeTold, Story
from pipeline.explaining.told import note_lines
from pipeline.explaining.words import ahead, listed, moment, span

VERDICTS = {
    "told": "told",
    "known": "not told again: that had been said already",
    "replaced": "a later change was told in its place",
    "muted": "not told",
    "unwanted": "not told: it wants no resolves (send_resolved: false)",
    "never_told": "not told: it had resolved before anybody was told that it fires",
}


def lines(story: Story, settings: Settings) -> Iterator[str]:
    """Yield the way of an alert, line by line."""
    incident = f", incident {story.incident.id}: {story.incident.title}" if story.incident is not None else ""
    yield f"its way to people, as of {moment(story.now_us)} (code {story.code}{incident})"
    yield "routes"
    taken = [node for node in story.nodes if node.outcome == "taken"]
    for node in taken:
        yield f"  {node_line(node, settings)}"
    if not taken:
        yield "  the settings have no route: nobody is told of anything"
    yield "groups"
    for group in story.groups:
        for line in group_lines(group, settings, story.now_us):
            yield f"  {line}"
    if not story.groups:
        yield "  it is in none now: all that it was in is over and told"
    yield from _hidden(story)
    decided = list(account_lines(story, story.detail.accounts))
    if decided:
        yield "what was decided of each change"
        yield from (f"  {line}" for line in decided)
    yield "notifications"
    for note in story.notes:
        for line in note_lines(note, settings.channels, story.now_us):
            yield f"  {line}"
    if not story.notes:
        yield "  none"
    yield from _answers(story)
    yield from _watched(story)


def node_line(node: NodeTold, settings: Settings) -> str:
    """Return a route that takes the alert, and why."""
    receiver = settings.receivers.get(node.receiver)
    tiers = "which the settings do not have" if receiver is None else ", then ".join(t.channel for t in receiver.tiers)
    why = f"it matches {' and '.join(node.matchers)}" if node.matchers else "no route below takes it"
    escalation = f", with the escalation {node.escalation}" if node.escalation is not None else ""
    return f"{node.route} → {node.receiver} ({tiers}){escalation}, because {why}"


def group_lines(group: GroupTold, settings: Settings, now_us: int) -> Iterator[str]:
    """Yield a group with its timers and its escalation."""
    alerts = "1 alert" if group.alerts == 1 else f"{group.alerts} alerts"
    yield f"{group.name} → {group.receiver}: {alerts}, {group.firing} firing"
    yield f"  {_timers(group, now_us)}"
    if group.escalation is not None:
        for line in escalation_lines(group.escalation, now_us):
            yield f"  {line}"


def _timers(group: GroupTold, now_us: int) -> str:
    parts = [f"told last {moment(group.told_us)}" if group.told_us is not None else "not told so far"]
    if group.held:
        parts.append("a notifier looks at it now")
    elif group.tick_us is not None:
        late = now_us - group.tick_us
        when = ahead(group.tick_us, now_us)
        if late > 0:
            when = f"{moment(group.tick_us)}, {span(late)} ago: does a notifier run?"
        parts.append(f"looked at next {when}")
    else:
        parts.append("looked at when something changes")
    if group.repeat_us is not None and group.tick_us is not None and not group.waiting:
        parts[-1] += ", then told again if nothing has changed" if group.tick_us > group.repeat_us else ""
    if group.timing is None:
        parts.append("the settings have its route no longer")
    else:
        wait, interval = map(format_duration_us, (group.timing.wait_us, group.timing.interval_us))
        parts.append(f"group_wait {wait}, group_interval {interval}")
    return "; ".join(parts)


def escalation_lines(one: EscalationTold, now_us: int) -> Iterator[str]:
    """Yield how an escalation stands, and what comes next."""
    name = f"escalation {one.policy}"
    if not one.known:
        yield f"{name}: the settings have it here no longer; it tells nobody any more"
        return
    if one.phase is None:
        yield f"{name}: begins with the first notification"
    elif one.phase == "acknowledged":
        yield f"{name}: stopped, everything is acknowledged{f' (this alert by {one.by})' if one.by else ''}"
        return
    else:
        rounds = f", {one.rounds} times at most" if one.rounds > 1 else ""
        yield f"{name}: {one.taken} of its {one.steps} steps taken{rounds}; told {listed(one.told)}"
    if one.phase == "ended":
        yield "  it has come to its end: nobody else will be told until something new joins the group"
        return
    if one.paused:
        yield f"  it waits, because everything in it is hidden; then {one.next_step}"
        return
    when = f" at {ahead(one.next_us, now_us)}" if one.next_us is not None else ""
    names = listed(one.next_targets)
    reached = (
        f", which is {listed(one.next_receivers)} then"
        if one.next_receivers and names != f"receiver {listed(one.next_receivers)}"
        else ""
    )
    yield f"  unless somebody acknowledges, next {one.next_step}{when}: {names}{reached}"
    for note in one.next_notes:
        yield f"  {note}"


def account_lines(story: Story, accounts: Sequence[Account]) -> Iterator[str]:
    """Yield what was decided of changes, and those of which it is not yet."""
    steps = {change.change_id: change.step for change in story.detail.history}
    for one in sorted(accounts, key=lambda account: account.at_us):
        by = f" by {one.by}" if one.verdict in {"told", "replaced"} and one.by else ""
        by = f": {one.by}{_told_after(story, one)}" if one.verdict == "muted" else by
        step = steps.get(one.change_id, "a change that is no longer kept")
        yield f"{moment(one.at_us)}  {step} → {one.receiver}: {VERDICTS[one.verdict]}{by}"
    for group in story.groups:
        for change_id in group.waiting:
            when = "" if group.tick_us is None else f" on the tick of {ahead(group.tick_us, story.now_us)}"
            yield f"not yet  {steps.get(change_id, change_id)} → {group.receiver}: decided{when}"
    for change_id in story.unrouted:
        yield f"not yet  {steps.get(change_id, change_id)}: no notifier has looked at it; does one run?"


def _told_after(story: Story, muted: Account) -> str:
    """Return by which notification a change was told when nothing hid it any more; empty: by none so far."""
    where = (muted.group, muted.receiver)
    later_us = [
        one.at_us
        for one in story.detail.accounts
        if (one.group, one.receiver) == where and one.at_us > muted.at_us and one.change_id != muted.change_id
    ]
    until_us = min(later_us, default=math.inf)  # from then on there was something else to tell
    about = (
        note
        for note in story.detail.notifications
        if (note.group, note.receiver) == where and muted.at_us <= note.accepted_us < until_us
    )
    first = min(about, key=lambda note: note.accepted_us, default=None)
    return "" if first is None else f"; told when that was over, by {first.key}"


def _hidden(story: Story) -> Iterator[str]:
    if story.mutes and story.detail.current.status == "firing":
        yield "hidden now"
        for mute in story.mutes:
            yield f"  {mute.kind} by {mute.by}: {mute.detail}"


def _answers(story: Story) -> Iterator[str]:
    if not story.responses and story.assigned is None:
        return
    yield "responses"
    for one in story.responses:
        yield f"  {response_line(one)}"
    held = story.acknowledged
    if held is not None:
        until = "until it fires anew" if held.until_us is None else f"until {ahead(held.until_us, story.now_us)}"
        yield f"  acknowledged now, by {held.by}, {until}"
    if story.assigned is not None:
        yield f"  given to {story.assigned}"


def response_line(one: Response) -> str:
    """Return a response in words."""
    more = f" until {moment(one.until_us)}" if one.until_us is not None else ""
    more += f" to {one.to}" if one.to else ""
    return f"{moment(one.at_us)}  {one.by}, by {one.via}: {one.kind}{more}{f': {one.text}' if one.text else ''}"


def _watched(story: Story) -> Iterator[str]:
    yield "auditor"
    if story.audited_us is None:
        yield "  there was no audit yet"
    elif story.audit:
        yield from (f"  {moment(story.audited_us)}  {line}" for line in story.audit)
    else:
        yield f"  {moment(story.audited_us)}  nothing is missing of this alert"
    for channel, since_us in sorted(story.failing.items()):
        yield f"note: the channel {channel} fails since {moment(since_us)}"
