"""The routes of the API, put together, and its OpenAPI document."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse

from dashboards import errors
from dashboards.access.contract import Principal, Role, needs
from dashboards.api.v1 import (
    alert_answers,
    alerts,
    audit,
    backtests,
    channels,
    detectors,
    duty,
    feeds,
    incidents,
    jobs,
    maintenance,
    silences,
)
from dashboards.api.v1.problems import DOCUMENTED, PREFIX, Problem, problem

ROUTERS: tuple[APIRouter, ...] = (
    *(alerts.router, alert_answers.router, incidents.router, silences.router, maintenance.router),
    *(detectors.router, backtests.router),
    *(feeds.router, channels.router, duty.router, jobs.router, audit.router),
)


def install(app: FastAPI) -> None:
    """Add the API."""
    errors.style(app, "/api/", problem)  # whatever asks there is a program
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=DOCUMENTED)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def document(request: Request, _who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> JSONResponse:
        return JSONResponse(openapi(request.app))


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the API."""
    described = FastAPI(title="Makegood", version=app.version)
    for router in ROUTERS:
        described.include_router(router, prefix=PREFIX, responses=DOCUMENTED)
    found = get_openapi(
        title="Makegood",
        version=app.version,
        summary="Service failures, who is told of them, and what is done about them.",
        description="Everything that the console can do. Times are RFC 3339 in UTC; errors are "
        "`application/problem+json`; a write may be sent again with its `Idempotency-Key`.",
        routes=described.routes,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["Problem"] = own
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"]["422"] = DOCUMENTED[422]
    components = found["components"]
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "basic": {"type": "http", "scheme": "basic"},
    }
    found["security"] = [{"bearer": []}, {"basic": []}]
    return found
