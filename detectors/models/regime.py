"""Notices that what is normal for a group has moved for good, so that its baseline is learned anew and not for months.

River's drift detectors watch how far each calm window of a group was from its baseline, in standard deviations. When
one of them says that this has changed, the group's old level counts little from then on, and the next windows set the
new one. Windows of an open alert are not told to it: a failure is not learned away while it lasts; an alert that stays
open for very long becomes normal by ``baseline.new_normal``.
"""

from collections.abc import Callable
from typing import Any

from detectors.models.river_safe import SafeDriftDetector
from detectors.panes import Group

RegimeState = list[tuple[Group, bytes]]
KEEPS = 0.1
"""What a group's old level counts for after its regime has changed."""


class Regimes:
    """A drift detector for each group.

    Args:
        make: makes a new detector.
    """

    def __init__(self, make: Callable[[], SafeDriftDetector[Any]]) -> None:
        self._make = make
        self._detectors: dict[Group, SafeDriftDetector[Any]] = {}

    def update(self, group: Group, z: float) -> bool:
        """Learn how far a calm window was from normal; return whether the group's normal has just moved."""
        detector = self._detectors.get(group)
        if detector is None:
            detector = self._detectors[group] = self._make()
        detector.update(z)
        return bool(detector.drift_detected)

    def forget(self, group: Group) -> None:
        """Drop what is known of a group."""
        self._detectors.pop(group, None)

    def state(self) -> RegimeState:
        """Return the state as plain data."""
        return [(group, detector.state()) for group, detector in sorted(self._detectors.items())]

    def restore(self, state: RegimeState) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            StateError: when a state cannot be read.
        """
        self._detectors = {}
        for group, image in state:
            detector = self._detectors[group] = self._make()
            detector.restore(image)
