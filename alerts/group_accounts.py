"""What became of each change that came to a group, and of what is told without having come just now."""

from collections.abc import Mapping

from alerts.group_model import NEVER_TOLD, Group, News
from alerts.model import Account, Verdict
from alerts.muting import Mute
from detectors.contract import AlertChange


def accounts_of(
    group: Group, hidden: Mapping[str, Mute], listed: set[str], kind: str | None, now_us: int
) -> tuple[Account, ...]:
    """Return what becomes of each of a group's news, in their order.

    Args:
        group: as it stands.
        hidden: firing members that are not told now, and why.
        listed: fingerprints of those that would be told.
        kind: of the notification; None: there is none.
        now_us: the time of the tick.
    """
    current = {member.change.fingerprint: member.change for member in group.members}
    found = []
    for news in group.news:
        verdict, by = _verdict(group, news, current.get(news.fingerprint), hidden, listed, kind)
        found.append(_account(group, news.change_id, verdict, by, now_us))
    return tuple(found)


def told_after_all(group: Group, listed: set[str], now_us: int) -> tuple[tuple[str, Account], ...]:
    """Return accounts, by fingerprint, of what is told now although nothing of it came: it was hidden until now.

    Args:
        group: as it stands.
        listed: fingerprints of those that are told.
        now_us: the time of the tick.
    """
    before = NEVER_TOLD if group.told is None else group.told
    fresh = {news.fingerprint for news in group.news}
    return tuple(
        (member.change.fingerprint, _account(group, member.change.change_id, "told", "", now_us))
        for member in group.members
        if member.change.status == "firing"
        and member.change.fingerprint in listed - fresh - before.firing.keys()
        and member.coming_us is None  # else its change has its account when it has come
    )


def _account(group: Group, change_id: str, verdict: Verdict, by: str, now_us: int) -> Account:
    return Account(change_id=change_id, receiver=group.receiver, group=group.name, verdict=verdict, by=by, at_us=now_us)


def _verdict(
    group: Group,
    news: News,
    change: AlertChange | None,
    hidden: Mapping[str, Mute],
    listed: set[str],
    kind: str | None,
) -> tuple[Verdict, str]:
    before = NEVER_TOLD if group.told is None else group.told
    why = hidden.get(news.fingerprint)
    verdict: Verdict
    if why is not None and change is not None:
        return "muted", f"{why.kind} by {why.by}: {why.detail}"
    if change is None:
        verdict = "never_told"
    elif change.status == "resolved" and news.fingerprint not in listed:
        verdict = "unwanted" if before.knows(news.fingerprint) else "never_told"
    elif kind is None and change.status == "firing":
        verdict = "known"
    elif kind is None and before.resolved.get(news.fingerprint) != change.change_id:
        verdict = "never_told"
    elif kind is None:  # it was told on the last tick, by when the change was not in the group's news yet
        verdict = "known" if change.change_id == news.change_id else "replaced"
    else:
        verdict = "told" if change.change_id == news.change_id else "replaced"
    return verdict, ""
