"""How the API answers: entity tags, pages, and writes that may be sent again."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b, sha256
from typing import Annotated, TypeVar

from anyio import to_thread
from fastapi import Header, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from alerts.once import Once
from dashboards.access.contract import Principal
from dashboards.context import context_of
from dashboards.errors import Refused

MOST = 500
_NUMBER = re.compile(r"-?[0-9]{1,18}")
ItemT = TypeVar("ItemT")
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
After = Annotated[str, Query(max_length=400, description="`next` of the page before; empty: the first page.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A name of your own for this write. The same write sent again with it, within a day, changes "
        "nothing and is answered as before.",
    ),
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="Do it only if it still has this ETag.")
]


def tag_of(text: bytes) -> str:
    """Return the entity tag of a body."""
    return f'"{blake2b(text, digest_size=12).hexdigest()}"'


def shown(request: Request, answer: BaseModel, *, tag: str | None = None, status: int = 200) -> Response:
    """Return a body with its entity tag; 304 without a body when the asker has it already.

    Args:
        request: may say with ``If-None-Match`` what it has.
        answer: the body.
        tag: of the thing, where that has one of its own; default: of the body.
        status: where it is not 200.
    """
    body = answer.model_dump_json().encode()
    found = tag or tag_of(body)
    headers = {"ETag": found, "Cache-Control": "no-cache, private"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if request.method in {"GET", "HEAD"} and (found in known or "*" in known):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers=headers, media_type="application/json")


def demand(if_match: str | None, tag: str, what: str) -> None:
    """Refuse a write to something that has changed since the writer saw it."""
    if if_match is not None and if_match.strip() not in {"*", tag}:
        msg = f"{what} has changed since you read it (it is {tag} now): read it again, then decide again"
        raise Refused(412, msg, headers={"ETag": tag})


def cursor(*parts: str) -> str:
    """Return the place of an item, for ``next``."""
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def place(after: str, count: int) -> tuple[str, ...] | None:
    """Return the parts of a place; None for the beginning.

    Raises:
        Refused: when it is none of ours.
    """
    if not after:
        return None
    try:
        parts = tuple(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode().split("\n"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        parts = ()
    if len(parts) != count:
        raise _no_place()
    return parts


def number(part: str, least: int = -(10**18)) -> int:
    """Return a part of a place that is a number, of 18 digits at most.

    Raises:
        Refused: when it is none, or smaller than ``least``.
    """
    if _NUMBER.fullmatch(part) is None or int(part) < least:
        raise _no_place()
    return int(part)


def _no_place() -> Refused:
    return Refused(400, "after= is no place in this list: give `next` of the page before, as it was")


def page(items: Sequence[ItemT], limit: int, at: Callable[[ItemT], tuple[str, ...]]) -> tuple[list[ItemT], str | None]:
    """Return the first ``limit`` of what was found, and the place to go on at where there is more."""
    kept = list(items[:limit])
    return kept, cursor(*at(kept[-1])) if kept and len(items) > limit else None


async def once(request: Request, who: Principal, key: str | None, act: Callable[[], Awaitable[Response]]) -> Response:
    """Do a write, or answer as before when the same was asked for with the same key.

    Args:
        request: is told from others by method, path and body.
        who: a key is one caller's own.
        key: None: it is done each time.
        act: does it; a refusal keeps nothing, so that it may be sent again.

    Raises:
        Refused: 409 when it is being done right now, 422 when the key was used for something else.
    """
    if key is None:
        return await act()
    book = Once(context_of(request).store)
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    known = await to_thread.run_sync(book.begin, who.name, key, asked)
    if known is not None:
        return _again(known.request, known.status, known.body, asked)
    try:
        response = await act()
    except BaseException:
        await to_thread.run_sync(book.drop, who.name, key)
        raise
    await to_thread.run_sync(book.finish, who.name, key, asked, response.status_code, bytes(response.body).decode())
    return response


def _again(request: str, status: int, body: str, asked: bytes) -> Response:
    if request != sha256(asked).hexdigest():
        raise Refused(422, "this Idempotency-Key was given to another request before: give each its own")
    if status == 0:
        msg = "the same request is being done right now: ask again in a second"
        raise Refused(409, msg, headers={"Retry-After": "1"})
    return Response(body, status, headers={"Idempotency-Replayed": "true"}, media_type="application/json")
