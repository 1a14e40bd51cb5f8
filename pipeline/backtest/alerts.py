"""Alerts as they were raised: one for each episode, out of its changes."""

from collections.abc import Iterable, Mapping

import msgspec

from config.base import ComponentSettings
from detectors.contract import AlertChange
from detectors.windowed import WindowSettings

_OWN = frozenset({"alertname", "detector", "severity", "rule"})
_OF_ONE = frozenset({"case_id", "customer", "cycle"})
"""Labels that are about one case or customer: no group that alerts could be counted by."""
_TAKEN_BACK = frozenset({"retracted", "moved"})


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was raised. Times in microseconds UTC.

    Attributes:
        detector: name of the entry in the settings. type: of the detector.
        window: whether a window detector raised it; else it tells a fact about a case, an order or a customer.
        group: labels that it can be counted by, empty ones left out.
        about_us: since when it is about: the start of its first window, or ``starts_at_us``.
        fired_at_us: when somebody was first told.
        ends_at_us: None where it was open at the end of the recording.
        taken_back: late knowledge showed that it was wrong.
    """

    detector: str
    type: str
    window: bool
    severity: str
    labels: dict[str, str]
    group: dict[str, str]
    fingerprint: str
    about_us: int
    starts_at_us: int
    fired_at_us: int
    ends_at_us: int | None
    taken_back: bool
    summary: str

    def until_us(self, end_us: int) -> int:
        """Return its end; ``end_us``, where it was open at the end."""
        return max(end_us, self.starts_at_us) if self.ends_at_us is None else self.ends_at_us


def entry_of(labels: Mapping[str, str], entries: Mapping[str, ComponentSettings]) -> str:
    """Return the name of the settings' entry that raised an alert with these labels."""
    rule = labels.get("rule", "")
    return rule if rule in entries else labels["detector"]


def raised(changes: Iterable[AlertChange], entries: Mapping[str, ComponentSettings]) -> list[Alert]:
    """Return the alerts in ``changes``, which are in order, by when somebody was first told."""
    episodes: dict[tuple[str, int], list[AlertChange]] = {}
    for change in changes:
        episodes.setdefault((change.fingerprint, change.starts_at_us), []).append(change)
    alerts = [_alert(episode, entries) for episode in episodes.values() if any(c.status == "firing" for c in episode)]
    return sorted(alerts, key=lambda alert: (alert.fired_at_us, alert.detector, alert.fingerprint, alert.starts_at_us))


def _alert(episode: list[AlertChange], entries: Mapping[str, ComponentSettings]) -> Alert:
    first = next(change for change in episode if change.status == "firing")
    last, labels = episode[-1], first.labels
    name = entry_of(labels, entries)
    settings = entries.get(name)
    about_us = first.starts_at_us
    if isinstance(settings, WindowSettings):
        about_us -= settings.window
        group = {label: labels[label] for label in settings.group_by if labels.get(label)}
    else:
        added = getattr(settings, "labels", {})
        group = {label: value for label, value in labels.items() if label not in _OWN | _OF_ONE | set(added)}
    return Alert(
        detector=name,
        type=labels["detector"],
        window=isinstance(settings, WindowSettings),
        severity=labels.get("severity", ""),
        labels=labels,
        group=group,
        fingerprint=first.fingerprint,
        about_us=about_us,
        starts_at_us=first.starts_at_us,
        fired_at_us=first.at_us,
        ends_at_us=last.ends_at_us,
        taken_back=last.step.split(":")[0] in _TAKEN_BACK,
        summary=first.annotations.get("summary", ""),
    )
