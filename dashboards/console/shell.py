"""What all pages share: the truth bar, the settings of whoever looks, and where the root leads."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.access.contract import Principal, Role, needs
from dashboards.access.refusals import safe_next
from dashboards.console.templating import KEYS_COOKIE, SOUND_COOKIE, THEME_COOKIE, page
from dashboards.console.times import COOKIE as ZONE_COOKIE
from dashboards.context import context_of

_YEAR_S = 31_536_000
_MOST_ZONE = 64
router = APIRouter()


@router.get("/", include_in_schema=False)
async def root(_who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> Response:
    """Lead to the inbox."""
    return RedirectResponse("/inbox", 302)


@router.get("/truth", include_in_schema=False)
async def truth_bar(request: Request, _who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> HTMLResponse:
    """Return the truth bar, and why it says what it says."""
    return await page(request, "truth.html", active="", part="truth_bar.html", title="What we can see")


@router.get("/settings", include_in_schema=False)
async def settings_page(request: Request, _who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> HTMLResponse:
    """Return the settings of whoever looks, kept in their browser."""
    context = context_of(request)
    return await page(request, "settings.html", active="", title="Settings", service_zone=context.settings.words.zone)


@router.post("/settings", include_in_schema=False)
async def save_settings(
    _who: Annotated[Principal, Depends(needs(Role.VIEWER))],
    theme: Annotated[str, Form()] = "",
    zone: Annotated[str, Form()] = "utc",
    keys: Annotated[str, Form()] = "off",
    sound: Annotated[list[str] | None, Form()] = None,
    back: Annotated[str, Form()] = "/settings",
) -> Response:
    """Keep the settings in cookies, and go back."""
    answer = RedirectResponse(local_path(back), 303)
    kept = {THEME_COOKIE: theme if theme in {"dark", "light"} else ""}
    kept[ZONE_COOKIE] = zone[:_MOST_ZONE] if zone.isascii() else "utc"  # a header holds nothing else
    kept[KEYS_COOKIE] = "on" if keys == "on" else "off"
    kept[SOUND_COOKIE] = "".join(one for one in "123" if one in (sound or ()))
    for name, value in kept.items():
        # Scripts of our own read them: the zone of the browser, and whether shortcuts are wanted.
        answer.set_cookie(name, value, max_age=_YEAR_S, path="/", samesite="lax", httponly=False)
    return answer


def local_path(address: str) -> str:
    r"""Return an address of ours, as :func:`dashboards.access.refusals.safe_next` has it; the inbox for any other.

    >>> local_path("/inbox?q=a"), local_path("//evil.example"), local_path("https://evil.example/")
    ('/inbox?q=a', '/inbox', '/inbox')
    >>> local_path("/\\evil.example")
    '/inbox'
    """
    found = safe_next(address)
    return "/inbox" if found == "/" else found
