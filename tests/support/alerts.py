"""Alert changes for tests."""

from detectors.contract import AlertChange, alert_change

START_US = 1_424_520_000_000_000  # 2015-02-21T12:00:00Z
MINUTE_US = 60_000_000


def change(
    name: str = "SlaBreach",
    *,
    step: str = "firing",
    at_us: int = START_US,
    starts_at_us: int = START_US,
    severity: str = "warning",
    summary: str = "Something is wrong",
    **labels: str,
) -> AlertChange:
    """Return a change; ``resolved``, ``retracted`` and the like end at ``at_us``."""
    ends = step.partition(":")[0] in {"resolved", "retracted", "moved", "corrected"}
    return alert_change(
        step=step,
        at_us=at_us,
        status="resolved" if ends else "firing",
        labels={"alertname": name, "detector": "test", "severity": severity, **labels},
        annotations={"summary": summary, "description": f"{summary}, in more words."},
        starts_at_us=starts_at_us,
        ends_at_us=at_us if ends else None,
    )
