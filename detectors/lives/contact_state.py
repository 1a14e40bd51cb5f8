"""What is known of a customer's contacts: chains about one issue, and the cases that they are made on."""

import msgspec

from detectors.lives.facts import Who
from detectors.lives.life import Open
from detectors.lives.urgency import Severity


class Contact(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One contact of a chain."""

    id: str
    at_us: int
    channel: str
    case_id: str


class Chain(msgspec.Struct, array_like=True):
    """Contacts about one issue, each within the window after the one before.

    Attributes:
        issue: as people call it.
        count: how many contacts it has, without transfers and the like; ``contacts`` are the first and the last ones.
        last: the latest one, of any class that is the customer's.
        anchor_us: end or resolution of the last one.
        resolved: the last one's case is resolved.
    """

    issue: str
    count: int
    contacts: list[Contact]
    last: Contact
    anchor_us: int
    who: Who
    resolved: bool = False
    open: Open | None = None
    severity: Severity = "warning"


class CaseNow(msgspec.Struct, array_like=True):
    """A case as it is.

    Attributes:
        issue: key of its chain.
        answered: the company has spoken last, so that the customer's next message is an answer.
        chasers: messages since, without an answer.
        keep_us: until when it is kept if nothing happens.
    """

    issue: str
    keep_us: int
    is_open: bool = True
    answered: bool = False
    chasers: int = 0
    chasing: Open | None = None


class Contacts(msgspec.Struct, array_like=True):
    """What is known of one customer's contacts: chains by the key of their issue, and cases."""

    chains: dict[str, Chain] = msgspec.field(default_factory=dict)
    cases: dict[str, CaseNow] = msgspec.field(default_factory=dict)
