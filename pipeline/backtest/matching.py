"""Which alerts were right, and which incidents were found. The rules stand in ``docs/reference/labels.md``."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pipeline.backtest.alerts import Alert
from pipeline.backtest.labels import Label, Labels


class Truth(StrEnum):
    """What an alert was."""

    TRUE = "true"
    FALSE = "false"
    UNJUDGED = "unjudged"


class Span(NamedTuple):
    """What is judged: alerts and incidents that start in ``[from_us, to_us)``. ``end_us``: of the recording."""

    from_us: int
    to_us: int
    end_us: int

    def holds(self, time_us: int) -> bool:
        """Return whether something that starts then is judged."""
        return self.from_us <= time_us < self.to_us

    @property
    def weeks(self) -> float:
        """Its length."""
        return (self.to_us - self.from_us) / (7 * 86_400_000_000)


class Found(NamedTuple):
    """Who found an incident, and when.

    Attributes:
        fired_at_us: when somebody was first told of it.
        already_open: the alert had been open since before the incident.
    """

    label: Label
    fired_at_us: int
    already_open: bool
    alert: Alert

    @property
    def late_us(self) -> int:
        """How long after its start; 0 where it was found before."""
        return max(0, self.fired_at_us - self.label.start_us)

    @property
    def early_us(self) -> int:
        """How long before its start; 0 where it was found after."""
        return max(0, self.label.start_us - self.fired_at_us)


class Judge:
    """Holds alerts against labels.

    Args:
        labels: what is known.
        span: what is judged.
        grace_us: by how much the times of labels may be off.
        watching: types of the detectors there are, by name: of both settings files, where there are two.

    Attributes:
        incidents: that begin in the span. look_alikes: those that are none.
    """

    def __init__(self, labels: Labels, span: Span, grace_us: int, watching: Mapping[str, str]) -> None:
        self.span = span
        self._watching = watching
        self.labels = labels
        self.grace_us = grace_us
        self._things = [label for label in labels.known if not label.fingerprint]
        self._verdicts: dict[str, list[Label]] = {}
        for label in labels.known:
            if label.fingerprint:
                self._verdicts.setdefault(label.fingerprint, []).append(label)
        in_span = [label for label in labels.known if span.holds(label.start_us)]
        self.incidents = [label for label in in_span if not label.benign]
        self.look_alikes = [label for label in in_span if label.benign]

    def is_watched(self, label: Label) -> bool:
        """Return whether there is a detector that ought to find an incident."""
        if label.fingerprint and not label.detectors:
            return True  # somebody has raised that alert
        return any(label.expects(name, type_) for name, type_ in self._watching.items())

    def touches(self, alert: Alert, label: Label) -> bool:
        """Return whether an alert is about what a label tells of: labels agree, and times overlap."""
        return (
            alert.about_us <= label.end_us + self.grace_us
            and alert.until_us(self.span.end_us) >= label.start_us - self.grace_us
            and label.about(alert.labels, alert.fingerprint)
        )

    def truth(self, alert: Alert) -> Truth:
        """Return whether an alert was right. A verdict about the alert itself goes before everything else."""
        verdicts = [label for label in self._verdicts.get(alert.fingerprint, ()) if self.touches(alert, label)]
        if verdicts:
            return Truth.FALSE if all(label.benign for label in verdicts) else Truth.TRUE
        hits = [label for label in self._things if self.touches(alert, label)]
        if any(not label.benign for label in hits):
            return Truth.TRUE
        # A broken promise is a fact whatever else happened; and information is no alarm.
        if not alert.window or alert.severity == "info" or not (hits or self.labels.complete):
            return Truth.UNJUDGED
        return Truth.FALSE

    def found(self, label: Label, alerts: Sequence[Alert]) -> list[Found]:
        """Return what each detector found of an incident: its first alert about it.

        An alert that is older than the grace allows must still be open when the incident begins.
        """
        hits: dict[str, list[Alert]] = {}
        for alert in alerts:
            if self.touches(alert, label) and (
                alert.fired_at_us >= label.start_us - self.grace_us
                or alert.until_us(self.span.end_us) >= label.start_us
            ):
                hits.setdefault(alert.detector, []).append(alert)
        found = []
        for own in hits.values():
            fresh = [alert for alert in own if alert.fired_at_us >= label.start_us - self.grace_us]
            first = min(fresh or own, key=lambda alert: alert.fired_at_us)
            found.append(Found(label, first.fired_at_us, not fresh, first))
        return found
