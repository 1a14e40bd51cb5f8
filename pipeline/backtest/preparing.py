"""Settings made ready for a recording: only the feeds that are in it, and decisions as they were changed since."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from config.settings import Settings
from detectors.control import Control, ThresholdVersion, changed
from detectors.windowed import WindowSettings


class UnknownDetectorError(Exception):
    """A change is for what is no window detector of the settings."""


def with_feeds_of(settings: Settings, names: Collection[str]) -> tuple[Settings, list[str]]:
    """Return settings with only these feeds, and the names of those that were left out. No names: all feeds."""
    left_out = sorted(set(settings.feeds) - set(names)) if names else []
    kept = {name: feed for name, feed in settings.feeds.items() if name not in left_out}
    return settings.model_copy(update={"feeds": kept}), left_out


def with_changes(settings: Settings, changes: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Return settings in which detectors decide otherwise.

    Args:
        settings: of everything.
        changes: by detector, what differs, as one would write it in the settings file.

    Raises:
        UnknownDetectorError: for one that is no window detector of the settings.
        ChangeError: for a setting that cannot be changed so.
    """
    entries = dict(settings.detectors)
    for name, differs in changes.items():
        entry = entries.get(name)
        if not isinstance(entry, WindowSettings):
            known = ", ".join(window_detectors(settings)) or "none"
            msg = f"{name} is no window detector of the settings; these are: {known}"
            raise UnknownDetectorError(msg)
        entries[name] = changed(entry, differs)
    return settings.model_copy(update={"detectors": entries})


def live_changes(settings: Settings, controls: Sequence[Control]) -> dict[str, Mapping[str, Any]]:
    """Return what differs from the settings file in what alerts go by after all these controls, by detector."""
    live = {
        control.detector: control.decision
        for control in controls
        if isinstance(control, ThresholdVersion) and control.mode == "live"
    }
    return {name: differs for name, differs in live.items() if name in window_detectors(settings)}


def window_detectors(settings: Settings) -> list[str]:
    """Return the names of the window detectors."""
    return sorted(name for name, entry in settings.detectors.items() if isinstance(entry, WindowSettings))
