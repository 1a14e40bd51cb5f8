"""How a refusal is told: programs get what their API says, people the way to the login page, or the reason."""

from urllib.parse import quote, urlencode

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards import errors
from dashboards.access.asking import address_of, request_id_of
from dashboards.access.contract import AccessError
from dashboards.access.pages import render

_log = structlog.get_logger("makegood.access")
LOGIN = "/login"
_MOST_NEXT = 2_000
_FOR_PROGRAMS = ("/api/", "/am/", "/-/", "/metrics")
_NO_PLACE = (LOGIN, "/logout", "/api", "/am", "/-")


def install_refusals(app: FastAPI) -> None:
    """Have refusals answered, wherever they are raised. After :func:`dashboards.errors.install`."""

    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, AccessError):
            raise error
        return refused(request, error)

    app.add_exception_handler(AccessError, answer)


def refused(request: Request, error: AccessError) -> Response:
    """Return the answer to a request that is refused."""
    if error.status != 401:
        _log.info(
            "request_refused",
            status=error.status,
            reason=error.title,
            path=request.url.path,
            method=request.method,
            address=address_of(request),
            request=request_id_of(request),
        )
    if request.url.path.startswith(_FOR_PROGRAMS) or (error.status != 401 and request.headers.get("hx-request")):
        return errors.answer(request, errors.refusal_of(error))
    if error.status == 401 and request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": login_url(_current_path(request))})
    if error.status == 401 and _for_people(request):
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(login_url(wanted if request.method == "GET" else "/"), 303)
    return render(request, "refused.html", {"error": error}, status=error.status, headers=error.headers)


def login_url(wanted: str) -> str:
    """Return the address of the login page that leads to a page of ours afterwards."""
    wanted = safe_next(wanted)
    return LOGIN if wanted == "/" else f"{LOGIN}?{urlencode({'next': wanted}, quote_via=quote)}"


def safe_next(wanted: str | None) -> str:
    r"""Return where to go after a login: a page of ours, or else the first one.

    What browsers take for another site is refused: ``//host``, ``/\host``, controls that they leave out, schemes.

    >>> safe_next("/inbox?q=a%20b"), safe_next("//evil.example"), safe_next("https://evil.example")
    ('/inbox?q=a%20b', '/', '/')
    """
    if not wanted or len(wanted) > _MOST_NEXT or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    if any(sign == "\\" or not "!" <= sign <= "~" for sign in wanted):
        return "/"
    path = wanted.partition("?")[0].partition("#")[0]
    if any(path == place or path.startswith(f"{place}/") for place in _NO_PLACE):
        return "/"
    return wanted


def _for_people(request: Request) -> bool:
    """Return whether a page is asked for: not an event stream, not a picture, not the wall, which has no login."""
    accept = request.headers.get("accept", "*/*")
    return ("text/html" in accept or accept == "*/*") and not request.url.path.startswith("/wall")


def _current_path(request: Request) -> str:
    """Return the path of the page from which htmx has sent a request; its host is not believed."""
    _, _, rest = request.headers.get("hx-current-url", "").partition("://")
    _, slash, path = rest.partition("/")
    return slash + path
