"""What the alerts about one case go through, stamped with event time and with what proves it."""

from typing import TYPE_CHECKING, NamedTuple

from detectors.promises.clock import Segment
from detectors.promises.openhours import OpenHours

if TYPE_CHECKING:
    from detectors.promises.instance import Instance


FULFILLED = "fulfilled"
"""Kind of an entry that no alert goes through: a measurement was fulfilled, in time or not."""


class Proof(NamedTuple):
    """What proves a verdict, as it stood at the moment of an entry."""

    due_us: int | None
    target: int | None
    elapsed_us: int
    segments: tuple[Segment, ...]
    hours: OpenHours
    priority: str | None


class Entry(NamedTuple):
    """One change in the life of an alert about an instance, stamped with event time.

    Attributes:
        at_us: when it is true from.
        kind: ``breach`` or ``risk``; where window detectors listen, :data:`FULFILLED` too.
        what: ``fire``, ``update`` or ``end``; ``note`` where it is nothing that an alert goes through.
        starts_us: start of the alert's episode.
        reason: why it ended; empty otherwise.
    """

    at_us: int
    kind: str
    what: str
    instance: "Instance"
    starts_us: int
    fraction: float
    reason: str
    proof: Proof
