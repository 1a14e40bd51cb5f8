"""What one alert's record should say, and does not: a pure function.

Every change of an alert is on its way (to be routed, or waiting for its group's tick), or has an account in each group
that the routes give it. An account that says *told* names a notification, which was delivered or is on its way. An
alert that fires and is hidden by nothing has been told in its groups, or soon will be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from alerts.groups import Target, group_key
from alerts.model import Account
from alerts.muting import Mute
from detectors.contract import AlertChange


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is on its way.

    Attributes:
        group: in whose news it is; empty: it is in no group yet.
    """

    group: str
    accepted_us: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says of one alert.

    Attributes:
        history: changes that were not at their end in the last audit. accounts: since then.
        account_count: of all there are.
        targets: groups that the routes give it now.
        ways: by id of a change, where it is on its way.
        groups: that it is a member of. told_in: those of them whose receiver was told that it fires.
        notes: by key, the status of each notification that an account names; None: there is none.
    """

    current: AlertChange
    history: tuple[AlertChange, ...]
    accounts: tuple[Account, ...]
    account_count: int
    targets: Sequence[Target]
    ways: Mapping[str, tuple[Way, ...]]
    groups: frozenset[str]
    told_in: frozenset[str]
    notes: Mapping[str, str | None]


class Rules(NamedTuple):
    """By what is judged.

    Attributes:
        now_us: the time of the audit.
        longest_us: the longest ``group_wait`` or ``group_interval`` of the routes. slack_us: on top of everything.
        strict_us: accounts since then were made by the routes as they are now; before, each change needs one at least.
        kept_us: accounts since then name notifications that have not expired.
        budget_us: of a receiver: how long all its tiers may take.
        mute: what hides an alert that fires.
        untold_since: since when an alert was seen untold in a group (see :func:`untold_key`).
    """

    now_us: int
    longest_us: int
    slack_us: int
    strict_us: int
    kept_us: int
    budget_us: Callable[[str], int]
    mute: Callable[[AlertChange], Mute | None]
    untold_since: Mapping[str, int]


class Finding(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        kind: ``lost``: no account says what became of a change, and it is not on its way. ``note``: the notification
            that told it is gone. ``untold``: it fires, and was not told for too long. ``overdue``: it is on its way,
            too long.
        targets: groups that it is missing in.
        account: of ``note``, and of an ``overdue`` notification.
        way: of what is overdue.
    """

    kind: Literal["lost", "note", "untold", "overdue"]
    change: AlertChange
    targets: tuple[Target, ...] = ()
    account: Account | None = None
    way: Way | None = None


class Judgement(NamedTuple):
    """Of one alert.

    Attributes:
        settled: all is at its end; it need not be looked at again until something happens to it.
        untold: in which groups it was seen untold, and since when.
    """

    findings: tuple[Finding, ...]
    settled: bool
    untold: dict[str, int]


def untold_key(fingerprint: str, group: str) -> str:
    """Return under what it is remembered that an alert was seen untold in a group."""
    return f"{fingerprint}|{group}"


def judge(seen: Seen, rules: Rules) -> Judgement:
    """Return what is wrong with an alert's record."""
    found: list[Finding] = []
    on_its_way = False
    for change in seen.history:
        ways = seen.ways.get(change.change_id, ())
        on_its_way |= bool(ways)
        found += [Finding("overdue", change, way=way) for way in ways if _is_overdue(way, rules)]
        accounts = [account for account in seen.accounts if account.change_id == change.change_id]
        missing = _missing_in(seen, ways, accounts, rules)
        if missing:
            found.append(Finding("lost", change, targets=missing))
        for account in accounts:
            status = seen.notes.get(account.by, "delivered") if account.verdict in {"told", "replaced"} else "delivered"
            if status is None and account.at_us >= rules.kept_us:
                found.append(Finding("note", change, account=account))
            elif status == "pending":
                on_its_way = True
                if rules.now_us > account.at_us + rules.budget_us(account.receiver) + rules.slack_us:
                    found.append(Finding("overdue", change, account=account))
    waiting, untold = _untold(seen, rules) if seen.current.status == "firing" and not on_its_way else (False, {})
    late = [
        target
        for target in seen.targets
        if rules.now_us - untold.get(untold_key(seen.current.fingerprint, target.key), rules.now_us)
        > rules.longest_us + rules.slack_us
    ]
    if late:
        found.append(Finding("untold", seen.current, targets=tuple(late)))
    return Judgement(tuple(found), not (on_its_way or found or untold or waiting), untold)


def _is_overdue(way: Way, rules: Rules) -> bool:
    wait_us = rules.longest_us if way.group else 0
    return rules.now_us > way.accepted_us + wait_us + rules.slack_us


def _missing_in(seen: Seen, ways: Sequence[Way], accounts: Sequence[Account], rules: Rules) -> tuple[Target, ...]:
    """Return the groups in which nothing is known of a change."""
    if not accounts:
        return () if ways else tuple(seen.targets)
    if any(not way.group for way in ways):
        return ()  # it is being put there
    known = {group_key(account.receiver, account.group) for account in accounts}
    by_these_routes = known <= {target.key for target in seen.targets}
    if not by_these_routes or min(account.at_us for account in accounts) < rules.strict_us:
        return ()
    known |= {way.group for way in ways}
    return tuple(target for target in seen.targets if target.key not in known)


def _untold(seen: Seen, rules: Rules) -> tuple[bool, dict[str, int]]:
    """Return whether an alert that fires may still be told, and in which groups it should have been already."""
    mine = [target.key for target in seen.targets if target.key in seen.groups]
    missing = [key for key in mine if key not in seen.told_in]
    if not mine:
        if seen.groups & seen.told_in:
            return False, {}  # in groups of other routes
        missing = [target.key for target in seen.targets]
    if not missing:
        return False, {}
    if seen.groups and rules.mute(seen.current) is not None:
        return True, {}
    print_ = seen.current.fingerprint
    names = (untold_key(print_, key) for key in missing)
    return True, {name: rules.untold_since.get(name, rules.now_us) for name in names}
