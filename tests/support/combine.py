"""Combines events for a window detector in one call."""

from collections.abc import Sequence

from detectors.contract import WindowDetector
from detectors.events import Event
from detectors.panes import Panes


def combined(detector: WindowDetector, events: Sequence[Event]) -> Panes:
    combiner = detector.combiner()
    combiner.add(events)
    return combiner.take()
