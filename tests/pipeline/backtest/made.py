"""Alerts and labels for tests, in hours."""

from typing import Any

from detectors.fingerprint import fingerprint
from pipeline.backtest.alerts import Alert
from pipeline.backtest.labels import Label

HOUR_US = 3_600_000_000


def alert(starts: float, ends: float | None = None, **more: Any) -> Alert:
    """Return an alert of service web that starts and ends at these hours."""
    labels = {"alertname": "SentimentDrop", "detector": "mood", "severity": "warning", **more.pop("labels", {})}
    labels.setdefault("service", "web")
    labels = {name: value for name, value in labels.items() if value}
    begin_us = int(starts * HOUR_US)
    given: dict[str, Any] = {
        "detector": "mood",
        "type": "sentiment_drop",
        "window": True,
        "severity": labels["severity"],
        "labels": labels,
        "group": {"service": labels.get("service", "")},
        "fingerprint": fingerprint(labels),
        "about_us": begin_us,
        "starts_at_us": begin_us,
        "fired_at_us": begin_us,
        "ends_at_us": None if ends is None else int(ends * HOUR_US),
        "taken_back": False,
        "summary": "",
    }
    return Alert(**{**given, **more})


def label(starts: float, ends: float, number: int = 1, **more: Any) -> Label:
    """Return a label from one hour to another."""
    return Label(
        number=number, name=f"incident {number}", start_us=int(starts * HOUR_US), end_us=int(ends * HOUR_US), **more
    )
