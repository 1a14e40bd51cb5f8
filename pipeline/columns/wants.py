"""What becomes of events behind the columns."""

from typing import NamedTuple


class Wants(NamedTuple):
    """What detectors read.

    Attributes:
        fields: of the data, that are read out of columns.
        as_events: types of which somebody wants the events themselves.
    """

    fields: frozenset[str]
    as_events: frozenset[str]
