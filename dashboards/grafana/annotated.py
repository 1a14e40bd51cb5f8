"""Which alerts become annotations, and what these say: nothing about a customer."""

from collections.abc import Iterable
from typing import Any

from config.grafana import GrafanaAnnotationSettings
from config.matchers import matchers_of, matches_all
from dashboards.grafana.board import ALERT, TAG
from detectors.contract import AlertChange

_PLACES = ("service", "region", "queue", "source", "vendor", "channel", "receiver")


def wanted(
    alerts: Iterable[AlertChange], settings: GrafanaAnnotationSettings, *, now_us: int, console: str
) -> list[dict[str, Any]]:
    """Return the annotations that there should be, oldest first.

    Args:
        alerts: the current change of each.
        settings: which of them.
        now_us: the time of day, microseconds UTC.
        console: where links lead.
    """
    matchers = matchers_of(settings.matchers)
    chosen = [
        alert
        for alert in alerts
        if alert.starts_at_us >= now_us - settings.back and matches_all(matchers, alert.labels)
    ]
    chosen.sort(key=lambda alert: (alert.starts_at_us, alert.fingerprint))
    newest = chosen[max(0, len(chosen) - settings.at_most) :]
    return [_annotation(alert, console) for alert in newest]


def mark(tags: Iterable[str]) -> str | None:
    """Return the tag that says which episode of which alert an annotation is about; None: it has none."""
    return next((tag for tag in tags if tag.startswith(f"{TAG}:")), None)


def _annotation(alert: AlertChange, console: str) -> dict[str, Any]:
    start_ms = alert.starts_at_us // 1000
    end_ms = start_ms if alert.ends_at_us is None else max(start_ms, alert.ends_at_us // 1000)
    name, severity = alert.labels["alertname"], alert.labels.get("severity", "")
    places = [f"{label} {alert.labels[label]}" for label in _PLACES if alert.labels.get(label)]
    state = "fires" if alert.ends_at_us is None else "resolved"
    link = f"{console.rstrip('/')}/a/{alert.fingerprint}"
    text = f"{name} ({severity}), {', '.join(places) or 'everywhere'}: {state}\n{link}"
    episode = f"{TAG}:{alert.fingerprint}:{alert.starts_at_us}"
    return {"time": start_ms, "timeEnd": end_ms, "tags": sorted({TAG, ALERT, severity, episode} - {""}), "text": text}
