"""Logging in and out: pages and routes."""

import hmac
import secrets
from typing import Annotated

import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from dashboards.access import csrf
from dashboards.access.asking import address_of
from dashboards.access.audit import record
from dashboards.access.contract import AccessError, Principal, Role, gate_of, needs, public
from dashboards.access.gate import Access
from dashboards.access.oidc import CALLBACK, Oidc
from dashboards.access.oidc_claims import OidcError
from dashboards.access.pages import STATIC, render
from dashboards.access.refusals import LOGIN, safe_next

_log = structlog.get_logger("makegood.access")
_WRONG = "Name or password is wrong."
_FORM_S = 3600
_OIDC_S = 600
router = APIRouter(include_in_schema=False)
Open = Annotated[None, Depends(public())]
Someone = Annotated[Principal, Depends(needs(Role.VIEWER))]


@router.get("/login/style.css")
async def style(_open: Open) -> Response:
    """Return the style of the pages of access."""
    return FileResponse(STATIC / "login.css", media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get(LOGIN)
async def login_page(request: Request, _open: Open, wanted: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Show the page."""
    return await _page(request, wanted=wanted)


@router.post(LOGIN)
async def login(
    request: Request,
    _open: Open,
    name: Annotated[str, Form(max_length=128)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    token: Annotated[str, Form(alias=csrf.FIELD)] = "",
    wanted: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Log in with name and password."""
    access = _access(request)
    csrf.check_origin(request, access.own_hosts)
    begun = request.cookies.get(_form_cookie(access), "")
    if not begun or not hmac.compare_digest(token.encode(), (await access.mark(f"login {begun}")).encode()):
        return await _page(request, wanted=wanted, name=name, problem="The page was too old: try again.", status=403)
    try:
        role = await access.knocking.check(name, password, address_of(request))
    except AccessError as error:
        answer = await _page(request, wanted=wanted, name=name, problem=error.detail, status=error.status)
        answer.headers.update(error.headers)
        return answer
    if role is None:
        _log.info("login_failed", way="password", address=address_of(request))
        return await _page(request, wanted=wanted, name=name, problem=_WRONG, status=403)
    return await _let_in(request, name, role, "password", wanted)


@router.get("/login/oidc")
async def oidc_begin(request: Request, _open: Open, wanted: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Send the browser to the provider."""
    access = _access(request)
    oidc = _oidc(access)
    try:
        access.count_costly(request)
        url, browser = await oidc.begin(_redirect_uri(request, access), safe_next(wanted))
    except OidcError as error:
        return await _not_by_provider(request, error)
    answer = RedirectResponse(url, 303)
    _set(answer, access, _oidc_cookie(access), browser, _OIDC_S)
    return answer


@router.get(CALLBACK)
async def oidc_finish(request: Request, _open: Open) -> Response:
    """Log in whom the provider has sent back."""
    access = _access(request)
    oidc = _oidc(access)
    browser = request.cookies.get(_oidc_cookie(access), "")
    try:
        name, role, wanted = await oidc.finish(dict(request.query_params), browser, _redirect_uri(request, access))
        if access.taken(name):
            msg = f"The name {name} is that of somebody else here: whoever runs Makegood renames one of the two."
            raise OidcError(msg, "the name is taken by the settings")
    except OidcError as error:
        return await _not_by_provider(request, error)
    answer = await _let_in(request, name, role, "oidc", wanted)
    answer.delete_cookie(_oidc_cookie(access), path="/", secure=access.secure, httponly=True, samesite="lax")
    return answer


@router.post("/logout")
async def logout(request: Request, who: Someone) -> Response:
    """End the session of this browser."""
    access = _access(request)
    key = request.cookies.get(access.cookie)
    if key:
        await to_thread.run_sync(access.sessions.end, key)
    await record(request, action="session.end", object=f"user:{who.name}")
    return _out(access)


@router.post("/logout/everywhere")
async def logout_everywhere(request: Request, who: Someone) -> Response:
    """End all sessions of whoever asks."""
    access = _access(request)
    count = await to_thread.run_sync(access.sessions.end_all, who.name) if who.kind == "session" else 0
    await record(request, action="session.end_all", object=f"user:{who.name}", count=count)
    return _out(access)


async def _let_in(request: Request, name: str, role: Role, way: str, wanted: str) -> Response:
    """Begin a session: one that the browser had before is ended, and its id is worth nothing."""
    access = _access(request)
    before = request.cookies.get(access.cookie)
    if before:
        await to_thread.run_sync(access.sessions.end, before)
    address, agent = address_of(request), request.headers.get("user-agent", "")

    def start() -> str:
        return access.sessions.start(name, role, way, now_us=access.now_us(), address=address, agent=agent)[0]

    key = await to_thread.run_sync(start)
    who = Principal(name, role, "session")
    await record(request, action="session.start", object=f"user:{name}", after={"way": way}, who=who)
    _log.info("logged_in", who=name, role=role.name.lower(), way=way, address=address)
    answer = RedirectResponse(safe_next(wanted), 303)
    _set(answer, access, access.cookie, key, access.settings.session.lifetime // 1_000_000)
    answer.delete_cookie(_form_cookie(access), path="/", secure=access.secure, httponly=True, samesite="lax")
    return answer


async def _page(request: Request, *, wanted: str, name: str = "", problem: str = "", status: int = 200) -> Response:
    access = _access(request)
    begun = request.cookies.get(_form_cookie(access)) or secrets.token_urlsafe(24)
    values = {
        "csrf_token": await access.mark(f"login {begun}"),
        "next": safe_next(wanted),
        "name": name,
        "problem": problem,
        "notice": access.notice,
        "open": access.anonymous,
        "passwords": bool(access.settings.users),
        "oidc": "" if access.settings.oidc is None else access.settings.oidc.label,
    }
    answer = render("login.html", values, status=status)
    _set(answer, access, _form_cookie(access), begun, _FORM_S)
    return answer


async def _not_by_provider(request: Request, error: OidcError) -> Response:
    _log.warning("login_failed", way="oidc", reason=str(error), address=address_of(request))
    return await _page(request, wanted="/", problem=error.told, status=403)


def _out(access: Access) -> Response:
    answer = RedirectResponse(LOGIN, 303, {"Clear-Site-Data": '"cache"'})
    answer.delete_cookie(access.cookie, path="/", secure=access.secure, httponly=True, samesite="lax")
    return answer


def _redirect_uri(request: Request, access: Access) -> str:
    """Return where the provider sends people back to. The host that was asked is one of ours, or it was refused."""
    base = access.settings.public_url or f"{request.url.scheme}://{request.headers['host']}"
    return f"{base}{CALLBACK}"


def _set(answer: Response, access: Access, name: str, value: str, lasts_s: int) -> None:
    answer.set_cookie(name, value, max_age=lasts_s, path="/", secure=access.secure, httponly=True, samesite="lax")


def _form_cookie(access: Access) -> str:
    return f"{access.cookie}-form"


def _oidc_cookie(access: Access) -> str:
    return f"{access.cookie}-oidc"


def _oidc(access: Access) -> Oidc:
    if access.oidc is None:
        raise AccessError(404, "There is no such page", "Nobody logs in by a provider here.")
    return access.oidc


def _access(request: Request) -> Access:
    gate = gate_of(request)
    if not isinstance(gate, Access):
        raise AccessError(404, "There is no such page", "Nobody logs in here.")
    return gate
