"""What is asked: alerts, their groups, silences, receivers, and how we are. All of it from the mirror."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request

from alerts.exporting import alertmanager_yaml, receiver_names
from config.settings import Settings
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v2.board import Board
from dashboards.api.v2.grouped import groups
from dashboards.api.v2.openapi import ALERT_FILTERS, ALERTS, ANSWERS, GROUP_FILTERS, RECEIVER_FILTERS, SILENCE_FILTERS
from dashboards.api.v2.release import version_info
from dashboards.api.v2.silenced import Silences
from dashboards.api.v2.wanted import filters, flag, wanted
from dashboards.api.v2.wire import Json, said, time_text
from dashboards.context import context_of

router = APIRouter(tags=["Alertmanager"])
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]


def board_of(request: Request) -> Board:
    """Return the alerts as they are answered."""
    board: Board = request.app.state.alertmanager_board
    return board


def silences_of(request: Request) -> Silences:
    """Return the silences as they are answered."""
    silences: Silences = request.app.state.alertmanager_silences
    return silences


@router.get("/status", responses=ANSWERS, openapi_extra=ALERTS["status"])
async def status(request: Request, _who: Viewer) -> Json:
    """Say who we are, since when, and by which routes alerts are told."""
    context = context_of(request)
    told = {
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": _config(context.settings)},
        "uptime": time_text(context.started_us),
        "versionInfo": version_info(context.build),
    }
    return Json(msgspec.json.encode(told) + b"\n")


@router.get("/alerts", responses=ANSWERS, openapi_extra={**ALERTS["alerts"], "parameters": ALERT_FILTERS})
async def alerts(request: Request, _who: Viewer) -> Json:
    """List the alerts that fire."""
    return Json(board_of(request).answer(wanted(request.query_params), context_of(request).now_us()))


@router.get("/alerts/groups", responses=ANSWERS, openapi_extra={**ALERTS["groups"], "parameters": GROUP_FILTERS})
async def alert_groups(request: Request, _who: Viewer) -> Json:
    """List the groups of the alerts that fire."""
    return Json(groups(board_of(request), wanted(request.query_params), context_of(request).now_us()))


@router.get("/silences", responses=ANSWERS, openapi_extra={**ALERTS["silences"], "parameters": SILENCE_FILTERS})
async def silences(request: Request, _who: Viewer) -> Json:
    """List the silences that are kept: active ones, those to come, those that are over."""
    query = request.query_params
    states = {state for state in ("active", "pending", "expired") if flag(query, state)}
    now_us = context_of(request).now_us()
    return Json(silences_of(request).answer(filters(query.getlist("filter")), states, now_us))


@router.get("/silence/{silence_id}", responses=ANSWERS, openapi_extra=ALERTS["silence"])
async def silence(request: Request, silence_id: str, _who: Viewer) -> Json:
    """Show a silence."""
    found = silences_of(request).get(silence_id, context_of(request).now_us())
    return said("silence not found", 404) if found is None else Json(found + b"\n")


@router.get("/receivers", responses=ANSWERS, openapi_extra={**ALERTS["receivers"], "parameters": RECEIVER_FILTERS})
async def receivers(request: Request, _who: Viewer) -> Json:
    """List who may be told."""
    if not all(matcher.matches({}) for matcher in filters(request.query_params.getlist("receiver_matchers"))):
        return Json(b"[]\n")
    found = [{"name": name, "labels": {}} for name in receiver_names(context_of(request).settings)]
    return Json(msgspec.json.encode(found) + b"\n")


_configs: dict[int, tuple[Settings, str]] = {}


def _config(settings: Settings) -> str:
    known = _configs.get(id(settings))
    if known is None or known[0] is not settings:
        _configs.clear()
        known = _configs[id(settings)] = (settings, alertmanager_yaml(settings))
    return known[1]
