import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from sinks.callbacks.serve import CallbackServer
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def hello(_scope: dict[str, Any], _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


def _ask(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=PATIENCE_S).text


def test_several_notifiers_of_a_machine_share_the_address_and_one_goes_on_alone() -> None:
    listen = f"127.0.0.1:{free_port()}"
    with CallbackServer(hello, listen) as one:
        with CallbackServer(hello, listen) as other:
            assert (one.state, other.state, one.port) == ("listening", "listening", other.port)
            assert _ask(one.port) == "hi"
        assert _ask(one.port) == "hi"


def test_an_address_that_is_taken_is_no_reason_to_stop_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.callbacks.serve._AGAIN_AFTER_S", 0.02)
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with CallbackServer(hello, f"127.0.0.1:{port}") as server:
            assert server.state.startswith(f"cannot listen on 127.0.0.1:{port}: ")
            taken.close()
            until(lambda: server.state == "listening")
            assert _ask(port) == "hi"


def test_an_address_of_ipv6_can_be_listened_on() -> None:
    with CallbackServer(hello, "[::1]:0") as server:
        if server.state != "listening":
            pytest.skip("there is no IPv6 here")
        assert httpx.get(f"http://[::1]:{server.port}/", trust_env=False, timeout=PATIENCE_S).text == "hi"
