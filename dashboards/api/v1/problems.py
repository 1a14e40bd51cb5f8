"""Errors of the API as ``application/problem+json`` (RFC 9457), each with what to do."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboards.errors import Refusal

PREFIX = "/api/v1"
MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="Where: a parameter's name, or the path within the body.")
    message: str = Field(description="What was expected.")


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do.")
    fields: list[FieldProblem] | None = None


def problem(_request: Request, refusal: Refusal) -> Response:
    """Return a refusal as a problem."""
    fields = [FieldProblem(field=where, message=what) for where, what in refusal.fields]
    told = Problem(title=refusal.title, status=refusal.status, detail=refusal.detail, fields=fields or None)
    return JSONResponse(
        told.model_dump(exclude_none=True), refusal.status, headers=dict(refusal.headers), media_type=MEDIA_TYPE
    )


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 409, 412, 413, 421, 422, 429, 503)
}
"""What every operation may answer."""
