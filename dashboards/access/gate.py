"""Who is asking, and whether they may: what every marked route goes through."""

import base64
import binascii
from collections.abc import Callable

import structlog
from starlette.requests import HTTPConnection, Request

from alerts.store import AlertStore
from config.console import ConsoleSettings
from dashboards.access import csrf
from dashboards.access.asking import SAFE, address_of, counted_as
from dashboards.access.contract import AccessError, Principal, Role
from dashboards.access.knocking import Knocking
from dashboards.access.lately import Lately
from dashboards.access.oidc import Oidc
from dashboards.access.passwords import Passwords, check_start
from dashboards.access.rates import Buckets
from dashboards.access.revoked import Revoked
from dashboards.access.sessions import Session, Sessions
from dashboards.access.shared_key import SharedKey
from dashboards.access.tokens import Known, Tokens

_log = structlog.get_logger("makegood.access")
_PROXIED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip", "via")
_FAILED_COST = 10.0
LOCAL = "local"
NOTICE = (
    "Nobody has to log in: everybody who uses this machine is an admin here. "
    "Before others may reach it, add console.users to the settings."
)


class Access:
    """Decides who may do what; it is ``app.state.makegood.access``.

    Args:
        settings: of the console.
        store: has the sessions.
        now_us: the time of day, microseconds UTC.
        listen: where it listens, when that is not where the settings say.

    Raises:
        NoLoginError: others could reach it, and nobody could log in; or a hash or token cannot be used.
        SecretMissingError: a secret is not there.
    """

    def __init__(
        self, settings: ConsoleSettings, store: AlertStore, now_us: Callable[[], int], *, listen: str | None = None
    ) -> None:
        self.settings = settings
        self.now_us = now_us
        self.listen = listen or settings.listen
        self.anonymous = check_start(settings, self.listen)
        self.notice = NOTICE if self.anonymous else ""
        self.secure = settings.public_url is not None and settings.public_url.startswith("https://")
        self.cookie = "__Host-makegood" if self.secure else "makegood"
        self.passwords = Passwords(settings.users)
        self.tokens = Tokens(settings)
        self.sessions = Sessions(store, settings.session)
        self.knocking = Knocking(settings, store, self.passwords, now_us)
        self.revoked = Revoked(store)
        self.oidc = None if settings.oidc is None else Oidc(settings.oidc, store, now_us)
        self._buckets = Buckets(settings.rate)
        self._shared = SharedKey(store)
        self._lately = Lately(self.sessions)
        self.own_hosts = frozenset(
            {settings.public_url.partition("://")[2].partition("/")[0].lower()} if settings.public_url else ()
        )

    async def admit(self, request: Request, role: Role) -> Principal:
        """Return who is asking when they may; see :class:`dashboards.access.contract.Gate`."""
        principal = await self.who(request)
        if principal is None:
            raise self.nobody(request)
        if principal.kind != "anonymous" and not getattr(request.state, "counted", False):
            request.state.counted = True
            self._count(f"{principal.kind}:{principal.name}", 1.0)
        if principal.kind == "wall" and not _of_the_wall(request):
            raise AccessError(403, "Only the wall", "This token shows the wall, and nothing else.")
        if not principal.may(role):
            raise AccessError(403, "You may not do this", self._why_not(principal, role))
        if request.method not in SAFE:
            await self._meant(request, principal)
        return principal

    async def admit_public(self, request: Request) -> None:
        """Check the rate; see :class:`dashboards.access.contract.Gate`."""
        self._count(f"address:{counted_as(address_of(request))}", 1.0)

    def csrf_token(self, request: HTTPConnection) -> str:
        """Return the token for forms; see :class:`dashboards.access.contract.Gate`."""
        session: Session | None = getattr(request.state, "session", None)
        if session is not None:
            return session.csrf
        return self._shared.mark("forms without a session") if self.anonymous else ""

    async def mark(self, text: str) -> str:
        """Return what only the processes of this store can make of a text.

        Raises:
            StoreUnavailableError: it cannot be known now.
        """
        await self._shared.ready()
        return self._shared.mark(text)

    async def who(self, request: Request) -> Principal | None:
        """Return who is asking; None: nobody that is known. Asked once a request.

        Raises:
            AccessError: what they showed is not, or no longer, good; or too many were not.
            StoreUnavailableError: it cannot be known now.
        """
        if not hasattr(request.state, "asked"):
            request.state.asked = await self._who(request)
        found: Principal | None = request.state.asked
        return found

    def taken(self, name: str) -> bool:
        """Return whether the settings have this name for somebody, or for a token."""
        there = (self.settings.users, self.settings.tokens, self.settings.walls)
        return name == LOCAL or any(name in names for names in there)

    async def _who(self, request: Request) -> Principal | None:
        header = request.headers.get("authorization")
        if header is not None:
            return await self._by_header(request, header)
        if request.url.path.startswith("/wall") and "token" in request.query_params:
            return await self._by_token(request, request.query_params["token"])
        key = request.cookies.get(self.cookie)
        if key:
            session = await self._lately.find(key, self.now_us(), looks=request.method in SAFE)
            role = None if session is None else self._role(session)
            if session is not None and role is not None:
                request.state.session = session
                return Principal(session.name, role, "session")
        if self.anonymous:
            if any(name in request.headers for name in _PROXIED):
                msg = "This came through a proxy, and no login is set up: add console.users, or console.oidc."
                raise AccessError(403, "Nobody can log in", msg)
            await self._shared.ready()
            return Principal(LOCAL, Role.ADMIN, "anonymous")
        return None

    def _role(self, session: Session) -> Role | None:
        """Return the role of a session: what the settings say now, not at the login."""
        return Role(session.role) if session.way == "oidc" else self.passwords.role(session.name)

    async def _by_header(self, request: Request, header: str) -> Principal:
        scheme, _, given = header.partition(" ")
        if scheme.lower() == "bearer":
            return await self._by_token(request, given.strip())
        if scheme.lower() != "basic":
            raise self._bad(request, "send a token as `Authorization: Bearer TOKEN`, or name and password as Basic")
        try:
            name, separator, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            separator = ""
        if not separator:
            raise self._bad(request, "what was sent as Basic cannot be read")
        known = self.tokens.find(password)
        if known is not None:
            return await self._good(request, known)
        role = await self.knocking.check_often(name, password, address_of(request))
        if role is None:
            raise self._bad(request, "name or password is wrong")
        return Principal(name, role, "token")

    async def _by_token(self, request: Request, given: str) -> Principal:
        known = self.tokens.find(given)
        if known is None:
            raise self._bad(request, "the token is none of those that are known here")
        return await self._good(request, known)

    async def _good(self, request: Request, known: Known) -> Principal:
        if known.expired(self.now_us()):
            raise self._bad(request, f"the token {known.name} has expired: ask whoever runs Makegood for another one")
        if await self.revoked.has(known.digest, self.now_us()):
            raise self._bad(request, f"the token {known.name} was revoked")
        return Principal(known.name, known.role, known.kind)

    async def _meant(self, request: Request, principal: Principal) -> None:
        """Check that whoever the browser is logged in as meant it."""
        scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
        if scheme == "bearer":
            return
        csrf.check_origin(request, self.own_hosts)
        if scheme == "basic" or (principal.kind == "anonymous" and not csrf.by_browser(request)):
            return  # programs: no page of ours sends Basic, and what another site made was refused above
        await csrf.check_token(request, self.csrf_token(request))

    def count_costly(self, request: Request) -> None:
        """Count a request of nobody in particular that leaves something in Redis.

        Raises:
            AccessError: there were too many.
        """
        self._count(f"address:{counted_as(address_of(request))}", _FAILED_COST)

    def _count(self, key: str, cost: float) -> None:
        wait_s = self._buckets.take(key, self.now_us(), cost)
        if wait_s:
            msg = f"That were too many requests in too short a time: try again in {wait_s} s."
            raise AccessError(429, "Too many requests", msg, {"Retry-After": str(wait_s)})

    def _bad(self, request: Request, why: str) -> AccessError:
        self._count(f"address:{counted_as(address_of(request))}", _FAILED_COST)
        _log.info("login_failed", way="header", reason=why, address=address_of(request), path=request.url.path)
        return AccessError(401, "Not logged in", f"Nobody was logged in: {why}.", _challenge(request))

    def nobody(self, request: Request) -> AccessError:
        """Return the refusal of a request of nobody in particular, and count it."""
        self._count(f"address:{counted_as(address_of(request))}", 1.0)
        msg = "Log in first. A program sends a token as `Authorization: Bearer TOKEN`."
        return AccessError(401, "Not logged in", msg, _challenge(request))

    def _why_not(self, principal: Principal, role: Role) -> str:
        admins = self.passwords.admins()
        ask = f"an admin ({', '.join(admins[:5])})" if admins else "whoever runs Makegood"
        have = principal.role.name.lower()
        return f"It needs the role {role.name.lower()}; {principal.name} has the role {have}. Ask {ask} for it."


def _of_the_wall(request: Request) -> bool:
    return request.url.path == "/wall" or request.url.path.startswith("/wall/")


def _challenge(request: Request) -> dict[str, str]:
    """Return how to log in. A page's own requests must not open the browser's window for passwords."""
    if any(name in request.headers for name in ("hx-request", "sec-fetch-site")):
        return {"WWW-Authenticate": 'Bearer realm="Makegood"'}
    return {"WWW-Authenticate": 'Basic realm="Makegood", charset="UTF-8"'}
