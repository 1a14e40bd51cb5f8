"""Requests that are too large, too deep, too many-sided or too slow, to the application as it is served."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.store import AlertStore
from pipeline.ingest import protocol
from tests.dashboards.access.conftest import TOKEN, sha256
from tests.dashboards.access.test_served import said, serving
from tests.support.access import users
from tests.support.patience import PATIENCE_S

BEARER = f"Authorization: Bearer {TOKEN}\r\n"
HEAD = "Host: 127.0.0.1\r\nConnection: close\r\n"


@pytest.fixture
def console(tmp_path: Path) -> dict[str, Any]:
    return {
        "users": users(tmp_path, rob="responder"),
        "tokens": {"karma": {"role": "responder", "sha256": sha256(TOKEN)}},
        "max_body_bytes": 262_144,
        "body_within": "10m",
    }


@pytest.fixture
def address(store: AlertStore, console: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Served for somebody who may be as slow as the machine is."""
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", PATIENCE_S)
    with serving(store, console) as where:
        yield where


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


def post(path: str, *more: str, body: bytes = b"") -> bytes:
    kind = "Content-Type: application/json\r\n"
    lines = "".join(f"{one}\r\n" for one in more)
    return f"POST {path} HTTP/1.1\r\n{HEAD}{BEARER}{kind}{lines}\r\n".encode() + body


def test_a_body_in_parts_that_never_says_its_length_is_counted(address: str) -> None:
    part = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    for path in ("/api/v2/alerts", "/api/v1/silences"):
        assert status(said(address, post(path, "Transfer-Encoding: chunked"), *[part] * 5)) == 413


def test_a_body_in_parts_that_come_one_by_one_is_given_up_as_a_whole(
    store: AlertStore, console: dict[str, Any]
) -> None:
    ended: list[bytes] = []

    def drip() -> Iterator[bytes]:
        yield b"["
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(0.2)
            yield b" "
        ended.append(b"]")  # it would have been waited for as long as anything came
        yield b"]"

    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with serving(store, {**console, "body_within": "1s"}) as address:
        try:
            answer = httpx.post(f"http://{address}/api/v2/alerts", content=drip(), headers=headers, timeout=PATIENCE_S)
            assert answer.status_code == 408
        except (httpx.WriteError, httpx.ReadError):
            pass  # it was closed while we went on
    assert ended == [], "each part is in time, the whole is not"


def test_two_lengths_or_a_length_beside_parts_are_no_request(address: str) -> None:
    smuggled = b"0\r\n\r\nGET /api/v2/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for more in (
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 40"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ):
        answer = said(address, post("/api/v2/alerts", *more, body=smuggled))
        assert answer.count(b"HTTP/1.1 ") <= 1, "one request, one answer"
        assert answer == b"" or 400 <= status(answer) < 500


@pytest.mark.parametrize(("count", "wanted"), [(50, 200), (20_000, 431)])
def test_many_cookies_are_bounded_by_the_size_of_the_head(address: str, count: int, wanted: int) -> None:
    cookies = "; ".join(f"c{number}=1" for number in range(count))
    request = f"GET /api/v2/status HTTP/1.1\r\n{HEAD}{BEARER}Cookie: {cookies}\r\n\r\n".encode()
    assert status(said(address, request)) == wanted


@pytest.mark.parametrize(("count", "wanted"), [(100, 200), (20_000, 431)])
def test_many_headers_are_bounded_by_the_size_of_the_head(address: str, count: int, wanted: int) -> None:
    headers = "".join(f"X-H{number}: 1\r\n" for number in range(count))
    assert status(said(address, f"GET /api/v2/status HTTP/1.1\r\n{HEAD}{BEARER}{headers}\r\n".encode())) == wanted


def test_a_head_that_comes_in_two_parts_is_bounded_as_one_that_comes_whole(address: str) -> None:
    host, _, port = address.partition(":")
    request = f"GET /api/v2/status HTTP/1.1\r\n{HEAD}{BEARER}X-Long: {'a' * 100_000}\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(request[:60_000])
        # Whoever answers this has read what came before it.
        assert status(said(address, f"GET /api/v2/status HTTP/1.1\r\n{HEAD}{BEARER}\r\n".encode())) == 200
        client.sendall(request[60_000:])
        assert status(client.recv(65_536)) == 431


def test_a_huge_query_is_no_defect_and_a_larger_one_no_request(address: str) -> None:
    for path in ("/api/v2/alerts?filter=", "/api/v1/alerts?q=", "/inbox?q=", "/login?next=/", "/a/"):
        for length, worst in ((60_000, 499), (200_000, 431)):
            request = f"GET {path}{'a' * length} HTTP/1.1\r\n{HEAD}{BEARER}\r\n".encode()
            assert status(said(address, request)) <= worst


def test_a_query_of_many_parameters_is_answered_in_time(address: str) -> None:
    query = "&".join("filter=a" for _ in range(6_000))
    began_s = time.process_time()  # what others do on this machine does not count
    assert status(said(address, f"GET /api/v2/alerts?{query} HTTP/1.1\r\n{HEAD}{BEARER}\r\n".encode())) < 500
    assert time.process_time() - began_s < 15


@pytest.mark.parametrize(
    "path", ["/api/v2/alerts", "/api/v2/silences", "/api/v1/silences", "/api/v1/dead-letters/replay"]
)
def test_json_that_is_too_deep_or_a_number_too_long_is_refused(address: str, path: str) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 40_000 + b"1" + b"}" * 40_000, b"[" + b"9" * 100_000 + b"]"):
        answer = said(address, post(path, f"Content-Length: {len(body)}", body=body))
        assert status(answer) in {400, 403, 422}


def test_a_form_of_many_fields_or_parts_is_refused(address: str) -> None:
    many = "&".join(f"f{number}=1" for number in range(20_000)).encode()
    parts = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n1\r\n' for _ in range(4_000)) + b"--x--\r\n"
    )
    for kind, body in (("application/x-www-form-urlencoded", many), ("multipart/form-data; boundary=x", parts)):
        head = f"POST /acts HTTP/1.1\r\n{HEAD}{BEARER}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        assert 400 <= status(said(address, head.encode() + body)) < 500


def test_others_are_served_while_many_connections_say_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = address.partition(":")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    silent: list[socket.socket] = []

    def say_nothing(count: int) -> None:
        for number in range(count):
            silent.append(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
            if number % 2:
                with suppress(BrokenPipeError, ConnectionResetError):  # it was given up already
                    silent[-1].sendall(b"GET / HTTP/1.1\r\nHost: ")

    try:
        say_nothing(100)
        answer = httpx.get(f"http://{address}/api/v2/status", headers=headers, timeout=PATIENCE_S)
        assert answer.status_code == 200
        monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 1.0)
        say_nothing(100)
        for one in silent[100:]:
            with suppress(ConnectionResetError):  # just as well
                assert one.recv(100)[:12] in {b"HTTP/1.1 408", b""}, "they are given up"
    finally:
        for one in silent:
            one.close()
