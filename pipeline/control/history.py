"""What the log of controls says of one detector: its versions, what is live, and what decides in the shadow."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from detectors.contract import ControlTaken
from detectors.control import Control, ThresholdVersion, VerdictGiven

FROM_FILE = 0
"""The version that the settings file is."""


class History(msgspec.Struct):
    """The log of one detector.

    Attributes:
        detector: its name.
        entries: what was written about it, in the order of the log.
        live: the version that alerts go by, when everything that was written has taken effect.
        before: the version that was live before that one; None: none was.
        shadows: by version, what put it into the shadow.
        versions: by version, what was written of it first. The settings file's is not among them.
        verdicts: how often each was given.
    """

    detector: str
    entries: list[ThresholdVersion] = []
    live: int = FROM_FILE
    before: int | None = None
    shadows: dict[int, ThresholdVersion] = {}
    versions: dict[int, ThresholdVersion] = {}
    verdicts: dict[str, int] = {}

    def changes(self, version: int) -> dict[str, Any]:
        """Return what a version changes against the settings file."""
        known = self.versions.get(version)
        return {} if known is None else known.decision

    def add(self, control: Control) -> None:
        """Take the next control of the log, if it is about this detector."""
        if control.detector != self.detector:
            return
        if isinstance(control, VerdictGiven):
            self.verdicts[control.verdict] = self.verdicts.get(control.verdict, 0) + 1
            return
        self.entries.append(control)
        if control.version != FROM_FILE:
            self.versions.setdefault(control.version, control)
        if control.mode == "shadow":
            self.shadows[control.version] = control
            return
        self.shadows.pop(control.version, None)
        if control.mode == "live" and control.version != self.live:
            self.live, self.before = control.version, self.live


def history_of(controls: Iterable[Control], detector: str) -> History:
    """Return what the log says of a detector."""
    history = History(detector)
    for control in controls:
        history.add(control)
    return history


def detectors_in(controls: Iterable[Control]) -> list[str]:
    """Return the names of the detectors that the log is about."""
    return sorted({control.detector for control in controls})


def went_live(controls: Iterable[Control], detector: str, version: int, end_us: int) -> ThresholdVersion | None:
    """Return what made a version live that a window was judged by; None where the log does not tell.

    Args:
        controls: with the time since when they really hold.
        detector: that judged the window.
        version: by which it did.
        end_us: of the window.
    """
    found = None
    for control in controls:
        if isinstance(control, ThresholdVersion) and control.detector == detector and control.mode == "live":
            found = control if control.version == version and control.effective_us < end_us else found
    return found


def as_taken(controls: Iterable[Control], taken: Mapping[tuple[str, int], ControlTaken]) -> list[Control]:
    """Return controls with the time since when they really hold: what a replay needs.

    One that came late holds later than was written.
    """
    found: list[Control] = []
    for control in controls:
        known = taken.get((control.log, control.number))
        if isinstance(control, ThresholdVersion) and known is not None and known.late:
            found.append(msgspec.structs.replace(control, effective_us=known.effective_us))
        else:
            found.append(control)
    return found


def flat(changes: Mapping[str, Any], written: Callable[[Any], str] = str) -> dict[str, str]:
    """Return changes by dotted name, as text.

    Args:
        changes: of settings, with tables in them.
        written: makes a text of a value.

    >>> flat({"p_value": {"fire": "0.001"}, "confirm": "2 of 3"})
    {'p_value.fire': '0.001', 'confirm': '2 of 3'}
    """
    told: dict[str, str] = {}
    for name, value in changes.items():
        if isinstance(value, Mapping):
            told |= {f"{name}.{inner}": text for inner, text in flat(value, written).items()}
        else:
            told[name] = written(value)
    return told
