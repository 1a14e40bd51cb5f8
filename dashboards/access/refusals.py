"""The way to the login page, for whoever is refused because nobody is logged in; and back to what they wanted."""

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.errors import Refusal

LOGIN = "/login"
_MOST_NEXT = 2_000
_NO_PLACE = (LOGIN, "/logout", "/api", "/am", "/-")


def to_login(request: Request, refusal: Refusal) -> Response | None:
    """Return what leads somebody to the login page; None: the refusal is told on a page, or it is no page they want."""
    if refusal.status != 401:
        return None
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": login_url(_current_path(request))})
    if not _for_people(request):
        return None
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(login_url(wanted if request.method == "GET" else "/"), 303)


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
