"""Who answers for an alert, for which detectors nobody does, and whose ownership should have been looked at by now."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from alerts.localtime import moment_us
from config.matchers import condition, matchers_of
from config.owners import OwnerSettings
from config.settings import Settings
from detectors.contract import AlertChange, alert_change

ALERTNAME = "OwnerReviewOverdue"
_PLACEHOLDER = "-"


class Owners:
    """The owners of one settings file.

    Args:
        settings: the whole file; of an owner's detector it says by which labels its alerts are known.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._entries = [
            (entry, self._labels(entry), condition(matchers_of(entry.matchers))) for entry in settings.owners
        ]

    def of(self, labels: Mapping[str, str]) -> list[str]:
        """Return the owners of an alert with ``labels``, each once, in the order of the settings."""
        found = [
            entry.owner
            for entry, fixed, test in self._entries
            if all(labels.get(name, "") == value for name, value in fixed.items()) and test(labels)
        ]
        return list(dict.fromkeys(found))

    def without(self) -> list[str]:
        """Return the detectors some of whose alerts may have no owner, sorted: none owns them whatever the service."""
        return [name for name in sorted(self._settings.detectors) if not self.of(self._certain(name))]

    def _certain(self, detector: str) -> dict[str, str]:
        """Return the labels that every alert of a detector has."""
        return {"alertname": _PLACEHOLDER, **self._detector_labels(detector)}

    def _labels(self, entry: OwnerSettings) -> dict[str, str]:
        fixed = {} if entry.detector is None else self._detector_labels(entry.detector)
        return fixed if entry.service is None else {**fixed, "service": entry.service}

    def _detector_labels(self, name: str) -> dict[str, str]:
        detector = self._settings.detectors[name]
        return {**getattr(detector, "labels", {}), "detector": detector.type}


def owned(entry: OwnerSettings) -> str:
    """Return in words what an entry is about.

    >>> owned(OwnerSettings(service="web", owner="ana"))
    'service web'
    """
    parts = [] if entry.detector is None else [f"detector {entry.detector}"]
    parts += [] if entry.service is None else [f"service {entry.service}"]
    return ", ".join([*parts, *entry.matchers])


def overdue(owners: Iterable[OwnerSettings], today: date) -> Iterator[tuple[int, OwnerSettings]]:
    """Yield the entries whose ``review_by`` has passed, with their places: the day after it is the first."""
    for place, entry in enumerate(owners):
        if entry.review_by is not None and entry.review_by < today:
            yield place, entry


def review_changes(owners: Iterable[OwnerSettings], firing: Iterable[AlertChange], now_us: int) -> list[AlertChange]:
    """Return the changes that warn of reviews that are overdue, and end warnings that are no longer true.

    Whoever applies them once a day raises each warning once: a change that was applied before has no effect.

    Args:
        owners: of the settings.
        firing: alerts of the store that fire; others than these warnings are left alone.
        now_us: microseconds UTC; days are those of UTC.
    """
    today = datetime.fromtimestamp(now_us // 1_000_000, UTC).date()
    due = {change.change_id: change for change in (_warning(entry) for _, entry in overdue(owners, today))}
    raised = [change for change in firing if change.labels.get("alertname") == ALERTNAME]
    wanted = {(change.fingerprint, change.starts_at_us) for change in due.values()}
    ended = [
        alert_change(
            step="resolved",
            at_us=now_us,
            status="resolved",
            labels=change.labels,
            annotations={**change.annotations, "reason": "the owner was reviewed"},
            starts_at_us=change.starts_at_us,
            ends_at_us=now_us,
        )
        for change in raised
        if (change.fingerprint, change.starts_at_us) not in wanted
    ]
    return ended + list(due.values())


def _warning(entry: OwnerSettings) -> AlertChange:
    day = date.max if entry.review_by is None else entry.review_by
    since_us = moment_us(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
    what = owned(entry)
    return alert_change(
        step="firing",
        at_us=since_us,
        status="firing",
        labels={
            "alertname": ALERTNAME,
            "detector": "notifier",
            "severity": "warning",
            "owner": entry.owner,
            "owned": what,
        },
        annotations={
            "summary": f"Is {entry.owner} still the owner of {what}?",
            "description": f"The settings say: to be reviewed by {day.isoformat()}. Set a new date when it was.",
        },
        starts_at_us=since_us,
    )
