"""Why did I not get it? From an alert to one receiver, stop by stop, to where it ended."""

from collections.abc import Iterator, Sequence

import msgspec

from alerts.model import Account
from config.settings import Settings
from pipeline.explaining.barred import barred, ways_to
from pipeline.explaining.lines import VERDICTS, account_lines, group_lines
from pipeline.explaining.notes import NoteTold
from pipeline.explaining.story import GroupTold, Story
from pipeline.explaining.told import note_lines, sentence
from pipeline.explaining.words import ahead, listed, moment

_MARKS = {True: "✓", False: "✗", None: "·"}


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One stop on the way.

    Attributes:
        passed: None: it has yet to be seen.
        text: what was found there. more: what there is to it, a line each.
    """

    passed: bool | None
    text: str
    more: tuple[str, ...] = ()


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """The way of an alert to one receiver.

    Attributes:
        person: who asked; empty: a receiver was named.
        told: whether it was told there; None: that is not known yet.
        end: where it ended, in a sentence or two.
    """

    receiver: str
    person: str
    told: bool | None
    stops: tuple[Stop, ...]
    end: str


def walk(story: Story, settings: Settings, receiver: str, person: str = "") -> Walk:
    """Return the way of an alert to a receiver.

    Args:
        story: of the alert.
        settings: have a receiver of that name.
        receiver: about whom is asked.
        person: whose receiver it is, when a person asks.
    """
    notes = [note for note in story.notes if note.record.receiver == receiver]
    accounts = [account for account in story.detail.accounts if account.receiver == receiver]
    ways = ways_to(story, settings, receiver, person)
    groups = [one for one in story.groups if one.receiver == receiver or (ways and one.escalation is not None)]
    told, end = _end(story, settings, receiver, notes, accounts, ways, groups)
    stops = _stops(story, settings, receiver, notes, accounts, ways, groups)
    return Walk(receiver=receiver, person=person, told=told, stops=tuple(stops), end=end)


def walk_lines(one: Walk) -> Iterator[str]:
    """Yield a walk, line by line."""
    who = f"{one.person} ({one.receiver})" if one.person else one.receiver
    yield f"its way to {who}"
    for stop in one.stops:
        yield f"  {_MARKS[stop.passed]} {stop.text}"
        for line in stop.more:
            yield f"      {line}"
    end = {True: f"{who} was told: {one.end}", False: f"{who} was not told: {one.end}", None: f"{who}: {one.end}"}
    yield end[one.told]


def _stops(
    story: Story,
    settings: Settings,
    receiver: str,
    notes: Sequence[NoteTold],
    accounts: Sequence[Account],
    ways: Sequence[str],
    groups: Sequence[GroupTold],
) -> Iterator[Stop]:
    current = story.detail.current
    fires = "fires since" if current.status == "firing" else "has resolved; it last fired from"
    yield Stop(passed=True, text=f"the alert {fires} {moment(current.starts_at_us)}")
    if ways:
        yield Stop(passed=True, text=f"the settings lead to {receiver}", more=tuple(ways))
    else:
        before = " now; they did when it was decided" if notes or accounts else ""
        more = tuple(barred(story, settings, receiver))
        yield Stop(passed=False, text=f"the settings do not lead to {receiver}{before}", more=more)
    if story.unrouted:
        yield Stop(passed=None, text="no notifier has looked at its last change yet; does one run?")
    for group in groups:
        head, *rest = group_lines(group, settings, story.now_us)
        yield Stop(passed=group.told_us is not None or None, text=f"group {head}", more=tuple(map(str.strip, rest)))
    if story.mutes and current.status == "firing":
        why = tuple(f"{mute.kind} by {mute.by}: {mute.detail}" for mute in story.mutes)
        yield Stop(passed=None if notes else False, text="it is hidden now", more=why)
    if accounts:
        passed = accounts[-1].verdict in {"told", "known", "replaced"}
        own = msgspec.structs.replace(story, groups=(), unrouted=())
        yield Stop(passed=passed, text="what was decided", more=tuple(account_lines(own, accounts)))
    for note in notes:
        head, *rest = note_lines(note, settings.channels, story.now_us)
        yield Stop(passed=_went_out(note) or None, text=f"notification {head}", more=tuple(map(str.strip, rest)))


def _end(
    story: Story,
    settings: Settings,
    receiver: str,
    notes: Sequence[NoteTold],
    accounts: Sequence[Account],
    ways: Sequence[str],
    groups: Sequence[GroupTold],
) -> tuple[bool | None, str]:
    out = [note for note in notes if _went_out(note)]
    if notes:
        return True if out else None, sentence((out or notes)[-1], settings.channels, story.now_us)
    own = [group for group in groups if group.receiver == receiver]
    waiting = [group for group in own if group.waiting]
    if waiting:
        tick = waiting[0].tick_us
        when = "soon" if tick is None else f"on the tick of {ahead(tick, story.now_us)}"
        return None, f"Its group waits, it is decided {when}."
    if accounts:
        last = accounts[-1]
        return False, f"{VERDICTS[last.verdict]}{f' ({last.by})' if last.by else ''}, at {moment(last.at_us)}."
    if not ways:
        who = list(dict.fromkeys(node.receiver for node in story.nodes if node.outcome == "taken"))
        return False, f"nothing in the settings leads there; the alert goes to {listed(who)}."
    return False, _not_reached(story, groups)


def _not_reached(story: Story, groups: Sequence[GroupTold]) -> str:
    """Return why nothing was decided of it there: nobody has looked, or the escalation has not come there."""
    if story.unrouted:
        return "no notifier has looked at the alert yet; does one run?"
    running = [group.escalation for group in groups if group.escalation is not None]
    if not running:
        over = "was over" if story.detail.current.status == "resolved" else "has not begun"
        return f"only an escalation leads there, and it {over} before it came to that step."
    one = running[0]
    if one.phase == "acknowledged":
        return f"the escalation {one.policy} stopped before, because {one.by or 'somebody'} acknowledged."
    if one.phase == "ended":
        return f"the escalation {one.policy} has come to its end, and somebody else was on duty."
    when = "" if one.next_us is None else f" at {ahead(one.next_us, story.now_us)}"
    return f"the escalation {one.policy} has not come there; next is {one.next_step}{when}."


def _went_out(note: NoteTold) -> bool:
    stands = note.digest or note
    return stands.record.status == "delivered"
