"""What a group of alerts has to tell now: one pure function, by Alertmanager's rules.

Source: ``dispatch.go`` and ``notify.go`` (``DedupStage.needsUpdate``) of Alertmanager. Differences, all on purpose:

- ``group_wait`` counts from when the store took the group's first change, not from the alert's own time: what windows
  and promises say is minutes old when it is said.
- An alert that was told as firing is told as resolved even while a silence, a window or an inhibition hides it.
- An alert that resolved after the tick on which it was to be told, because nobody was there to decide on that tick, is
  told as resolved: nothing that fired for so long goes unheard.
- A step that corrects what was told (``confirmed`` after ``suspected``, ``corrected``, ``retracted``) is news.
- A group is looked at only on those ticks of ``group_interval`` on which something can come of it.
- A group of which nothing is left is new when something comes again, and waits ``group_wait``. Alertmanager's is gone
  only some time within the next half minute, and until then waits ``group_interval``.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from alerts.group_accounts import accounts_of, told_after_all
from alerts.group_model import NEVER_TOLD, Group, Member, News, Timing, Told
from alerts.model import Account
from alerts.muting import Mute
from detectors.contract import AlertChange

__all__ = [
    "NEVER_TOLD", "Decision", "Group", "Member", "News", "Timing", "Told", "decide", "tick_after", "token",
]  # fmt: skip
_NEWS = frozenset({"suspected", "corrected", "reinstated"})
_PUTS_RIGHT = frozenset({"corrected", "retracted", "moved"})


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a group.

    Attributes:
        kind: of the notification; None: there is none.
        members: whom it lists, firing first.
        told: replaces what was told; None: it stays as it is.
        removed: members that leave the group: they are resolved.
        accounts: of every change that came.
        after_all: by fingerprint, of what is told although nothing of it came: it was hidden before.
        look_again_us: on which tick something can come of it without any news; None: on none.
        muted: firing members that are hidden, and by what.
    """

    kind: Literal["group", "repeat"] | None
    members: tuple[Member, ...]
    told: Told | None
    removed: tuple[Member, ...]
    accounts: tuple[Account, ...]
    look_again_us: int | None
    after_all: tuple[tuple[str, Account], ...] = ()
    muted: tuple[tuple[str, Mute], ...] = ()


def token(change: AlertChange) -> str:
    """Return what is said by telling this change: the same while nothing that was said is wrong.

    >>> from detectors.contract import alert_change
    >>> made = alert_change(step="updated:3", at_us=1, status="firing", labels={}, annotations={}, starts_at_us=0)
    >>> token(made)
    'firing'
    """
    name, *numbers = change.step.split(":")
    return ":".join([name, *numbers]) if name in _NEWS else change.status


