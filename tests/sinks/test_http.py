"""The HTTP client: one deadline for the whole exchange, answers of all shapes, connections that are used again."""

import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sinks import http_connection
from sinks.addresses import AddressRule
from sinks.contract import DeliveryError, Failure, Reason
from sinks.http import MAX_ANSWER_BYTES, BoundedHttp
from sinks.http_answer import MAX_HEAD_BYTES, HttpAnswer
from sinks.http_target import UnusableAddressError, target
from sinks.tls import tls_context
from tests.support.http import black_hole, http_server
from tests.support.patience import PATIENCE_S, given_time, until
from tests.support.raw_http import RawServer, raw_server
from tests.support.smtp import certificate
from tests.support.strict import https_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MANY = 40


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose answer never comes to an end: a header byte every 50 ms, on one connection after the other."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                if stop.is_set():
                    return
                try:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not stop.wait(0.05):
                        connection.sendall(b"x")
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    stop.set()
    socket.create_connection(server.getsockname()).close()  # it waits for the next one
    thread.join()
    server.close()


@pytest.fixture
def http() -> Iterator[BoundedHttp]:
    made = BoundedHttp()
    yield made
    made.close()


def post(http: BoundedHttp, server: RawServer, *, read_body: bool = True, timeout_s: float = PATIENCE_S) -> HttpAnswer:
    return http.request("POST", server.url, content=b"{}", timeout_s=timeout_s, read_body=read_body)


def failure(
    http: BoundedHttp, url: str, timeout_s: float = PATIENCE_S, headers: Mapping[str, str] | None = None
) -> Failure:
    with pytest.raises(DeliveryError) as caught:
        http.request("POST", url, content=b"{}", timeout_s=timeout_s, headers=headers)
    return caught.value.failure


def test_an_answer_that_drips_is_a_timeout(http: BoundedHttp, dripping: str) -> None:
    def attempt(time_s: float) -> tuple[Reason, bool, bool]:
        found = failure(http, dripping, time_s)
        return found.reason, found.permanent, found.ambiguous

    wanted = (Reason.TIMEOUT, False, True)
    assert given_time(attempt, wanted, 0.5) == wanted


def test_a_far_side_that_takes_no_more_bytes_is_a_timeout(http: BoundedHttp) -> None:
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[str, bool]:
            with pytest.raises(DeliveryError) as caught:
                http.request("POST", f"http://127.0.0.1:{port}/", content=b"x" * 50_000_000, timeout_s=time_s)
            return str(caught.value).partition(" within ")[0].rpartition(": ")[2], caught.value.failure.ambiguous

        assert given_time(attempt, ("no answer", True), 0.3) == ("no answer", True)


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 202 Yes\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\n\r\n", 202, b"ok!"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 101, b""),
        (b"HTTP/1.1 599 Odd\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nno", 599, b"no"),
    ],
)  # fmt: skip
def test_answers_of_all_shapes_are_read(http: BoundedHttp, raw: bytes, status: int, body: bytes) -> None:
    with raw_server(raw) as server:
        answer = post(http, server)
    assert (answer.status_code, answer.content) == (status, body)


def test_a_body_without_a_length_ends_with_the_connection(http: BoundedHttp) -> None:
    with raw_server(b"HTTP/1.0 200 OK\r\n\r\nall of it", last=True) as server:
        assert post(http, server).content == b"all of it"


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * (MAX_HEAD_BYTES + 65_536) + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_ambiguous_and_not_repeated(http: BoundedHttp, raw: bytes) -> None:
    with raw_server(raw) as server:
        found = failure(http, server.url)
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.SERVER_ERROR, False, True)
    assert "SSH" not in found.detail


@pytest.mark.parametrize("raw", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"])
def test_an_answer_that_breaks_off_is_ambiguous(http: BoundedHttp, raw: bytes | None) -> None:
    with raw_server(raw, last=True) as server:
        found = failure(http, server.url)
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, False, True)


def test_of_a_body_without_end_a_megabyte_is_read(http: BoundedHttp) -> None:
    size = MAX_ANSWER_BYTES * 3
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size) as server:
        assert len(post(http, server).content) == MAX_ANSWER_BYTES
        post(http, server)
        assert server.connections == 2


def test_a_body_that_nobody_wants_is_not_waited_for(http: BoundedHttp) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") as server:
        assert post(http, server, read_body=False, timeout_s=PATIENCE_S).status_code == 200


def test_one_connection_carries_many_requests(http: BoundedHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "_IDLE_S", PATIENCE_S)  # however long the next request takes to come
    monkeypatch.setattr(http_connection, "_REST_S", PATIENCE_S)
    with raw_server(OK) as server:
        for read_body in (True, False) * 10:
            assert post(http, server, read_body=read_body).status_code == 200
        assert (server.connections, len(server.requests)) == (1, 20)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        OK + b"junk",
    ],
)
def test_a_connection_that_is_to_be_closed_or_says_more_than_was_asked_is_not_used_again(
    http: BoundedHttp, raw: bytes
) -> None:
    with raw_server(raw) as server:
        for _ in range(3):
            assert post(http, server).content == b"ok"
        assert server.connections == 3


