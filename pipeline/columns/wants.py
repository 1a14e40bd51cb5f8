"""What becomes of events behind the columns."""

from typing import NamedTuple


class Wants(NamedTuple):
    """What detectors read.

    Attributes:
        fields: of the data, that are read out of columns.
        as_events: types of which somebody wants the events themselves.
        made: types of which somebody may want the events, made of the records again.
        packed: of these those that somebody may keep packed (:mod:`detectors.packed`): only what has a place there is
            plain.
    """

    fields: frozenset[str]
    as_events: frozenset[str]
    made: frozenset[str] = frozenset()
    packed: frozenset[str] = frozenset()