def tick_after(origin_us: int, interval_us: int, time_us: int) -> int:
    """Return the first tick at or after a time.

    >>> tick_after(100, 30, 131), tick_after(100, 30, 160), tick_after(100, 30, 5)
    (160, 160, 100)
    """
    return origin_us + max(0, -(-(time_us - origin_us) // interval_us)) * interval_us


def decide(
    group: Group,
    now_us: int,
    *,
    timing: Timing,
    mute: Callable[[AlertChange], Mute | None],
    send_resolved: bool,
) -> Decision:
    """Return what a group has to tell on a tick.

    Args:
        group: as it stands.
        now_us: the time of the tick, microseconds UTC.
        timing: of the route.
        mute: what hides a firing alert now.
        send_resolved: whether the receiver wants to hear of resolves.
    """
    before = NEVER_TOLD if group.told is None else group.told
    hidden: dict[str, Mute] = {}
    shown: list[Member] = []
    for member in group.members:
        change = member.change
        why = None if change.status == "resolved" and before.knows(change.fingerprint) else mute(change)
        if why is None:
            shown.append(member)
        else:
            hidden[change.fingerprint] = why
    firing = {member.change.fingerprint: token(member.change) for member in shown if member.change.status == "firing"}
    resolved = {
        member.change.fingerprint: member.change.change_id for member in shown if member.change.status == "resolved"
    }
    missed = _missed(group, {print_ for print_ in resolved if not before.knows(print_)}, timing)
    missed |= _put_right(group) & resolved.keys()
    kind = _kind(group.told, firing, resolved, now_us, timing, send_resolved=send_resolved) if shown else None
    if missed:
        kind = "group"
    told = None
    if kind is not None:
        thread = before.thread if before.is_open else f"{group.key}-{now_us // 1000}"
        owed = tuple(sorted(print_ for print_ in hidden if before.knows(print_)))
        told = Told(at_us=now_us, firing=firing, resolved=resolved, thread=thread, owed=owed)
    listed = [
        member
        for member in shown
        if send_resolved or member.change.status == "firing" or member.change.fingerprint in missed
    ]
    listed.sort(key=lambda member: (member.change.status != "firing", member.change.starts_at_us))
    if not listed:
        kind = None  # only resolves, for a receiver that wants none; that nothing fires any more is noted all the same
    removed = tuple(member for member in group.members if member.change.status == "resolved")
    names = {one.change.fingerprint for one in listed}
    return Decision(
        kind=kind,
        members=tuple(listed) if kind is not None else (),
        told=told,
        removed=removed,
        accounts=accounts_of(group, hidden, names, kind, now_us),
        after_all=told_after_all(group, names, now_us) if kind is not None else (),
        look_again_us=_look_again(group, told or group.told, hidden, timing, now_us),
        muted=tuple(hidden.items()),
    )


def _kind(
    told: Told | None,
    firing: dict[str, str],
    resolved: Mapping[str, str],
    now_us: int,
    timing: Timing,
    *,
    send_resolved: bool,
) -> Literal["group", "repeat"] | None:
    """``needsUpdate`` of Alertmanager; what is owed is told too."""
    if told is None:
        return "group" if firing else None
    if not all(_was_said(told.firing.get(print_), now) for print_, now in firing.items()):
        return "group"
    if not firing:
        return "group" if told.firing or resolved.keys() & set(told.owed) else None
    if send_resolved and not resolved.keys() <= told.resolved.keys():
        return "group"
    return "repeat" if told.at_us < now_us - timing.repeat_us else None


def _was_said(before: str | None, now: str) -> bool:
    """Return whether an alert that was told as ``before`` need not be told as ``now``."""
    if before is None:
        return False
    return before == now or (now == "firing" and not before.startswith("suspected"))


def _put_right(group: Group) -> set[str]:
    """Return alerts of which something was told, are over, and turn out to have been otherwise."""
    fresh = {news.fingerprint for news in group.news}
    return {
        member.change.fingerprint
        for member in group.members
        if group.told is not None
        and member.change.fingerprint in fresh & group.told.resolved.keys()
        and member.change.status == "resolved"
        and member.change.step.split(":")[0] in _PUTS_RIGHT
    }


def _missed(group: Group, resolved: set[str], timing: Timing) -> set[str]:
    """Return those of ``resolved``, of which nothing was told, that still fired on the tick on which to tell them.

    What came before its group was there would have been told ``group_wait`` later, had anybody been there.
    """
    times: dict[str, list[int]] = {}
    for news in group.news:
        if news.fingerprint in resolved:
            times.setdefault(news.fingerprint, []).append(news.accepted_us)
    for member in group.members:
        if member.coming_us is not None and member.change.fingerprint in times:
            times[member.change.fingerprint].append(member.coming_us)
    found = set()
    for print_, accepted in times.items():
        began_us, ended_us = min(accepted), max(accepted)
        if began_us <= group.origin_us - timing.wait_us:
            due_us = began_us + timing.wait_us
        else:
            due_us = tick_after(group.origin_us, timing.interval_us, began_us)
        if len(accepted) > 1 and due_us <= ended_us:
            found.add(print_)
    return found


def _look_again(group: Group, told: Told | None, hidden: dict[str, Mute], timing: Timing, now_us: int) -> int | None:
    """Return the first tick after now on which a mute may have ended, or the group is to be repeated."""
    times = []
    for member in group.members:
        if member.change.status != "firing":
            continue
        why = hidden.get(member.change.fingerprint)
        if why is not None:
            times.append(now_us if why.until_us is None else why.until_us)
        elif told is not None:
            times.append(told.at_us + timing.repeat_us + 1)
    if not times:
        return None
    return tick_after(group.origin_us, timing.interval_us, max(min(times), now_us + 1))
