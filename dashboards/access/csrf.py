"""Whether a request that changes something was meant by whoever the browser is logged in as.

A browser sends cookies, and passwords of HTTP Basic, with requests that other sites have made. So a request that
changes something is taken when it comes from a page of ours, by what the browser says of it (``Sec-Fetch-Site``,
``Origin``), and has the token of the session, which other sites cannot read. A request with a bearer token needs
neither: no browser adds one by itself.
"""

import hmac

from starlette.requests import Request

from dashboards.access.contract import AccessError

FIELD = "csrf_token"
HEADER = "x-csrf-token"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MOST_FIELDS = 200


def by_browser(request: Request) -> bool:
    """Return whether a browser has sent the request: every one that is in use says where a request comes from."""
    return any(name in request.headers for name in ("origin", "sec-fetch-site", "referer", "cookie"))


def check_origin(request: Request, own: frozenset[str]) -> None:
    """Refuse a request that another site has made.

    Args:
        request: that changes something.
        own: hosts with ports under which our pages are, beside the one that was asked.

    Raises:
        AccessError: another site has made it.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in {None, "same-origin", "none"}:
        raise foreign()
    if origin is not None:
        scheme, _, host = origin.partition("://")
        if scheme not in {"http", "https"} or host.lower() not in own | {request.headers.get("host", "").lower()}:
            raise foreign()


async def check_token(request: Request, wanted: str) -> None:
    """Refuse a request without the token of its session.

    Raises:
        AccessError: it has none, or another one.
    """
    given = request.headers.get(HEADER)
    if given is None and request.headers.get("content-type", "").startswith(_FORMS):
        form = await request.form(max_fields=_MOST_FIELDS, max_files=4)
        field = form.get(FIELD)
        given = field if isinstance(field, str) else None
    if not wanted or given is None or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise AccessError(
            403,
            "The page is too old",
            "The request does not carry the token of your session: load the page again and repeat it. "
            f"(A program sends a bearer token instead; a page of ours sends the field {FIELD} or the header {HEADER}.)",
        )


def foreign() -> AccessError:
    """Return the refusal of what another site has made."""
    return AccessError(
        403,
        "Not from here",
        "Another site has made this request. Nothing was changed. Open the console itself and do it there.",
    )
