"""A notification to try words on: what a template meets on a bad day."""

from alerts.model import IncidentNote
from alerts.urgency import urgency
from config.urgency import UrgencySettings
from detectors.contract import AlertChange, alert_change
from sinks.contract import Kind, Notification

_MINUTE_US = 60_000_000
_BEGAN_US = 1_772_442_000_000_000  # 2026-03-02 09:00 UTC
_PLACE = {"service": "checkout", "region": "north"}


def example_notification(receiver: str, settings: UrgencySettings, kind: Kind = "group") -> Notification:
    """Return a made-up notification about three alerts, two of which fire."""
    alerts = example_alerts()
    is_digest = kind == "digest"
    return Notification(
        key="mg-00000000000000000000000000000000",
        receiver=receiver,
        alerts=alerts,
        group_labels=dict(_PLACE),
        accepted_us=_BEGAN_US + 22 * _MINUTE_US,
        kind=kind,
        truncated=37 if is_digest else 0,
        left_out={"checkout": 30, "billing": 7} if is_digest else {},
        absorbed=12 if is_digest else 0,
        notes=("This is an example: nothing of it happened.",),
        incident=IncidentNote(
            id="INC-7",
            title="checkout in north",
            alerts=len(alerts),
            customers=12,
            evidence=("shop: 41 % of payments fail", "crm: 12 cases about payments"),
            blind=("social",),
        ),
        urgency=urgency(alerts, settings),
    )


def example_alerts() -> tuple[AlertChange, ...]:
    """Return three alerts."""
    return (
        _alert(
            "TransactionFailure",
            "critical",
            "checkout, north: 41 % failed of 120 payments, normally 3 % (p = 3e-6)",
            "Window 2026-03-02 09:00 to 2026-03-02 09:15 UTC (15m): 120 transactions. 41 % failed of 120 payments.",
            customers="312",
            revenue_at_risk="18400",
            runbook_url="https://wiki.example.com/runbooks/payments",
        ),
        _alert(
            "SentimentDrop",
            "warning",
            "checkout, north: 38 % negative of 210 posts, normally 12 % (p = 0.0004)",
            'Mon 2 Mar 2026 09:10: "my card was charged twice", from anna@example.com.',
        ),
        _alert(
            "SurveyDrop", "warning", "checkout, north: recovered: 4 % detractors of 60", "It is as before.", ends=True
        ),
    )


def _alert(name: str, severity: str, summary: str, description: str, *, ends: bool = False, **said: str) -> AlertChange:
    ends_us = _BEGAN_US + 20 * _MINUTE_US if ends else None
    return alert_change(
        step="resolved" if ends else "firing",
        at_us=_BEGAN_US + 15 * _MINUTE_US if ends_us is None else ends_us,
        status="resolved" if ends else "firing",
        labels={"alertname": name, "detector": name.lower(), "severity": severity, **_PLACE},
        annotations={"summary": summary, "description": description, **said},
        starts_at_us=_BEGAN_US,
        ends_at_us=ends_us,
    )
