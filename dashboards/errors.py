"""Refusals: each part of the application says in what form its paths tell of them.

Programs get JSON, Alertmanager's clients what they expect, people a page; which it is, the path says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from alerts.connection import StoreError, StoreUnavailableError
from dashboards.access.asking import address_of, request_id_of
from dashboards.access.contract import AccessError

_log = structlog.get_logger("makegood.console")
AWAY = "the store (Redis) cannot be used now: nothing was changed, or it is not known whether. Try again."
DEFECT = "something went wrong here; it is in the log of this program, under the request's id"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered as it was meant.

    Attributes:
        status: of HTTP.
        title: in few words. detail: what happened and what to do, for people; never a secret.
        headers: that the answer carries.
        fields: of a request that is not as it should be: where, and what was expected.
    """

    status: int
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()


Style = Callable[[Request, Refusal], Response]


class Refused(Exception):
    """A handler refuses a request.

    Args:
        status: of HTTP.
        detail: what happened and what to do.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, title or HTTPStatus(status).phrase, detail, headers or {}, fields)


def style(app: FastAPI, prefix: str, answer: Style) -> None:
    """Have refusals of paths that begin with ``prefix`` answered so; the longest prefix counts."""
    styles: dict[str, Style] = getattr(app.state, "styles", {})
    app.state.styles = {**styles, prefix: answer}


def answer(request: Request, refusal: Refusal) -> Response:
    """Return a refusal in the form that the path demands."""
    styles: dict[str, Style] = getattr(request.app.state, "styles", {})
    fitting = [prefix for prefix in styles if request.url.path.startswith(prefix)]
    if not fitting:
        return PlainTextResponse(refusal.detail, refusal.status, headers=dict(refusal.headers))
    return styles[max(fitting, key=len)](request, refusal)


def refuse(request: Request, error: Exception) -> Response:
    """Return the answer to a request that is refused; a middleware of ours says so, where no handler is asked."""
    if isinstance(error, AccessError) and error.status != 401:
        _log.info(
            "request_refused",
            status=error.status,
            reason=error.title,
            path=request.url.path,
            method=request.method,
            address=address_of(request),
            request=request_id_of(request),
        )
    return answer(request, refusal_of(error))


def refusal_of(error: Exception) -> Refusal:
    """Return what an error means for whoever asks."""
    if isinstance(error, Refused):
        return error.refusal
    if isinstance(error, AccessError):
        return Refusal(error.status, error.title, error.detail, error.headers)
    if isinstance(error, RequestValidationError):
        fields = tuple((".".join(map(str, one["loc"])), str(one["msg"])) for one in error.errors())
        told = "; ".join(f"{where}: {what}" for where, what in fields[:3])
        return Refusal(422, "Unprocessable content", f"the request is not as it should be: {told}", {}, fields)
    if isinstance(error, HTTPException):
        title = HTTPStatus(error.status_code).phrase
        return Refusal(error.status_code, title, error.detail or title, error.headers or {})
    if isinstance(error, StoreUnavailableError | StoreError):
        return Refusal(503, "Service unavailable", AWAY, {"Retry-After": "2"})
    return Refusal(500, "Internal server error", DEFECT)


def install(app: FastAPI) -> None:
    """Add the handlers."""

    async def refused(request: Request, error: Exception) -> Response:
        return refuse(request, error)

    async def defect(request: Request, error: Exception) -> Response:
        _log.error("request_failed", path=request.url.path, exc_info=error)
        return answer(request, refusal_of(error))

    expected: tuple[type[Exception], ...] = (
        *(Refused, AccessError, RequestValidationError),
        *(HTTPException, StoreUnavailableError),
    )
    for kind in expected:
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(StoreError, defect)
    app.add_exception_handler(Exception, defect)
