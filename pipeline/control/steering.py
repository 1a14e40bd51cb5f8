"""What a flow process knows of controls, for the steps of its dataflow."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeGuard, runtime_checkable

import msgspec
import structlog

from detectors.contract import ControlTaken, Detector, WindowDetector, WindowState
from detectors.control import Control, decode
from pipeline.lane import LaneItem
from pipeline.routing import ControlBatch

log = structlog.get_logger(__name__)


class ControlsUnreadableError(ValueError):
    """A file of controls cannot be read: names the line, and says what was expected."""


@runtime_checkable
class Estimating(Protocol):
    """State of a window detector that knows how often its alerts open by chance."""

    def false_alarms_a_week(self) -> tuple[float, float] | None:
        """Return how many alerts open by chance, and of how many openings that is estimated; None before any window."""
        ...


class Steering:
    """The controls of the detectors that this process decides for.

    Args:
        own: names of those detectors.
        known: controls that the flow begins with, in the order of their log. Each detector has them before its first
            window.
        more: whether the lane brings further ones.

    Attributes:
        estimates: by detector, what it told last of how often its alerts open by chance: how many a week, and of how
            many openings that is estimated. May be read in any thread.
    """

    def __init__(self, own: Collection[str], known: Iterable[Control] = (), *, more: bool = False) -> None:
        self.own = frozenset(own)
        self.more = more
        self.estimates: dict[str, tuple[float, float]] = {}
        self._known = _by_detector(self.own, known)

    def begin(self, detector: str, state: WindowState) -> None:
        """Give a detector's new or restored state what was known when the flow began."""
        controls = self._known.get(detector)
        if controls:
            state.control(controls)

    def judged(self, detector: str, state: WindowState) -> None:
        """Note that a detector has judged windows."""
        if isinstance(state, Estimating):
            estimate = state.false_alarms_a_week()
            if estimate is not None:
                self.estimates[detector] = estimate

    def by_detector(self, items: Sequence[tuple[str, LaneItem]]) -> list[tuple[str, ControlBatch]]:
        """Return what is for the detectors of this process, by their names."""
        parts = _by_detector(self.own, (control for _, item in items for control in item.controls))
        return [(name, ControlBatch(name, controls)) for name, controls in sorted(parts.items())]


def _by_detector(own: frozenset[str], controls: Iterable[Control]) -> dict[str, list[Control]]:
    parts: dict[str, list[Control]] = {}
    for control in controls:
        if control.detector in own:
            parts.setdefault(control.detector, []).append(control)
    return parts


def is_control(item: tuple[str, LaneItem]) -> TypeGuard[tuple[str, LaneItem]]:
    """Return whether a lane item brings controls, and nothing else."""
    return bool(item[1].controls)


def steerable(detectors: Mapping[str, Detector]) -> list[str]:
    """Return the names of the detectors that controls can be about."""
    return [name for name, detector in detectors.items() if isinstance(detector, WindowDetector)]


def read_controls(path: Path) -> list[Control]:
    """Read what ``makegood history --export`` wrote, one JSON object a line.

    Raises:
        ControlsUnreadableError: naming the line.
        OSError: when the file cannot be read.
    """
    controls: list[Control] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                controls.append(decode(line))
            except msgspec.DecodeError as error:
                msg = f"{path}:{number}: not a control ({error}); `makegood history --export FILE` writes such a file"
                raise ControlsUnreadableError(msg) from error
    return controls


def tell_taken(taken: Sequence[ControlTaken]) -> None:
    """Log that detectors go by other controls from now on."""
    for one in taken:
        about = {"detector": one.detector, "version": one.version, "mode": one.mode, "number": one.number}
        if one.problem:
            log.error("control.refused", problem=one.problem, **about)
        elif one.late:
            log.warning(
                "control.late", windows_from_us=one.end_us, hint="it came after windows it was to hold for", **about
            )
        else:
            log.info("control.taken", windows_from_us=one.end_us, **about)
