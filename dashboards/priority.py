"""The three priorities that people see, out of the four ranks of urgency: the one place where it is decided."""

from typing import Literal

Priority = Literal[1, 2, 3]
_OF_RANK: dict[int, Priority] = {0: 1, 1: 2, 2: 3, 3: 3}
ACKNOWLEDGED_FOR_US: dict[Priority, int] = {1: 30 * 60_000_000, 2: 4 * 3_600_000_000, 3: 24 * 3_600_000_000}
"""How long an acknowledgement in the console holds where nobody says for how long: it always ends."""


def priority(rank: int) -> Priority:
    """Return the priority of a rank of :class:`alerts.urgency.Urgency`: P1 page now, P2 this shift, P3 this week.

    >>> [priority(rank) for rank in (0, 1, 2, 3)]
    [1, 2, 3, 3]
    """
    return _OF_RANK[rank]
