"""A group of alerts as data: its members, what came to it, what its receiver was told last."""

import msgspec

from config.matcher_syntax import quoted
from detectors.contract import AlertChange


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a route, microseconds: before a new group's first notification, between two, until it is repeated."""

    wait_us: int
    interval_us: int
    repeat_us: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver of a group was told last.

    Attributes:
        firing: by fingerprint, what was said of it (see :func:`token`).
        resolved: by fingerprint, the id of the change that was told.
        thread: of the notifications since the group last began to fire.
        owed: fingerprints of those that were told as firing before, and that are hidden since: should they resolve so,
            that is still to be told.
    """

    at_us: int
    firing: dict[str, str]
    resolved: dict[str, str]
    thread: str
    owed: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the receiver knows of something that fires, as far as it was told."""
        return bool(self.firing or self.owed)

    def knows(self, fingerprint: str) -> bool:
        """Return whether the receiver was told that an alert fires, and not that it has resolved."""
        return fingerprint in self.firing or fingerprint in self.owed


NEVER_TOLD = Told(at_us=0, firing={}, resolved={}, thread="")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in a group, as it is now.

    Attributes:
        order: of its current change; changes when it does.
        coming_us: when the store took that change, while it is not among the group's news yet.
    """

    change: AlertChange
    order: str
    coming_us: int | None = None


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A change that came to the group since it was looked at last."""

    fingerprint: str
    change_id: str
    accepted_us: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group as it stands in the store.

    Attributes:
        key: in the store.
        route: the route's id.
        origin_us: its first tick; the others follow every ``group_interval``.
        tick_us: on which it is to be looked at next; None: there is no need.
        told: to its receiver, last.
        escalation: how far its escalation is, as JSON; empty: none runs.
        assigned_us: until when it is known who was given its alerts.
    """

    key: str
    route: str
    receiver: str
    labels: dict[str, str]
    origin_us: int
    tick_us: int | None
    told: Told | None
    members: tuple[Member, ...]
    news: tuple[News, ...]
    escalation: str = ""
    assigned_us: int = 0

    @property
    def name(self) -> str:
        """The group's name, as Alertmanager writes its key: ``{}/{team="web"}:{service="shop"}``."""
        inner = ", ".join(f"{name}={quoted(value)}" for name, value in self.labels.items())
        return f"{self.route}:{{{inner}}}"
