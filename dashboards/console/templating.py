"""Makes pages out of templates: what each of them has, and in which form it goes out."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.access.asking import request_id_of
from dashboards.access.contract import Role, csrf_token, principal_of
from dashboards.access.refusals import to_login
from dashboards.console.assets import url
from dashboards.console.state import console_of, truth_of
from dashboards.console.times import zone_of
from dashboards.context import context_of
from dashboards.errors import Refusal
from dashboards.freshness_model import ago

TEMPLATES = Path(__file__).parent / "templates"
THEME_COOKIE, KEYS_COOKIE, SOUND_COOKIE = "makegood_theme", "makegood_keys", "makegood_sound"
NAVIGATION = (
    ("inbox", "/inbox", "Inbox", "i"),
    ("incidents", "/incidents", "Timeline", "t"),
    ("silences", "/silences", "Silences", "s"),
    ("feeds", "/feeds", "Feeds", "f"),
    ("detectors", "/detectors", "Detectors", "d"),
    ("channels", "/channels", "Channels", "c"),
    ("duty", "/duty", "Duty", "u"),
    ("audit", "/audit", "Audit", ""),
    ("wall", "/wall", "Wall", "w"),
)
"""Name, address, word and key (after ``g``) of each entry."""
_NO_STORE = {"Cache-Control": "no-store", "Vary": "HX-Request"}

environment = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
environment.globals.update(url_of=url, navigation=NAVIGATION)
environment.filters["span"] = ago


def is_part(request: Request) -> bool:
    """Return whether htmx asks for a part of the page, which is there already."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def lead(request: Request, address: str) -> Response:
    """Return what leads to a page of ours after something was done: htmx follows a header, a form a redirect."""
    if is_part(request):
        return Response(status_code=200, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


async def page(
    request: Request, template: str, *, active: str, status: int = 200, part: str | None = None, **values: Any
) -> HTMLResponse:
    """Return a page.

    Args:
        request: that is answered.
        template: its file under ``templates/``.
        active: which entry of the navigation it belongs to; empty: none.
        status: of HTTP.
        part: the file that htmx gets in its place; None: the whole page as well.
        values: for the template; ``title`` is needed.
    """
    name = part if part is not None and is_part(request) else template
    text = environment.get_template(name).render(await shared(request, active=active), **values)
    return HTMLResponse(text, status, headers=_NO_STORE)


async def shared(request: Request, *, active: str = "") -> dict[str, Any]:
    """Return what every template has."""
    context, console = context_of(request), console_of(request)
    now_us = context.now_us()
    zone = zone_of(request, context.settings.words.zone)
    token = csrf_token(request)
    theme = request.cookies.get(THEME_COOKIE, "")

    def when(at_us: int, *, date: bool = False) -> Markup:
        return zone.element(at_us, now_us, date=date)

    return {
        "request": request,
        "active": active,
        "now_us": now_us,
        "build": context.build,
        "who": principal_of(request),
        "roles": Role,
        "csrf_token": token,
        "csrf": Markup('<input type="hidden" name="csrf_token" value="{}">').format(token) if token else "",
        "zone": zone,
        "when": when,
        "theme": theme if theme in {"dark", "light"} else "",
        "sound": request.cookies.get(SOUND_COOKIE, ""),
        "news": console.news.now(console.tables.now(now_us)),
        "keys_off": request.cookies.get(KEYS_COOKIE) == "off",
        "truth": await truth_of(request),
        "duty": await console.duty.now(now_us),
        "counts": console.tables.now(now_us).counts,
        "silences": sum(one.state(now_us) == "active" for one in context.mirror.silences),
        "is_part": is_part(request),
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
    }


def refused(request: Request, refusal: Refusal) -> Response:
    """Return a refusal as a page, with the next step in it; as a strip when htmx asks; or the way to the login page."""
    led = to_login(request, refusal)
    if led is not None:
        return led
    name = "refused_part.html" if is_part(request) else "refused.html"
    theme = request.cookies.get(THEME_COOKIE, "")
    text = environment.get_template(name).render(
        refusal=refusal,
        request_id=request_id_of(request),
        theme=theme if theme in {"dark", "light"} else "",
        here=request.url.path,
        who=principal_of(request),
    )
    return HTMLResponse(text, refusal.status, headers={**_NO_STORE, **refusal.headers})