def test_a_connection_that_was_closed_while_it_waited_is_not_used(http: BoundedHttp) -> None:
    with raw_server(OK) as server:
        post(http, server)
        ((waiting,),) = http._idle._waiting.values()
        server.hang_up()
        until(lambda: not waiting.is_fresh(0), "the news of it")
        post(http, server)
        assert (server.connections, len(server.requests)) == (2, 2)


def test_nothing_is_sent_twice(http: BoundedHttp) -> None:
    with raw_server(OK, None, OK) as server:
        post(http, server)
        found = failure(http, server.url)
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, True)
        assert len(server.requests) == 2


def test_threads_do_not_share_a_connection_at_the_same_time(http: BoundedHttp) -> None:
    with http_server() as server, ThreadPoolExecutor(8) as pool:

        def send(number: int) -> int:
            return http.request("POST", server.url, content=str(number).encode(), timeout_s=PATIENCE_S).status_code

        assert set(pool.map(send, range(MANY))) == {200}
        assert sorted(int(request.body) for request in server.requests) == list(range(MANY))  # fmt: skip


def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    with https_server(chain, key) as server:
        url = server.url.replace("http://", "https://")
        own = BoundedHttp(ca_file=chain)
        for _ in range(3):
            assert own.request("POST", url, content=b"{}", timeout_s=PATIENCE_S).status_code == 200
        own.close()
        careless = BoundedHttp(verify_tls=False)
        assert careless.request("POST", url, content=b"{}", timeout_s=PATIENCE_S).status_code == 200
        careless.close()
        found = failure(BoundedHttp(), url)
        assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, True, False)
        wrong_name = failure(BoundedHttp(ca_file=chain), url.replace("127.0.0.1", "localhost"))
        assert (wrong_name.reason, wrong_name.permanent) == (Reason.UNREACHABLE, True)
        assert len(server.requests) == 4


def test_a_handshake_that_nobody_answers_is_unreachable_in_time(http: BoundedHttp) -> None:
    with black_hole() as port:
        found = failure(http, f"https://127.0.0.1:{port}/", 0.2)
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, False, False)


def test_a_server_without_tls_is_unreachable(http: BoundedHttp) -> None:
    with http_server() as server:
        found = failure(http, server.url.replace("http://", "https://"))
    assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, False)


def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(DeliveryError, match=path.name) as caught:
            tls_context(ca_file=path)
        assert caught.value.failure.permanent


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\N{PILE OF POO}"])
def test_no_header_field_begins_a_second_one(http: BoundedHttp, value: str) -> None:
    with http_server() as server:
        found = failure(http, server.url, headers={"X-Key": value})
        assert server.requests == []
    assert found.permanent
    assert "Evil" not in found.detail


def test_a_request_looks_as_it_should() -> None:
    http = BoundedHttp(addresses=AddressRule(["127.0.0.0/8"]))
    with raw_server(OK) as server:
        url = f"http://me:p%40ss@127.0.0.1:{server.port}/a b/ü?x=1&y=ä#z"
        http.request("POST", url, params={"q": ["1", "2 3"]}, data={"To": "+1", "On": True}, timeout_s=PATIENCE_S)
        (request,) = server.requests
    assert request.decode() == (
        f"POST /a%20b/%C3%BC?x=1&y=%C3%A4&q=1&q=2+3 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nuser-agent: Makegood\r\naccept: */*\r\n"
        "accept-encoding: identity\r\nAuthorization: Basic bWU6cEBzcw==\r\nContent-Length: 15\r\n\r\nTo=%2B1&On=true"
    )


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("HTTP://Example.COM:8080?x", "example.com", 8080, "/?x"),
        ("https://[::1]:8443/a", "::1", 8443, "/a"),
        ("https://bücher.example/ä", "xn--bcher-kva.example", 443, "/%C3%A4"),
        ("https://my_service.internal./x%2Fy", "my_service.internal.", 443, "/x%2Fy"),
    ],
)
def test_addresses_are_read_as_a_browser_reads_them(url: str, host: str, port: int, path: str) -> None:
    found = target(url)
    assert (found.host, found.port, found.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "http://", "http:///x", "http://a b/", "http://exa\tmple%.com/", "http://a:0/",
     "http://a:99999/", "http://a:b/", "http://-a/", "http://[::1", "http://a\\b/", " http://a/", "http://a..b/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnusableAddressError, match="https://host/path") as caught:
        target(url)
    assert len(url) < 4 or url not in str(caught.value)
