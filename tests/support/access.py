"""A small application behind the real access: settings, a clock that is set, clients that log in."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

from argon2 import PasswordHasher
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from alerts.store import AlertStore
from config.settings import Settings
from dashboards import errors
from dashboards.access import wiring
from dashboards.access.audit import record
from dashboards.access.contract import Principal, Role, csrf_token, needs, public
from dashboards.access.wiring import open_access
from dashboards.api.v1.problems import problem
from dashboards.console.templating import refused

BASE_URL = "http://127.0.0.1:8080"
START_US = 1_760_000_000_000_000
PASSWORD = "canary-password-of-tests"
_cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Responder = Annotated[Principal, Depends(needs(Role.RESPONDER))]


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    at_us: int = START_US

    def __call__(self) -> int:
        return self.at_us

    def pass_s(self, seconds: float) -> None:
        self.at_us += round(seconds * 1_000_000)


@dataclass
class Served:
    """An application, and what it was made of."""

    app: FastAPI
    store: AlertStore
    clock: Clock
    settings: Settings
    seen: list[Any] = field(default_factory=list)

    def client(self, **more: Any) -> TestClient:
        """Return a browser, or a program, that has not logged in."""
        auth = more.pop("auth", None)
        kept: dict[str, Any] = {"base_url": BASE_URL, "follow_redirects": False, "raise_server_exceptions": False}
        client = TestClient(self.app, **(kept | more))
        client.auth = auth
        return client

    def logged_in(self, name: str, **more: Any) -> TestClient:
        """Return a browser in which somebody has logged in."""
        client = self.client(**more)
        answer = log_in(client, name, PASSWORD)
        assert answer.status_code == 303, answer.text
        return client


def log_in(client: TestClient, name: str, password: str, **more: Any) -> Any:
    """Fill in the login page, and send it."""
    page = client.get("/login", params={"next": more["next"]} if "next" in more else {})
    form = {"name": name, "password": password, "csrf_token": token_in(page.text), **more}
    return client.post("/login", data=form)


def token_in(page: str) -> str:
    """Return the token that a page's form has."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page
    return found.group(1)


def users(folder: Path, **roles: str) -> dict[str, Any]:
    """Return settings of people; all have the same password."""
    path = folder / "password-hash"
    path.write_text(_cheap.hash(PASSWORD))
    return {name: {"role": role, "password_hash": {"file": str(path)}} for name, role in roles.items()}


def served(store: AlertStore, console: dict[str, Any], clock: Clock | None = None) -> Served:
    """Return a small application behind the real access."""
    clock = clock or Clock()
    settings = Settings.model_validate({"console": console})
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    access = open_access(settings, store, clock)
    app.state.makegood = SimpleNamespace(settings=settings, store=store, now_us=clock, access=access)
    made = Served(app, store, clock, settings)
    errors.install(app)
    errors.style(app, "/", refused)
    errors.style(app, "/api/", problem)
    _routes(app, made)
    wiring.install(app)
    return made


def _routes(app: FastAPI, made: Served) -> None:
    @app.get("/")
    async def first(who: Viewer, request: Request) -> dict[str, str]:
        return {"name": who.name, "kind": who.kind, "role": who.role.name, "csrf_token": csrf_token(request)}

    @app.get("/api/v1/look")
    async def look(who: Viewer) -> dict[str, str]:
        return {"name": who.name, "kind": who.kind, "role": who.role.name}

    @app.post("/api/v1/change")
    async def change(who: Responder, request: Request) -> dict[str, int]:
        kept = await record(request, action="thing.change", object="thing:1", before=1, after=2, why="a test")
        made.seen.append(who)
        return {"seq": kept.entry.seq}

    @app.post("/form")
    async def form(request: Request, who: Responder) -> dict[str, str]:
        made.seen.append(who)
        fields = await request.form()
        return {name: str(value) for name, value in fields.items()}

    @app.post("/api/v1/take")
    async def take(request: Request, _who: Responder) -> int:
        return len(await request.body())

    @app.post("/api/v1/json")
    async def json(fields: dict[str, int], _who: Responder) -> int:
        return len(fields)

    @app.get("/wall")
    async def wall(who: Viewer) -> dict[str, str]:
        return {"name": who.name, "kind": who.kind}

    @app.get("/tune")
    async def tune(who: Annotated[Principal, Depends(needs(Role.TUNER))]) -> str:
        return who.name

    @app.get("/admin")
    async def admin(who: Annotated[Principal, Depends(needs(Role.ADMIN))]) -> str:
        return who.name

    @app.get("/healthz", dependencies=[Depends(public())])
    async def healthz() -> str:
        return "ok"
