"""Combines events for a window detector in one call."""

from collections.abc import Sequence

from detectors.contract import WindowDetector
from detectors.events import Event


def combined(detector: WindowDetector, events: Sequence[Event]) -> bytes | None:
    combiner = detector.combiner()
    combiner.add(events)
    return combiner.take()
