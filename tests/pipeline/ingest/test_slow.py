"""Senders that are slow, or never come to an end, hold no connection and no memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from pipeline.ingest import endpoint as endpoints
from pipeline.ingest import protocol
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.endpoint import Endpoint
from pipeline.ingest.once import Once
from pipeline.ingest.protocol import Connection
from pipeline.ingest.settings import HttpSettings
from tests.support.patience import PATIENCE_S, given_time

Send = Callable[[dict[str, Any]], Awaitable[None]]
CONNECTIONS: list[Connection] = []
HEADERS = {b"content-type": b"application/json"}


async def answers(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(answers, http=Connection, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()

    def connection() -> Connection:
        CONNECTIONS.append(Connection(config=config, server_state=state, app_state={}))
        return CONNECTIONS[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()


def said(*pieces: bytes) -> bytes:
    """Return what the server says to these pieces until it closes the connection."""

    async def talk() -> bytes:
        async with connected() as (reader, writer):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await asyncio.wait_for(reader.read(), PATIENCE_S)

    return asyncio.run(talk())


@pytest.mark.parametrize("pieces", [(), (b"POST / HTT",), (b"POST / HTTP/1.1\r\nhost: x\r\nx-slow: ",)])
def test_who_says_nothing_or_never_ends_the_head_is_sent_away(
    pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(within_s: float) -> bytes:
        monkeypatch.setattr(protocol, "HEAD_WITHIN_S", within_s)
        try:
            return said(*pieces)[:13]
        except ConnectionError:  # the time was over before the piece was sent
            return b""

    assert given_time(answer, b"HTTP/1.1 408 ", 0.01) == b"HTTP/1.1 408 "


def test_the_second_head_on_a_connection_must_come_in_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers_to_two(within_s: float) -> list[bytes]:
        monkeypatch.setattr(protocol, "HEAD_WITHIN_S", within_s)
        try:
            told = said(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HTTP/1.1\r\nhost")
        except ConnectionError:
            return []
        return [line.split()[1] for line in told.splitlines() if line.startswith(b"HTTP/1.1 ")]

    assert given_time(answers_to_two, [b"200", b"408"]) == [b"200", b"408"]


@pytest.mark.parametrize("head", [b"x: y\r\n" * 20_000, b"x: " + b"y" * 120_000])
def test_a_head_without_end_is_refused(head: bytes) -> None:
    assert said(b"GET / HTTP/1.1\r\nhost: x\r\n", head).startswith(b"HTTP/1.1 431 ")


def test_between_requests_nobody_waits_for_a_head() -> None:
    async def talk() -> None:
        async with connected() as (reader, writer):
            for _ in range(3):
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
                assert [made._head_timer for made in CONNECTIONS] == [None]

    CONNECTIONS.clear()
    asyncio.run(talk())


def endpoint_of(**settings: int) -> Endpoint:
    feed = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}, **settings})

    def submit(*_: object) -> "asyncio.Future[None]":
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept.set_result(None)
        return kept

    return Endpoint("hooks", feed, Secrets("hooks", [], lambda: 0), Once(submit, 0), lambda: 0)


def test_a_body_of_which_nothing_comes_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "BODY_WITHIN_S", 0.01)

    async def post() -> int:
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await never.wait()
            return {}

        return (await endpoint_of().take("POST", HEADERS, receive)).status

    assert asyncio.run(post()) == 408


def test_bodies_that_are_on_their_way_may_not_take_all_the_memory_together() -> None:
    async def post() -> list[int]:
        endpoint = endpoint_of(max_body_bytes=1000, max_waiting_bytes=2500)
        rest = asyncio.Event()

        def sender() -> Callable[[], Awaitable[dict[str, Any]]]:
            left = [{"type": "http.request", "body": b"x" * 900, "more_body": True}]

            async def receive() -> dict[str, Any]:
                if left:
                    return left.pop()
                await rest.wait()
                return {"type": "http.request", "body": b"", "more_body": False}

            return receive

        held = [asyncio.create_task(endpoint.take("POST", HEADERS, sender())) for _ in range(2)]
        await asyncio.sleep(0)
        statuses = [(await endpoint.take("POST", HEADERS, sender())).status]
        rest.set()
        statuses += [(await task).status for task in held]
        return [*statuses, (await endpoint.take("POST", HEADERS, sender())).status]

    assert asyncio.run(post()) == [429, 202, 202, 202]
