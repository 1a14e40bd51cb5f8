"""Events in their order, whether they are columns or objects: parts of them, and places among them."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from detectors.columns import Ints
from detectors.events import Event
from pipeline.columns.events import EventColumns


def times_us(events: Sequence[Event]) -> Ints:
    """Return the times of events."""
    if isinstance(events, EventColumns):
        return events.times()
    return np.array([event.time_us for event in events], dtype=np.int64)


def between(events: Sequence[Event], begin: int, end: int) -> Sequence[Event]:
    """Return the events from one place to before another, as they are: columns stay columns."""
    if begin == 0 and end == len(events):
        return events
    return events.at(np.arange(begin, end)) if isinstance(events, EventColumns) else events[begin:end]


def places_among(some: Sequence[Event], events: Sequence[Event], places: Sequence[int]) -> list[int]:
    """Return how many of ``some`` of the events stand before each of these places among all of them."""
    if len(places) == 1 and places[0] == len(events):
        return [len(some)]
    if isinstance(events, EventColumns) and isinstance(some, EventColumns):
        return events.counts(some, places)
    chosen = set(map(id, some))
    counts = [0, *accumulate([id(event) in chosen for event in events])]
    return [counts[place] for place in places]
