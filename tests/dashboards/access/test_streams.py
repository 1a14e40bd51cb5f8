"""Streams: whoever may not hear them any more hears no more."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Message

from dashboards.access.revoked import Revoked
from dashboards.access.tokens import digest_of
from tests.dashboards.access.conftest import TOKEN
from tests.support.access import Served, Viewer
from tests.support.patience import PATIENCE_S


def hear(made: Served, headers: dict[str, str], meanwhile: list[object]) -> list[bytes]:
    """Hear a stream that says something every 31 seconds; after the n-th word, do the n-th of ``meanwhile``."""

    async def words() -> AsyncIterator[bytes]:
        for number in range(len(meanwhile) + 1):
            if number:
                act = meanwhile[number - 1]
                if callable(act):
                    await asyncio.to_thread(act)
                made.clock.pass_s(31)
            yield b"word %d" % number

    @made.app.get("/words")
    async def stream(_who: Viewer) -> StreamingResponse:
        return StreamingResponse(words(), media_type="text/event-stream")

    said: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/words",
        "raw_path": b"/words",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *((name.lower().encode(), one.encode()) for name, one in headers.items())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    async def run() -> None:
        await asyncio.wait_for(made.app(scope, receive, send), PATIENCE_S)

    asyncio.run(run())
    assert said[0]["status"] == 200
    assert said[-1]["more_body"] is False
    return [message["body"] for message in said[1:] if message["body"]]


def test_a_stream_goes_on_while_whoever_hears_it_may(people: Served) -> None:
    assert hear(people, {"Authorization": f"Bearer {TOKEN}"}, [None, None]) == [b"word 0", b"word 1", b"word 2"]


def test_a_stream_ends_when_its_token_is_revoked(people: Served) -> None:
    def revoke() -> None:
        Revoked(people.store).add(digest_of(TOKEN))

    assert hear(people, {"Authorization": f"Bearer {TOKEN}"}, [None, revoke, None]) == [b"word 0", b"word 1"]


def test_a_stream_ends_when_its_token_runs_out(people: Served) -> None:
    people.clock.at_us = 1_764_547_199_000_000
    assert hear(people, {"Authorization": f"Bearer {TOKEN}"}, [None]) == [b"word 0"]


def test_a_stream_ends_with_its_session(people: Served) -> None:
    client = people.logged_in("rob")
    (key,) = [str(one.value) for one in client.cookies.jar if one.name == "makegood"]

    def log_out() -> None:
        people.app.state.makegood.access.sessions.end_all("rob")

    assert hear(people, {"Cookie": f"makegood={key}"}, [None, log_out]) == [b"word 0", b"word 1"]


@pytest.mark.parametrize("count", [1, 5])
def test_where_nobody_logs_in_streams_go_on(nobody: Served, count: int) -> None:
    assert len(hear(nobody, {}, [None] * count)) == count + 1
