"""The web application on a port of its own, for clients that are programs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request

from dashboards.access.contract import Principal, Role
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port


class EverybodyResponds:
    """An access that lets everybody answer alerts: clients without a way to log in are tried with it."""

    async def admit(self, request: Request, role: Role) -> Principal:
        return Principal("test-program", Role.RESPONDER, "token")

    async def admit_public(self, request: Request) -> None:
        pass

    def csrf_token(self, request: HTTPConnection) -> str:
        return ""


@contextmanager
def served(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """Give the address at which an application answers.

    Args:
        app: what is served.
        port: of the loopback, to serve on again where another one was; None: any that is free.
    """
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="served", daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "the web application")
        assert server.started, "the web application did not start; see what it logged"
        mirror = app.state.makegood.mirror
        until(lambda: mirror.complete, "the alerts to be read")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
