"""What the API answers of incidents."""

from pydantic import BaseModel

from alerts.incident_model import Incident
from dashboards.api.v1.alert_shapes import ChangeOut
from dashboards.api.v1.shapes import time_text


class IncidentOut(BaseModel):
    """Alerts that belong together."""

    number: int
    name: str
    title: str
    status: str
    severity: str
    about: dict[str, str]
    customers: int
    alerts: int
    firing: int
    evidence: list[str]
    blind: list[str]
    first_at: str | None
    last_at: str | None
    ended_at: str | None
    linked: list[int]

    @classmethod
    def of(cls, one: Incident) -> "IncidentOut":
        """Return it as it is answered."""
        return cls(
            number=one.number,
            name=one.name,
            title=one.title,
            status=one.status,
            severity=one.severity,
            about=one.about,
            customers=one.customers,
            alerts=one.alerts,
            firing=one.firing,
            evidence=list(one.evidence_lines),
            blind=list(one.blind_lines),
            first_at=time_text(one.first_us),
            last_at=time_text(one.last_us),
            ended_at=time_text(one.ended_us),
            linked=list(one.linked),
        )


class IncidentPage(BaseModel):
    """Incidents: those that fire first, then by their last change."""

    items: list[IncidentOut]


class MemberOut(BaseModel):
    """One alert's episode in an incident."""

    fingerprint: str
    feed: str
    change: ChangeOut
    labels: dict[str, str]


class IncidentDetailOut(BaseModel):
    """An incident with its alerts."""

    incident: IncidentOut
    alerts: list[MemberOut]
