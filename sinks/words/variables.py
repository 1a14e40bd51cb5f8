"""What templates and standard words are made of: a notification as plain data."""

from collections.abc import Mapping
from typing import Any

from alerts.model import rfc3339
from detectors.contract import AlertChange
from sinks.contract import Notification
from sinks.words.filters import CURRENCY, ZONE
from sinks.words.people import Moment, clock_text

SEVERITIES: dict[str | None, int] = {"critical": 0, "warning": 1, "info": 2}
RUNBOOKS = ("runbook_url", "runbook")


def variables(notification: Notification, links: Mapping[str, str], zone: str, code: str = "") -> dict[str, Any]:
    """Return what a template can name, apart from the standard words and the notes."""
    ordered = firing_first(notification.alerts)
    alerts = [_alert(alert, notification.accepted_us, zone) for alert in ordered]
    first = ordered[0]
    urgency, incident = notification.urgency, notification.incident
    return {
        "status": notification.status,
        "kind": notification.kind,
        "severity": first.labels.get("severity", ""),
        "urgency": {
            "name": "" if urgency is None else urgency.name,
            "rank": "" if urgency is None else urgency.rank,
            "why": "" if urgency is None else urgency.why,
            "customers": "" if urgency is None else urgency.customers,
            "events": "" if urgency is None else urgency.events,
            "revenue_at_risk": "" if urgency is None else urgency.revenue_at_risk,
            "currency": "" if urgency is None else urgency.currency,
        },
        "alerts": alerts,
        "firing": [alert for alert in alerts if alert["status"] == "firing"],
        "resolved": [alert for alert in alerts if alert["status"] != "firing"],
        "labels": first.labels,
        "annotations": first.annotations,
        "startsAt": Moment(machine_text(first.starts_at_us), first.starts_at_us),
        "endsAt": Moment("" if first.ends_at_us is None else machine_text(first.ends_at_us), first.ends_at_us),
        "fingerprint": first.fingerprint,
        "group_labels": notification.group_labels,
        "common_labels": common([alert.labels for alert in ordered]),
        "incident": ""
        if incident is None
        else {
            "id": incident.id,
            "title": incident.title,
            "alerts": incident.alerts,
            "customers": incident.customers,
            "evidence": list(incident.evidence),
            "blind": list(incident.blind),
        },
        "links": dict(links),
        "code": code,
        "runbook": next((alert["runbook"] for alert in alerts if alert["runbook"]), ""),
        "truncated": notification.truncated,
        "left_out": notification.left_out,
        "absorbed": notification.absorbed,
        "receiver": notification.receiver,
        "key": notification.key,
        ZONE: zone,
        CURRENCY: "" if urgency is None else urgency.currency,
    }


def firing_first(alerts: tuple[AlertChange, ...]) -> list[AlertChange]:
    """Return alerts in their order, but those that fire before the others, and of these the most severe first."""
    return sorted(alerts, key=lambda alert: (alert.status != "firing", SEVERITIES.get(alert.labels.get("severity"), 1)))


def state_of(alert: AlertChange) -> str:
    """Return ``firing``, ``resolved`` or ``retracted``."""
    if alert.status == "firing":
        return "firing"
    return "retracted" if alert.step.startswith(("retracted", "moved")) else "resolved"


def runbook_of(alert: AlertChange) -> str:
    """Return the address of an alert's runbook; empty where it names none."""
    return next((alert.annotations[name] for name in RUNBOOKS if alert.annotations.get(name)), "")


def common(mappings: list[dict[str, str]]) -> dict[str, str]:
    """Return what all mappings have in common."""
    return {name: value for name, value in mappings[0].items() if all(other.get(name) == value for other in mappings)}


def machine_text(time_us: int) -> str:
    """Return a time as RFC 3339; outside of its years in seconds."""
    try:
        return rfc3339(time_us)
    except OverflowError:
        return clock_text(time_us)


def _alert(alert: AlertChange, accepted_us: int, zone: str) -> dict[str, Any]:
    ends_us = accepted_us if alert.ends_at_us is None else alert.ends_at_us
    return {
        "status": alert.status,
        "state": state_of(alert),
        "severity": alert.labels.get("severity", ""),
        "name": alert.labels.get("alertname", ""),
        "summary": alert.annotations.get("summary", ""),
        "description": alert.annotations.get("description", ""),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "starts": Moment(clock_text(alert.starts_at_us, zone), alert.starts_at_us),
        "ends": Moment("" if alert.ends_at_us is None else clock_text(alert.ends_at_us, zone), alert.ends_at_us),
        "duration": max(0, ends_us - alert.starts_at_us) / 1_000_000,
        "runbook": runbook_of(alert),
        "fingerprint": alert.fingerprint,
    }
