"""What one entry of a mapping's ``events`` is made of, compiled."""

from collections.abc import Callable
from typing import Any, NamedTuple

Reader = Callable[[Any], Any]
"""``reader(decoded record) -> value``; None where there is none; raises RecordError."""


class Parts(NamedTuple):
    """What makes an event, in the order in which it is asked. All are given a decoded record.

    Attributes:
        conditions: say whether the event is made.
        kind_of: finds its type; None: it is not made.
        time_of: finds its time in microseconds since 1970 UTC; None: there is none.
        envelope, data: find the other values, by name; ``data`` by the event's type.
    """

    conditions: list[Callable[[Any], bool]]
    kind_of: Callable[[Any], str | None]
    time_of: Reader
    envelope: list[tuple[str, Reader]]
    data: dict[str, list[tuple[str, Reader]]]
