"""Beside the API: whether we are well, figures that say which Alertmanager we are like, and what is gone."""

from fastapi import APIRouter, Depends, Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.responses import PlainTextResponse, Response

from config.metrics.build import gauge
from config.metrics.console import ALERTMANAGER
from dashboards.access.contract import Role, needs, public
from dashboards.api.v2.release import version_info
from dashboards.api.v2.wire import Json
from dashboards.context import context_of

_GONE = (
    b'{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of '
    b'version 0.27.0 - please use the equivalent route in the v2 API"}\n'
)
health = APIRouter()
gone = APIRouter(prefix="/am/api/v1", include_in_schema=False)


@health.get("/-/healthy", dependencies=[Depends(public())], include_in_schema=False)
async def healthy() -> PlainTextResponse:
    """Answer as long as this program runs."""
    return PlainTextResponse("OK")


@health.get("/-/ready", dependencies=[Depends(public())], include_in_schema=False)
async def ready(request: Request) -> PlainTextResponse:
    """Answer once the alerts were read."""
    if context_of(request).mirror.complete:
        return PlainTextResponse("OK")
    return PlainTextResponse("the alerts were not read yet", 503)


@health.get("/metrics", dependencies=[Depends(needs(Role.VIEWER))], include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Show the figures of this program."""
    registry: CollectorRegistry = request.app.state.metrics
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=media_type, headers={"Cache-Control": "no-store"})


def build_info(registry: CollectorRegistry, build: str) -> None:
    """Add which Alertmanager we are like: karma decides by it."""
    info = version_info(build)
    names = {"goversion": "goVersion"}
    values = [info[names.get(name, name)] for name in ALERTMANAGER.label_names]
    gauge(ALERTMANAGER, registry).labels(*values).set(1)


async def removed() -> Json:
    """Say that version 1 of the API is no more."""
    return Json(_GONE, 410)


for _path, _methods in {
    "/status": ["GET"],
    "/receivers": ["GET"],
    "/alerts": ["GET", "POST"],
    "/alerts/groups": ["GET"],
    "/silences": ["GET", "POST"],
    "/silence/{silence_id}": ["GET", "DELETE"],
}.items():
    gone.add_api_route(_path, removed, methods=_methods, dependencies=[Depends(public())])
