"""What is around every request: headers of answers, addresses, large and slow bodies."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from starlette.types import Message

from alerts.store import AlertStore
from config.console import ConsoleSettings
from dashboards.access.asking import client_address
from dashboards.access.shell import CSP, Shell
from tests.dashboards.access.conftest import TOKEN, sha256
from tests.support.access import PASSWORD, Served, log_in, served, users
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store, redis_client

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def small_ones(store: AlertStore, folder: Path, within: str) -> Served:
    """Return an application that takes small bodies, which have to come within a time."""
    return served(
        store,
        {
            "users": users(folder, rob="responder"),
            "tokens": {"karma": {"role": "responder", "sha256": sha256(TOKEN)}},
            "max_body_bytes": 65_536,
            "body_within": within,
        },
    )


@pytest.fixture
def small(store: AlertStore, tmp_path: Path) -> Served:
    return small_ones(store, tmp_path, "10m")


def test_every_answer_has_the_headers_that_keep_others_out(people: Served) -> None:
    client = people.client()
    for answer in (
        client.get("/login"),
        client.get("/"),
        client.get("/api/v1/look"),
        client.get("/api/v1/look", headers=BEARER),
        client.get("/no-such-page"),
        client.get("/login/style.css"),
        client.get("/", headers={"Host": "evil.example"}),
        client.post("/api/v1/change"),
    ):
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
        assert "strict-transport-security" not in answer.headers


def test_nothing_inline_is_allowed() -> None:
    assert "default-src 'self'" in CSP
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP


def test_pages_are_kept_by_nobody(people: Served) -> None:
    client = people.logged_in("rob")
    assert client.get("/").headers["cache-control"] == "no-store"
    assert client.get("/login").headers["cache-control"] == "no-store"
    assert "max-age" in client.get("/login/style.css").headers["cache-control"]


def test_over_tls_browsers_are_told_to_stay_there(store: AlertStore) -> None:
    tokens = {"karma": {"sha256": "0" * 64}}
    made = served(store, {"public_url": "https://mg.example.com", "tokens": tokens})
    assert "strict-transport-security" in made.client(headers={"Host": "mg.example.com"}).get("/login").headers
    proxied = served(store, {"trusted_proxies": ["10.0.0.0/8"], "tokens": tokens})
    headers = {"X-Forwarded-Proto": "https"}
    near = proxied.client(client=("10.0.0.1", 1), headers=headers).get("/login")
    far = proxied.client(client=("192.0.2.1", 1), headers=headers).get("/login")
    assert "strict-transport-security" in near.headers
    assert "strict-transport-security" not in far.headers


def test_a_body_that_is_too_large_is_refused(small: Served) -> None:
    client = small.client(headers=BEARER)
    assert client.post("/api/v1/take", content=b"x" * 65_536).json() == 65_536
    answer = client.post("/api/v1/take", content=b"x" * 65_537)
    assert answer.status_code == 413
    assert "65536 bytes" in answer.text


def test_a_body_that_does_not_say_how_large_it_is_is_counted(small: Served) -> None:
    sent = 0

    def parts() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 10_000
            yield b"x" * 10_000

    answer = small.client(headers=BEARER).post("/api/v1/take", content=parts())
    assert answer.status_code == 413


def test_a_length_that_is_none_is_refused(small: Served) -> None:
    for told in ("-1", "1e3", "0x10", "99999999999999999999"):
        answer = small.client(headers=BEARER | {"Content-Length": told}).post("/api/v1/take")
        assert answer.status_code == 413


def ask(made: Served, path: str, headers: dict[str, str], parts: AsyncIterator[Message]) -> list[Message]:
    """Send a request whose body comes as ``parts`` say; return what is answered."""
    said: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }

    async def receive() -> Message:
        return await anext(parts)

    async def send(message: Message) -> None:
        said.append(message)

    async def run() -> None:
        await asyncio.wait_for(made.app(scope, receive, send), PATIENCE_S)

    asyncio.run(run())
    return said


async def never_ends() -> AsyncIterator[Message]:
    yield {"type": "http.request", "body": b"{", "more_body": True}
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", ["/api/v1/take", "/api/v1/json", "/form"])
def test_a_body_that_never_ends_is_given_up(store: AlertStore, tmp_path: Path, path: str) -> None:
    kind = "application/x-www-form-urlencoded" if path == "/form" else "application/json"
    headers = BEARER | {"Host": "127.0.0.1:8080", "Content-Type": kind, "Content-Length": "100"}
    start, *_ = ask(small_ones(store, tmp_path, "1s"), path, headers, never_ends())
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]


def test_of_somebody_who_may_not_send_it_no_body_is_read(small: Served) -> None:
    async def nothing() -> AsyncIterator[Message]:
        raise AssertionError
        yield

    for path in ("/api/v1/take", "/api/v1/json", "/form", "/no-such-page"):
        for more in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "makegood=wrong"}):
            headers = {"Host": "127.0.0.1:8080", "Content-Type": "application/json", "Content-Length": "9"} | more
            start, *_ = ask(small, path, headers, nothing())
            assert start["status"] in {401, 303}


def test_json_that_is_none_is_refused_after_the_role_and_not_before(small: Served) -> None:
    client = small.client()
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/v1/json", content=b"{", headers=headers).status_code == 401
    assert client.post("/api/v1/json", content=b"{", headers=headers | BEARER).status_code == 422


def test_a_login_form_is_not_larger_than_names_and_passwords(small: Served) -> None:
    client = small.client()
    assert log_in(client, "rob", "x" * 2000).status_code == 422
    assert log_in(client, "r" * 200, PASSWORD).status_code == 422


def test_there_are_no_websockets(people: Served) -> None:
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        said.append(message)

    async def inside(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError

    asyncio.run(Shell(inside, ConsoleSettings())({"type": "websocket", "headers": []}, receive, send))
    assert [message["type"] for message in said] == ["websocket.close"]


@pytest.mark.parametrize(
    ("peer", "told", "meant"),
    [
        ("192.0.2.1", "10.9.9.9", "192.0.2.1"),  # not by a proxy: not believed
        ("10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.9, 10.0.0.7", "192.0.2.9"),  # what stands before was made up
        ("10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_is_believed_of_proxies_alone(peer: str, told: str, meant: str) -> None:
    shell = Shell(lambda *_: None, ConsoleSettings(trusted_proxies=("10.0.0.0/8",)))  # type: ignore[arg-type]
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", told.encode())] if told else []}
    assert client_address(scope, shell._proxies) == meant


def test_a_store_that_is_away_lets_nobody_in_and_says_so(tmp_path: Path) -> None:
    with redis_client("redis://127.0.0.1:1/0") as nowhere:
        console = {"users": users(tmp_path, rob="responder"), "tokens": {"karma": {"sha256": sha256(TOKEN)}}}
        made = served(fresh_store(nowhere), console)
        client = made.client(cookies={"makegood": "a-session"})
        assert client.get("/").status_code == 503
        assert client.post("/form").status_code == 503
        assert client.get("/login").status_code == 503
        assert made.client(headers=BEARER).get("/api/v1/look").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_while_the_store_is_away_who_was_there_may_look_on_and_change_nothing(
    people: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = people.logged_in("rob"), people.logged_in("vera")
    program = people.client(headers=BEARER)
    token = client.get("/").json()["csrf_token"]
    assert program.get("/api/v1/look").status_code == 200
    people.clock.pass_s(60)

    def away(*_: object) -> None:
        msg = "away"
        raise RedisConnectionError(msg)

    for name in ("get", "set", "smembers"):
        monkeypatch.setattr(people.store.client, name, away)
    assert client.get("/").json()["name"] == "rob"
    assert program.get("/api/v1/look").status_code == 200
    assert client.post("/form", data={"csrf_token": token}).status_code == 503
    assert other.get("/").status_code == 503
    people.clock.pass_s(600)
    assert client.get("/").status_code == 503


def test_what_is_refused_is_told_in_json_where_programs_ask(people: Served) -> None:
    answer = people.client().get("/api/v1/look")
    assert "token" in answer.text
    assert "<html" not in answer.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(people.client().get("/login").text)
