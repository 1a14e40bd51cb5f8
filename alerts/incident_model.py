"""An incident as data: what each feed shows, what cannot be seen, whom it touches."""

from typing import Literal

import msgspec

from detectors.contract import AlertChange

IncidentStatus = Literal["open", "ended"]
SEVERITIES = ("critical", "warning", "info")
_LISTED_NAMES = 3


class FeedEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one feed shows of an incident.

    Attributes:
        feed: ``crm``, ``survey``, ``transaction``, ``social``, or a name of the settings; or a source.
        alerts: how many are evidence. firing: how many of these still fire.
        says: the summary of the newest.
    """

    feed: str
    alerts: int
    firing: int
    says: str


class BlindFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that was silent while the incident lasted: nothing is known from it, neither good nor bad.

    Attributes:
        since_us, until_us: event time; ``until_us`` is None while it is silent.
        says: what its alert says. fingerprint: of that alert.
    """

    feed: str
    since_us: int
    until_us: int | None
    says: str
    fingerprint: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that belong together.

    Attributes:
        number: from 1, in the order in which incidents were opened; people call it :attr:`name`.
        status: ``open``; ``ended`` when nothing of it has fired for the quiet time.
        about: the labels that brought its alerts together.
        severity: the worst of its alerts.
        touched: values of the labels that its alerts carry, by label, each sorted.
        customers: how many are touched.
        alerts: how many belong to it; firing: how many of these fire.
        feeds: the evidence of each, in order of their names. Silent ones are not among them, but in ``blind``.
        first_us, last_us: event time of the first alert's start, and of the last change that is known.
        ended_us: when the last alert resolved; None while open.
        linked: numbers of incidents that one of its alerts could also have belonged to; a hundred at most.
    """

    number: int
    title: str
    status: IncidentStatus
    about: dict[str, str]
    severity: str
    touched: dict[str, tuple[str, ...]]
    customers: int
    alerts: int
    firing: int
    feeds: tuple[FeedEvidence, ...]
    blind: tuple[BlindFeed, ...]
    first_us: int
    last_us: int
    ended_us: int | None
    linked: tuple[int, ...]

    @property
    def name(self) -> str:
        """What people call it: ``INC-7``."""
        return f"INC-{self.number}"

    @property
    def evidence_lines(self) -> tuple[str, ...]:
        """What each feed shows, a line each."""
        return tuple(f"{one.feed}: {counted(one.alerts, one.firing)}: {one.says}" for one in self.feeds)

    @property
    def blind_lines(self) -> tuple[str, ...]:
        """What cannot be seen, a line each."""
        return tuple(
            f"{one.feed} {'is' if one.until_us is None else 'was'} silent, so it shows nothing: {one.says}"
            for one in self.blind
        )


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One alert's episode in an incident.

    Attributes:
        change: its newest change. feed: what it is evidence of. silence: it says that the feed is silent.
        undone: it turned out never to have been; it counts for nothing.
    """

    change: AlertChange
    feed: str
    silence: bool = False
    undone: bool = False


class IncidentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with its alerts: those that fire first, then by their start; at most as many as were asked for."""

    incident: Incident
    members: tuple[Member, ...]


def counted(alerts: int, firing: int) -> str:
    """Return how many alerts there are, in words.

    >>> counted(1, 1), counted(5, 2), counted(2, 0)
    ('1 alert', '5 alerts, 2 firing', '2 alerts, none firing')
    """
    told = "1 alert" if alerts == 1 else f"{alerts} alerts"
    if firing == alerts:
        return told
    return f"{told}, {firing or 'none'} firing"


def title_of(about: dict[str, str], names: dict[str, int]) -> str:
    """Return a line that says what an incident is about: the same for the same alerts, in whichever order they came.

    >>> title_of({"service": "checkout", "region": "north"}, {"SentimentDrop": 1, "TransactionFailure": 2})
    'checkout, north: TransactionFailure, SentimentDrop'
    """
    where = ", ".join(f"customer {value}" if name == "customer" else value for name, value in about.items())
    ordered = sorted(names, key=lambda name: (-names[name], name))
    more = f" and {len(ordered) - _LISTED_NAMES} more" if len(ordered) > _LISTED_NAMES else ""
    what = ", ".join(ordered[:_LISTED_NAMES]) + more
    return f"{where}: {what}" if where and what else where or what or "nothing any more"


def worst(severities: dict[str, int]) -> str:
    """Return the worst severity that is there; of unknown ones the first by name.

    >>> worst({"info": 3, "warning": 1}), worst({})
    ('warning', 'info')
    """
    known = [name for name in SEVERITIES if severities.get(name)]
    return known[0] if known else min((name for name, count in severities.items() if count), default="info")
