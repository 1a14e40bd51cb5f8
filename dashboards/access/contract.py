"""What routes need to know of access: roles, who is asking, and the mark that every route carries.

Every route says who may use it, or that everybody may::

    @router.get("/alerts")
    async def alerts(who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> ...: ...


    @router.get("/healthz", dependencies=[Depends(public())])
    async def healthz() -> ...: ...

A test walks the routes of the whole application (:mod:`dashboards.access.marks`) and fails on one without.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

from starlette.requests import HTTPConnection, Request

Kind = Literal["session", "token", "link", "wall", "anonymous"]


class Role(IntEnum):
    """What somebody may do. Each may do what those below it may.

    Attributes:
        VIEWER: look at everything but settings of access.
        RESPONDER: answer alerts: acknowledge, comment, silence, assign, resolve.
        TUNER: change detectors: shadow, promote, roll back; replay dead letters.
        ADMIN: everything else: channels, drills, other people's sessions.
    """

    VIEWER = 1
    RESPONDER = 2
    TUNER = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes:
        name: of the person or the token, as the audit log has it.
        role: what they may do.
        kind: how they are known: a session of the console, an API token (or name and password with the request), a
            signed link, a wall's device token; ``anonymous``: nobody in particular, on this machine only.
    """

    name: str
    role: Role
    kind: Kind

    def may(self, role: Role) -> bool:
        """Return whether they may do what needs a role."""
        return self.role >= role


class AccessError(Exception):
    """A request is refused.

    Attributes:
        status: 401 nobody is logged in, 403 they may not, 421 the host is not ours, 429 too many requests.
        title: in few words, for people.
        detail: what happened and what to do, for people; never a secret.
        headers: that the answer carries.
    """

    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}


class Gate(Protocol):
    """What decides; it is ``app.state.makegood.access``."""

    async def admit(self, request: Request, role: Role) -> Principal:
        """Return who is asking when they may do what needs ``role``; checks the CSRF token and the rate, too.

        Raises:
            AccessError: when they may not.
        """
        ...

    async def admit_public(self, request: Request) -> None:
        """Check what everybody must keep to: the rate.

        Raises:
            AccessError: when they do not.
        """
        ...

    def csrf_token(self, request: HTTPConnection) -> str:
        """Return what forms send back in ``csrf_token``, and htmx in ``X-CSRF-Token``; empty where none is needed."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """The dependency that :func:`needs` returns; tests find its role by it."""

    role: Role

    async def __call__(self, request: Request) -> Principal:
        """Return who is asking, and note it as ``request.state.principal``."""
        principal = await gate_of(request).admit(request, self.role)
        request.state.principal = principal
        return principal


@dataclass(frozen=True, slots=True)
class Public:
    """The dependency that :func:`public` returns."""

    async def __call__(self, request: Request) -> None:
        """Check what everybody must keep to."""
        await gate_of(request).admit_public(request)


def needs(role: Role) -> Needs:
    """Return a dependency, for ``Depends``, that returns the :class:`Principal` who is asking if they have ``role``.

    It raises :class:`AccessError` otherwise, which becomes 401, 403 or 429 in the form that the path demands.
    """
    return Needs(role)


def public() -> Public:
    """Return a dependency, for ``Depends``, that marks a route which everybody may use: login, health, static files."""
    return Public()


def gate_of(request: HTTPConnection) -> Gate:
    """Return what decides for this application."""
    gate: Gate = request.app.state.makegood.access
    return gate


def principal_of(request: HTTPConnection) -> Principal | None:
    """Return who is asking, where a route needed a role; else None."""
    principal: Principal | None = getattr(request.state, "principal", None)
    return principal


def csrf_token(request: HTTPConnection) -> str:
    """Return the token that every form has in a hidden field ``csrf_token``, and htmx sends as ``X-CSRF-Token``."""
    return gate_of(request).csrf_token(request)
