"""An alert that fires, as the mirror has it: what the store says of it, and what follows from the settings."""

import msgspec

from alerts.changelog import START, Seq
from alerts.push_model import Pushed
from alerts.response_model import Acknowledgement, Assignment
from alerts.routing import RouteMatch
from alerts.urgency import Urgency
from detectors.contract import AlertChange


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the store has it.

    Attributes:
        change: its newest change; None: it does not fire (any more).
        since: which entry of the log it fires since.
        changes: how many there were.
        seq: of the log, up to which it was read at least.
        pushed: of one that others send to us: what they said last, when its change was read.
    """

    fingerprint: str
    change: AlertChange | None
    seq: Seq
    pushed: Pushed | None = None
    since: Seq = START
    changes: int = 0
    acknowledgement: Acknowledgement | None = None
    assignment: Assignment | None = None
    incident: int | None = None


class Place(msgspec.Struct, frozen=True):
    """A group that an alert is in.

    Attributes:
        match: the route.
        group: key of the group, as Alertmanager writes it.
    """

    match: RouteMatch
    group: str


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires.

    Attributes:
        since: which entry of the log it fires since: who looks at the list as of an earlier one has not seen it.
        seq: of its last change of any kind. ``seq.ms`` is when that was, by the clock of Redis.
        urgency: how urgent it is by itself.
        places: its groups; empty without a route.
        pushed: of one that others send to us: what they said when it changed last.
    """

    change: AlertChange
    since: Seq
    seq: Seq
    changes: int
    acknowledgement: Acknowledgement | None
    assignment: Assignment | None
    incident: int | None
    urgency: Urgency
    places: tuple[Place, ...]
    pushed: Pushed | None = None

    @property
    def fingerprint(self) -> str:
        """Of the alert."""
        return self.change.fingerprint

    @property
    def labels(self) -> dict[str, str]:
        """Of the alert."""
        return self.change.labels

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who is told, each once, in the order of the routes."""
        return tuple(dict.fromkeys(place.match.receiver for place in self.places))

    def acknowledged(self, now_us: int) -> bool:
        """Return whether somebody has it in hand."""
        return self.acknowledgement is not None and self.acknowledgement.holds(self.change, now_us)
