"""Incidents: alerts that belong together."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from alerts.incident_model import IncidentStatus
from alerts.incident_scope import feeds_by_detector
from alerts.incidents import Incidents
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1.alert_shapes import ChangeOut
from dashboards.api.v1.answering import Limit, shown
from dashboards.api.v1.incident_shapes import IncidentDetailOut, IncidentOut, IncidentPage, MemberOut
from dashboards.context import Context, context_of
from dashboards.errors import Refused

router = APIRouter(prefix="/incidents", tags=["incidents"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]


def incidents_of(context: Context) -> Incidents:
    """Return the incidents of an application's store."""
    settings = context.settings
    return Incidents(context.store, settings.incidents, feeds_by_detector(settings.detectors, settings.incidents))


@router.get("", response_model=IncidentPage, summary="List incidents")
async def listed(
    request: Request,
    _who: Viewer,
    *,
    status: Annotated[IncidentStatus | None, Query(description="Only these.")] = None,
    limit: Limit = 50,
) -> Response:
    """List incidents, those that fire first."""
    context = context_of(request)
    now_us = context.now_us()
    found = await to_thread.run_sync(lambda: incidents_of(context).list_incidents(now_us, status=status, most=limit))
    return shown(request, IncidentPage(items=[IncidentOut.of(one) for one in found]))


@router.get("/{number}", response_model=IncidentDetailOut, summary="Look at one incident")
async def one(request: Request, _who: Viewer, number: Annotated[int, Path(ge=1, le=10**12)]) -> Response:
    """Return an incident with its alerts: those that fire first, then in their order."""
    context = context_of(request)
    detail = await to_thread.run_sync(incidents_of(context).get, number, context.now_us())
    if detail is None:
        raise Refused(404, f"there is no incident {number} (any more)")
    members = [
        MemberOut(
            fingerprint=one.change.fingerprint, feed=one.feed, change=ChangeOut.of(one.change), labels=one.change.labels
        )
        for one in detail.members
    ]
    return shown(request, IncidentDetailOut(incident=IncidentOut.of(detail.incident), alerts=members))
