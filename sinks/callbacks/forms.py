"""Requests and answers: bodies within bounds, forms as they were sent, answers that no browser misunderstands."""

import asyncio
import base64
import hashlib
from html import escape
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

Form = ImmutableMultiDict[str, str]

_BODY_WITHIN_S = 15.0
_MAX_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"
STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}h1{font-size:1.3rem}li{margin:.4rem 0}input,textarea,button{font:inherit;width:100%;"
    "box-sizing:border-box;padding:.7rem;margin:.4rem 0}button{border:0;border-radius:.4rem;background:#0b5cad;"
    "color:#fff;font-weight:600}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
    "Referrer-Policy": "no-referrer",  # the address of a link is all that it takes to use it
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


class BadRequestError(Exception):
    """A request that is not read.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def read_form(request: Request, max_bytes: int) -> Form:
    """Return the fields of a form, also the empty ones, and those that are there twice.

    Raises:
        BadRequestError: it is none, too large, or does not come.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "0")
    if kind != _FORM and not (kind == "" and length == "0"):
        raise BadRequestError(415, "send a form")
    if not length.isdecimal() or int(length[:20]) > max_bytes:
        raise BadRequestError(413, "too large")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise BadRequestError(413, "too large")
    except TimeoutError:
        raise BadRequestError(408, "the body did not come in time") from None
    except ClientDisconnect:
        raise BadRequestError(400, "the body did not come to its end") from None
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError:
        raise BadRequestError(400, "this form cannot be read") from None
    return ImmutableMultiDict(fields)


def text(status: int, said: str = "") -> Response:
    """Return a plain answer."""
    return Response(said, status, _HEADERS, "text/plain")


def xml(document: str, status: int = 200) -> Response:
    """Return TwiML."""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{document}', status, _HEADERS, "text/xml")


def page(status: int, title: str, body: str) -> Response:
    """Return a page for people. ``title`` is plain text; ``body`` is HTML, in which everything was escaped."""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return Response(document, status, _HEADERS, "text/html")
