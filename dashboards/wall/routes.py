"""The routes of the wall."""

import hashlib
import json
import mimetypes
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.access.contract import Principal, Role, needs, public
from dashboards.context import context_of
from dashboards.errors import Refused
from dashboards.wall.desk import Desk
from dashboards.wall.model import Hop
from dashboards.wall.options import OptionError, Options, options_of
from dashboards.wall.page import page, render, shown_now
from dashboards.wall.said import Said
from dashboards.wall.sizes import stylesheet

_FOLDER = Path(__file__).parent / "static"
_NEVER = {"Cache-Control": "no-store"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_REPORTED = {"shown": ("live", "late", "dead"), "size": (), "nodes": ()}
_MOST_REPORTED = 20

router = APIRouter()
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Everybody = Annotated[None, Depends(public())]


def install(app: FastAPI) -> None:
    """Add the wall."""
    context = app.state.makegood
    app.state.wall = Desk(context)
    app.state.wall_said = Said(context.store, context.now_us)
    app.include_router(router)


@router.get("/wall", include_in_schema=False)
async def wall(request: Request, _who: Viewer) -> HTMLResponse:
    """Return the page. It is complete as it comes, and keeps itself new by itself."""
    options, context, desk = _options(request), context_of(request), _desk(request)
    view = await desk.view(hide=options.hide)
    now_us = context.now_us()
    html = page(
        Markup(render(view, options, shown_now(view, options, now_us), now_us // 1000)),  # noqa: S704 - made by us, escaped
        options=options,
        build=context.build,
        files={name: f"/wall/files/{address}" for name, address in addresses().items()},
        hops_json=json.dumps(_told(desk.hops(now_us))),
        now_ms=now_us // 1000,
    )
    return HTMLResponse(html, headers={**_NEVER, "Referrer-Policy": "no-referrer"})


@router.get("/wall/now", include_in_schema=False)
async def now(request: Request, who: Viewer, seen: str = "") -> JSONResponse:
    """Return how live everything is and, unless the screen has it already, what it shows."""
    options, context, desk = _options(request), context_of(request), _desk(request)
    view = await desk.view(hide=options.hide)
    now_us = context.now_us()
    html, mark = desk.rendered(view, options, now_us)
    said: Said = request.app.state.wall_said
    await said.asked(who, options, _reported(request))
    answer = {
        "mark": mark,
        "at_ms": now_us // 1000,
        "build": context.build,
        "p1": view.counts[0],
        "open": desk.opened(view),
        "hops": _told(desk.hops(now_us)),
    }
    return JSONResponse(answer if seen == mark else {**answer, "html": html}, headers=_NEVER)


@router.get("/wall/size.css", include_in_schema=False)
async def size(request: Request, _open: Everybody) -> Response:
    """Return the sizes of a screen: pages carry no style of their own."""
    options = _options(request)
    return Response(stylesheet(options.inches, options.metres), media_type="text/css", headers=_NEVER)


@router.get("/wall/files/{name}", include_in_schema=False)
async def files(name: str, _open: Everybody) -> Response:
    """Return a script or style, for ever: another one has another name."""
    found = _files().get(name)
    if found is None:
        return PlainTextResponse("there is no such file; load the page again\n", 404, _NEVER)
    return Response(found[0], media_type=found[1], headers=_FOR_EVER)


@cache
def addresses() -> dict[str, str]:
    """Return under which name each file is served."""
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        found[path.name] = f"{path.stem}.{digest}{path.suffix}"
    return found


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    return {
        address: ((_FOLDER / name).read_bytes(), mimetypes.types_map.get(Path(name).suffix, "text/plain"))
        for name, address in addresses().items()
    }


def _told(hops: Iterable[Hop]) -> list[dict[str, object]]:
    return [
        {"name": hop.name, "age_ms": hop.age_ms, "late_ms": hop.late_ms, "stale_ms": hop.stale_ms, "why": hop.why}
        for hop in hops
    ]


def _options(request: Request) -> Options:
    try:
        return options_of(request.query_params)
    except OptionError as error:
        raise Refused(400, f"the address of this wall: {error}") from error


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.wall
    return desk


def _reported(request: Request) -> dict[str, str]:
    """Return what a screen says of itself, as far as it makes sense."""
    told = {name: request.query_params.get(name, "")[:_MOST_REPORTED] for name in _REPORTED}
    return {
        name: value
        for name, value in told.items()
        if value and (value in _REPORTED[name] if _REPORTED[name] else value.replace("x", "").isdecimal())
    }
