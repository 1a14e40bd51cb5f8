"""The three priorities that people see, out of the four ranks of urgency: the one place where it is decided."""

from collections.abc import Mapping
from typing import Literal

Priority = Literal[1, 2, 3]
_OF_RANK: dict[int, Priority] = {0: 1, 1: 2, 2: 3, 3: 3}
_OF_ONE = ("customer", "case_id", "response")


def priority(rank: int) -> Priority:
    """Return the priority of a rank of :class:`alerts.urgency.Urgency`: P1 page now, P2 this shift, P3 this week.

    >>> [priority(rank) for rank in (0, 1, 2, 3)]
    [1, 2, 3, 3]
    """
    return _OF_RANK[rank]


def about_one(labels: Mapping[str, str]) -> bool:
    """Return whether an alert with these labels is about one customer: it says nothing of a service as a whole.

    >>> about_one({"service": "app", "case_id": "C-1"}), about_one({"service": "app", "customer": ""})
    (True, False)
    """
    return any(labels.get(name) for name in _OF_ONE)
