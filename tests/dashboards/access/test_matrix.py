"""Every route of the whole application, asked by everybody: nobody, each role, a wall."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import AccessError, Principal, Role
from dashboards.access.gate import Access
from dashboards.access.marks import Mark, marks
from dashboards.server import build_app
from tests.dashboards.access.conftest import WALL_TOKEN, sha256
from tests.support.access import BASE_URL, Clock, users

_ADMITTED = 418
_NAMES = {Role.VIEWER: "vera", Role.RESPONDER: "rob", Role.TUNER: "tina", Role.ADMIN: "adam"}
_PUBLIC = re.compile(
    r"/login(/style\.css|/oidc|/oidc/callback)?|/static/.*|/healthz|/readyz|(/am)?/-/(healthy|ready)"
    r"|/wall/(size\.css|files/.*)"
    r"|/am/api/v1/.*"  # Alertmanager says there that it is gone
)
"""What everybody may use. A new entry here is a decision about what strangers can see."""


class Stopping(Access):
    """The real access, that ends a request as soon as it was admitted: no handler does anything."""

    wanted = Role.VIEWER

    async def admit(self, request: Request, role: Role) -> Principal:
        principal = await super().admit(request, role)
        if role >= self.wanted:
            raise AccessError(_ADMITTED, "Admitted", principal.name)
        return principal


def token_of(role: Role) -> str:
    return f"mg_token-of-the-role-{role.name.lower()}"


@pytest.fixture
def access(store: AlertStore, tmp_path: Path) -> Stopping:
    console: dict[str, Any] = {
        "users": users(tmp_path, adam="admin"),
        "tokens": {
            _NAMES[role]: {"role": role.name.lower(), "sha256": sha256(token_of(role))}
            for role in Role
            if role < Role.ADMIN
        }
        | {"root": {"role": "admin", "sha256": sha256(token_of(Role.ADMIN))}},
        "walls": {"noc": {"sha256": sha256(WALL_TOKEN)}},
        "rate": {"per_second": 1_000_000, "burst": 1_000_000},
    }
    return Stopping(Settings.model_validate({"console": console}).console, store, Clock())


@pytest.fixture
def app(store: AlertStore, access: Stopping) -> FastAPI:
    settings = Settings.model_validate({"console": access.settings.model_dump()})
    return build_app(store, settings, access=access, now_us=Clock(), build="test")


def routes(app: FastAPI) -> list[tuple[Mark, str, str]]:
    """Return every route with each of its methods, and an address that it fits."""
    found = []
    for mark in marks(app):
        path = re.sub(r"\{[^}]*\}", "1", mark.path)
        found += [(mark, method, path) for method in mark.methods]
    return found


def test_every_route_says_who_may_use_it(app: FastAPI) -> None:
    silent = [f"{mark.methods} {mark.path}" for mark in marks(app) if not mark.marked]
    assert silent == [], "say needs(Role...) or public(), and not both"
    assert len(list(marks(app))) > 10


def test_what_everybody_may_use_is_little(app: FastAPI) -> None:
    extra = [mark.path for mark in marks(app) if mark.public and _PUBLIC.fullmatch(mark.path) is None]
    assert extra == []


def test_what_changes_something_needs_more_than_a_look(app: FastAPI) -> None:
    own = {"/logout", "/logout/everywhere"}  # one's own session
    weak = [
        f"{method} {mark.path}"
        for mark, method, _ in routes(app)
        if method not in {"GET", "HEAD", "OPTIONS"} and mark.role == Role.VIEWER and mark.path not in own
    ]
    # What only reads, but takes its question in the body: a preview changes nothing.
    assert [one for one in weak if not re.search(r"/(preview|try)$| /settings$", one)] == []


def ask(app: FastAPI, method: str, path: str, **headers: str) -> Any:
    client = TestClient(app, base_url=BASE_URL, follow_redirects=False, raise_server_exceptions=False)
    return client.request(method, path, headers=headers)


def test_nobody_gets_nothing_but_the_way_to_log_in(app: FastAPI) -> None:
    wrong = []
    for mark, method, path in routes(app):
        if mark.public:
            continue
        answer = ask(app, method, path)
        to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        if path.startswith(("/api/", "/am/", "/-/")):
            fine = answer.status_code == 401 and "location" not in answer.headers
        else:
            fine = to_login or answer.status_code == 401
        if not fine:
            wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
def test_each_role_gets_what_it_may_and_nothing_else(app: FastAPI, access: Stopping, role: Role) -> None:
    wrong = []
    for mark, method, path in routes(app):
        if mark.role is None:
            continue
        access.wanted = mark.role
        answer = ask(app, method, path, Authorization=f"Bearer {token_of(role)}")
        wanted = _ADMITTED if role >= mark.role else 403
        if answer.status_code != wanted:
            wrong.append(f"{method} {path}: {answer.status_code}, expected {wanted}")
    assert wrong == []


def test_a_wall_gets_the_wall_and_nothing_else(app: FastAPI, access: Stopping) -> None:
    wrong = []
    for mark, method, path in routes(app):
        if mark.role is None:
            continue
        access.wanted = mark.role
        of_the_wall = (path == "/wall" or path.startswith("/wall/")) and mark.role == Role.VIEWER
        answer = ask(app, method, path, Authorization=f"Bearer {WALL_TOKEN}")
        if answer.status_code != (_ADMITTED if of_the_wall else 403):
            wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []


def test_paths_that_there_are_not_say_nothing_to_nobody(app: FastAPI) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(app, method, "/api/v1/no-such-thing").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2f..%2fserver.py", "/static//etc/passwd"),
        *("/static/....//server.py", "/static/%00", "/login/../static/../server.py"),
    ],
)
def test_no_path_leads_out_of_the_files_that_are_served(app: FastAPI, path: str) -> None:
    answer = ask(app, "GET", path)
    assert answer.status_code in {303, 400, 401, 404}
    assert "build_app" not in answer.text
    assert "root:" not in answer.text
