"""What an audit found, as it is kept for people and for the wall."""

from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore

MOST_FINDINGS = 20


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one audit.

    Attributes:
        at_us: when it began. took_us: how long it took.
        alerts: how many there are to answer for: those that fire, and those that resolved within ``audit.back``.
        looked: how many of these had anything new, or not yet at its end.
        missing: what should have been told, or be on its way, and was not: found in this audit, and sent.
        overdue: what is on its way for longer than it should be. undelivered: notifications of which every tier fails.
        told_back, missing_back: accounts that were checked, and what was missing, within ``audit.back``.
        ratio: part of it that was not missing, 0 to 1.
        well: nothing was missing, nothing is overdue or undelivered.
        findings: what was found, a line each; at most 20.
        heartbeat: what became of the heartbeat, in words; empty: there is none.
    """

    at_us: int
    took_us: int
    alerts: int
    looked: int
    missing: int
    overdue: int
    undelivered: int
    told_back: int
    missing_back: int
    ratio: float
    well: bool
    findings: tuple[str, ...] = ()
    heartbeat: str = ""


def load_report(store: AlertStore) -> AuditReport | None:
    """Return the last result; None: there was no audit yet.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        text = client.get(store.keys.named("audit:last"))
    return None if text is None else msgspec.json.decode(text, type=AuditReport)


def save_report(store: AlertStore, report: AuditReport) -> None:
    """Keep a result, in place of the one before.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        client.set(store.keys.named("audit:last"), msgspec.json.encode(report))


def summary(report: AuditReport) -> str:
    """Return a result in one line."""
    if report.well:
        return f"all is well: {report.alerts} alerts, nothing missing"
    parts = [
        f"{count} {what}"
        for count, what in (
            (report.missing, "missing and sent"),
            (report.overdue, "overdue"),
            (report.undelivered, "undelivered, every tier has failed"),
        )
        if count
    ]
    return f"not all is well: {'; '.join(parts)}"
