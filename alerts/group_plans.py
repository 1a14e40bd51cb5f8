"""What a notifier reads of groups to decide, and what it writes of its decision."""

from hashlib import blake2b

import msgspec

from alerts.group_model import Group, Member, News, Told
from alerts.model import Account, Draft
from detectors.contract import AlertChange


def group_key(receiver: str, name: str) -> str:
    """Return the key in the store of a receiver's group: another receiver of the same route has not been told yet."""
    return blake2b(f"{receiver}|{name}".encode(), digest_size=10).hexdigest()


class Unrouted(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is in no group yet."""

    change: AlertChange
    accepted_us: int


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A group that a change belongs to.

    Attributes:
        key: in the store.
        labels: name, route and labels of the group, as JSON.
        wait_ms, interval_ms: ``group_wait`` and ``group_interval``.
    """

    key: str
    receiver: str
    labels: str
    route: str
    wait_ms: int
    interval_ms: int


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A group, leased."""

    token: str
    group: Group
    now_us: int


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A notification on its way into the outbox.

    Attributes:
        line: those of one line are delivered in their order.
        urgency: 0 is most urgent.
        accepted_us: when the store took the oldest change that it tells.
        fingerprints: of every alert that it is about, listed or not. firing: how many of these fire.
        what: what it is about, in a word: digests count by it.
    """

    key: str
    receiver: str
    line: str
    urgency: int
    accepted_us: int
    draft: Draft
    fingerprints: tuple[str, ...]
    firing: int
    what: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of a decision.

    Attributes:
        told: None leaves what was told. repeat_us: when all has resolved, it is remembered for at least twice as long.
        removed: members that leave, as they were seen.
        accounts: one for each of the group's news.
        tick_us: when content is to be looked at again; None: when there is news.
        due_us: when the escalation is to be looked at.
        escalation: the group's from now on, as JSON; empty: none.
        assigned_us: until when it is known who was given its alerts.
    """

    told: Told | None
    repeat_us: int
    removed: tuple[Member, ...]
    accounts: tuple[tuple[str, Account], ...]
    outgoing: tuple[Outgoing, ...]
    news: tuple[News, ...]
    tick_us: int | None
    due_us: int | None = None
    escalation: str = ""
    assigned_us: int = 0
