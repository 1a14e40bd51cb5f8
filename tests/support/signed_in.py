"""Clients of an application of ours, of any role: what tests of routes send requests with.

``access()`` is what a test gives the application as ``app.state.makegood.access``; ``client(app, role)`` asks as
somebody of that role, ``client(app, None)`` as nobody.
"""

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.testclient import TestClient

from dashboards.access.contract import AccessError, Principal, Role

BASE_URL = "http://127.0.0.1:8080"


def name_of(role: Role) -> str:
    """Return the name under which the audit log has who asks with a role."""
    return f"test-{role.name.lower()}"


def headers(role: Role | None) -> dict[str, str]:
    """Return what a request of somebody with a role carries."""
    return {} if role is None else {"Authorization": f"Bearer {name_of(role)}"}


def client(app: Starlette, role: Role | None) -> TestClient:
    """Return a client that asks as somebody with a role, by an API token: no CSRF token is needed."""
    return TestClient(app, base_url=BASE_URL, headers=headers(role), follow_redirects=False)


class TokensOnly:
    """An access that knows the tokens of :func:`headers`, and nothing else."""

    async def admit(self, request: Request, role: Role) -> Principal:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        for known in Role:
            if given == name_of(known):
                if known < role:
                    raise AccessError(403, "Forbidden", f"this needs the role {role.name.lower()}")
                return Principal(given, known, "token")
        raise AccessError(401, "Unauthorized", "log in", {"WWW-Authenticate": "Bearer"})

    async def admit_public(self, request: Request) -> None:
        pass

    def csrf_token(self, request: HTTPConnection) -> str:
        return ""


def access() -> TokensOnly:
    """Return an access for tests of routes."""
    return TokensOnly()
