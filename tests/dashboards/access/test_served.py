"""The whole application on a real port, as it is served: over HTTP, byte by byte where that matters."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.wiring import open_access, server_options
from dashboards.server import build_app
from pipeline.ingest import protocol
from tests.dashboards.access.conftest import TOKEN, sha256
from tests.support.access import PASSWORD, token_in, users
from tests.support.patience import PATIENCE_S, until
from tests.support.web import wall_us


@contextmanager
def serving(store: AlertStore, console: dict[str, Any]) -> Iterator[str]:
    """Serve as `makegood console` does; give HOST:PORT."""
    settings = Settings.model_validate({"console": console})
    access = open_access(settings, store, wall_us)
    app = build_app(store, settings, access=access, now_us=wall_us, build="test")
    with socket.create_server(("127.0.0.1", 0)) as opened:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", **server_options()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        until(lambda: server.started and app.state.makegood.mirror.complete)
        try:
            yield f"127.0.0.1:{opened.getsockname()[1]}"
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(PATIENCE_S)


@pytest.fixture
def console(tmp_path: Path) -> dict[str, Any]:
    return {
        "users": users(tmp_path, rob="responder"),
        "tokens": {"karma": {"role": "responder", "sha256": sha256(TOKEN)}},
        "max_body_bytes": 65_536,
        "body_within": "10m",  # nobody is refused because a machine is slow
    }


@contextmanager
def asking(address: str) -> Iterator[httpx.Client]:
    """Give a client that waits for answers."""
    with httpx.Client(base_url=f"http://{address}", verify=False, timeout=PATIENCE_S) as client:  # noqa: S501
        yield client


def said(address: str, *parts: bytes) -> bytes:
    """Send bytes, and return all that comes until the other side closes; it may do so before it has taken them all."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        found = b""
        while True:
            try:
                more = connection.recv(65_536)
            except ConnectionResetError:
                return found
            if not more:
                return found
            found += more


def test_a_person_logs_in_looks_and_logs_out(store: AlertStore, console: dict[str, Any]) -> None:
    with serving(store, console) as address, asking(address) as client:
        sent = client.get("/settings")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fsettings")
        page = client.get(sent.headers["location"])
        form = {"name": "rob", "password": PASSWORD, "csrf_token": token_in(page.text), "next": "/settings"}
        assert client.post("/login", data=form).headers["location"] == "/settings"
        page = client.get("/settings")
        assert "You are rob" in page.text
        assert client.get("/api/v2/status").status_code == 200
        assert client.post("/logout", data={"csrf_token": token_in(page.text)}).status_code == 303
        assert client.get("/settings").status_code == 303
        assert client.get("/api/v2/status").status_code == 401
        assert "server" not in client.get("/login").headers


def test_a_head_that_never_ends_is_given_up(
    store: AlertStore, console: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(store, console) as address:
        monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.2)
        assert b" 408 " in said(address, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        monkeypatch.setattr(protocol, "HEAD_WITHIN_S", PATIENCE_S)
        assert b" 431 " in said(address, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: ", b"x" * 100_000)


def test_a_body_that_never_ends_is_given_up_and_the_connection_closed(
    store: AlertStore, console: dict[str, Any]
) -> None:
    head = (
        "POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n["
    )
    with serving(store, {**console, "body_within": "1s"}) as address:
        assert b" 408 " in said(address, head.encode()).split(b"\r\n", 1)[0]


def test_a_body_that_is_too_large_is_refused_before_it_comes(store: AlertStore, console: dict[str, Any]) -> None:
    head = (
        "POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: 100000000\r\n\r\n"
    )
    with serving(store, console) as address:
        answer = said(address, head.encode())
        assert b" 413 " in answer.split(b"\r\n", 1)[0]
        assert b'"the request has more than 65536 bytes' in answer  # as Alertmanager's clients read errors


def test_programs_are_told_in_the_form_of_their_api(store: AlertStore, console: dict[str, Any]) -> None:
    with serving(store, console) as address, asking(address) as client:
        problem = client.get("/api/v1/alerts")
        assert problem.status_code == 401
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["status"] == 401
        text = client.get("/api/v2/alerts")
        assert text.status_code == 401
        assert isinstance(text.json(), str)
        assert client.get("/alertmanager/api/v2/status").status_code == 404
