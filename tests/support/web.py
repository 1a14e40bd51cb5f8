"""The whole web application on a real port, for tests that a browser or an HTTP client makes."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import AccessError, Gate, Principal, Role
from dashboards.access.shell import CSP
from dashboards.server import build_app
from tests.support.patience import PATIENCE_S

TOKEN = "token-of-a-form"


def wall_us() -> int:
    """Return the time of day, microseconds UTC."""
    return time.time_ns() // 1000


class Somebody:
    """An access for which everybody is the same person; writes need the token of forms, as they do in life."""

    def __init__(self, name: str = "anna", role: Role = Role.ADMIN) -> None:
        self.principal = Principal(name, role, "session")

    async def admit(self, request: Request, role: Role) -> Principal:
        if not self.principal.may(role):
            raise AccessError(403, "Forbidden", f"this needs the role {role.name.lower()}")
        if request.method not in {"GET", "HEAD"}:
            given = request.headers.get("x-csrf-token") or (await request.form()).get("csrf_token")
            if given != TOKEN:
                raise AccessError(403, "Forbidden", "the form has no token; load the page again")
        return self.principal

    async def admit_public(self, request: Request) -> None:
        pass

    def csrf_token(self, request: HTTPConnection) -> str:
        return TOKEN


class Strict:
    """What an access that is no stand-in puts around everything: no script or style that is not a file of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", CSP.encode())]
            await send(message)

        await self._app(scope, receive, dressed)


@dataclass(frozen=True)
class Running:
    """An application that answers."""

    app: FastAPI
    url: str


@contextmanager
def running(
    store: AlertStore,
    settings: Settings,
    *,
    access: Gate | None = None,
    now_us: Callable[[], int] = wall_us,
    build: str = "test",
) -> Iterator[Running]:
    """Run the application in a thread until the block ends."""
    app = build_app(store, settings, access=Somebody() if access is None else access, now_us=now_us, build=build)
    app.add_middleware(Strict)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not (server.started and app.state.makegood.mirror.complete):
        if not thread.is_alive() or time.monotonic() > deadline:
            msg = "the application did not start"
            raise RuntimeError(msg)
        time.sleep(0.01)
    try:
        yield Running(app, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        while thread.is_alive():  # an entry ends the follower's wait for one
            store.client.xadd(store.keys.named("log"), {"silence": "none"}, maxlen=50_000)
            thread.join(0.02)
        listening.close()
