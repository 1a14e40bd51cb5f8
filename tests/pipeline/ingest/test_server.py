"""The real server over real HTTP: who is let in, what is answered, and what is kept."""

import contextlib
import gzip
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.pipeline.ingest.process import Ingest, exchange, running, until
from tests.pipeline.ingest.signing import SCHEMES, SECRET, SIGNED, TIMED
from tests.support.patience import PATIENCE_S

FEEDS: dict[str, object] = {
    **{
        name: {"type": "http", "signature": {**told, "secret": {"env": "INGEST_SECRET"}}}
        for name, (told, _) in SCHEMES.items()
    },
    "open": {
        "type": "http",
        "path": "/hooks/open",
        "max_body_bytes": 20_000,
        "max_record_bytes": 5_000,
        "signature": {"scheme": "none"},
    },
    "rotating": {
        "type": "http",
        "signature": {"scheme": "typeform", "secret": [{"env": "INGEST_SECRET"}, {"file": "new-secret"}]},
    },
}
OPEN = "/hooks/open"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    folder = tmp_path_factory.mktemp("ingest")
    (folder / "new-secret").write_text("the new one\n")
    text = yaml.safe_dump(FEEDS)
    with running(Ingest(folder, "".join(f"  {line}\n" for line in text.splitlines()))) as started:
        yield started


def now_s() -> int:
    return int(time.time())


def unique(what: str) -> bytes:
    return json.dumps({"what": what, "nonce": os.urandom(8).hex()}).encode()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_rightly_signed_request_is_accepted_and_kept_as_it_was_sent(server: Ingest, name: str) -> None:
    body = unique(name)
    reply = server.post(f"/ingest/{name}", body, SCHEMES[name][1](body, SECRET, now_s()))
    assert (reply.status, reply.body) == (202, b"")
    assert body in server.kept(name)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_forged_request_is_refused_without_saying_what_was_wrong_and_nothing_is_kept(
    server: Ingest, name: str
) -> None:
    body = unique(name)
    right = SCHEMES[name][1](body, SECRET, now_s())
    tries = [({}, body), (SCHEMES[name][1](body, "guessed", now_s()), body)]
    if name in SIGNED:
        tries += [(right, body + b" ")]
    tries += [({**right, header: "nonsense"}, body) for header in right]
    for headers, sent in tries:
        reply = server.post(f"/ingest/{name}", sent, headers)
        assert (reply.status, reply.body) == (401, b'{"error":"not authorized"}')
    assert not {body, body + b" "} & set(server.kept(name))


@pytest.mark.parametrize("name", TIMED)
def test_a_replay_outside_the_tolerance_is_refused(server: Ingest, name: str) -> None:
    body = unique(name)
    before = server.metrics()[f'makegood_ingest_refused_total{{feed="{name}",reason="too_old"}}']
    for away_s in (-310, 300 + int(PATIENCE_S), -1_000_000):  # the future comes nearer until the server looks
        headers = SCHEMES[name][1](body, SECRET, now_s() + away_s)
        assert server.post(f"/ingest/{name}", body, headers).status == 401
    after = server.metrics()[f'makegood_ingest_refused_total{{feed="{name}",reason="too_old"}}']
    assert after - before == 2
    assert body not in server.kept(name)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_repeat_is_answered_as_the_first_was_and_kept_once(server: Ingest, name: str) -> None:
    body = unique(name)
    for _ in range(3):
        headers = SCHEMES[name][1](body, SECRET, now_s())
        assert server.post(f"/ingest/{name}", body, headers).status == 202
    assert server.kept(name).count(body) == 1


@pytest.mark.parametrize("name", ["typeform", "shopify", "github"])
def test_a_replay_of_a_scheme_without_time_is_kept_once_whatever_its_unsigned_headers_say(
    server: Ingest, name: str
) -> None:
    body = unique(name)
    signed = SCHEMES[name][1](body, SECRET, now_s())
    for number in range(3):
        ids = {"X-Shopify-Event-Id": f"e{number}", "X-GitHub-Delivery": f"d{number}"}
        assert server.post(f"/ingest/{name}", body, {**signed, **ids}).status == 202
    assert server.kept(name).count(body) == 1


def test_two_secrets_are_believed_while_one_replaces_the_other(server: Ingest) -> None:
    for secret, status in ((SECRET, 202), ("the new one", 202), ("an old one", 401)):
        body = unique(secret)
        headers = SCHEMES["typeform"][1](body, secret, 0)
        assert server.post("/ingest/rotating", body, headers).status == status


def test_slack_is_answered_when_it_asks_whether_this_address_is_ours(server: Ingest) -> None:
    body = json.dumps({"token": "t", "challenge": "3eZbrw1aBm2r", "type": "url_verification"}).encode()
    reply = server.post("/ingest/slack", body, SCHEMES["slack"][1](body, SECRET, now_s()))
    assert (reply.status, reply.body) == (200, b"3eZbrw1aBm2r")
    assert server.post("/ingest/slack", body, SCHEMES["slack"][1](body, "forged", now_s())).status == 401
    assert body not in server.kept("slack")


def test_several_records_in_one_request_are_records_each(server: Ingest) -> None:
    lines = [unique("line") for _ in range(3)]
    assert server.post(OPEN, b"[" + b", ".join(lines) + b"]").status == 202
    more = [unique("line") for _ in range(3)]
    assert server.post(OPEN, b"\n".join(more), {"Content-Type": "application/x-ndjson"}).status == 202
    packed = unique("packed")
    assert server.post(OPEN, gzip.compress(packed), {"Content-Encoding": "gzip"}).status == 202
    event = {"ce-specversion": "1.0", "ce-id": "e1", "ce-type": "survey.response", "ce-source": "forms"}
    assert server.post(OPEN, b'{"score": 9}', event).status == 202
    assert server.post(OPEN, b"[]").status == 202
    kept = server.kept("open")
    assert kept[-8:-1] == [*lines, *more, packed]
    assert json.loads(kept[-1])["data"] == {"score": 9}


def test_what_is_no_json_is_kept_as_evidence(server: Ingest) -> None:
    for body in (unique("x")[:-1], b"\xff\xfe" + os.urandom(8), b"<xml/>" + os.urandom(4).hex().encode()):
        assert server.post(OPEN, body).status == 202
        assert body in server.kept("open")


@pytest.mark.parametrize("known", [True, False])
def test_a_body_that_is_too_large_is_refused(server: Ingest, known: bool) -> None:
    body = b"x" * 20_001
    with contextlib.closing(server.connect()) as connection:
        if known:
            assert exchange(connection, OPEN, body).status == 413
        else:
            parts = iter([body[:9_000], body[9_000:18_000], body[18_000:]])
            connection.request("POST", OPEN, parts, {"Content-Type": "application/json"}, encode_chunked=True)
            assert connection.getresponse().status == 413
    bomb = gzip.compress(b"0" * 1_000_000)
    assert server.post(OPEN, bomb, {"Content-Encoding": "gzip"}).status == 413
    assert server.post(OPEN, os.urandom(10_000).hex().encode()).status == 202


def test_a_body_in_pieces_is_put_together(server: Ingest) -> None:
    body = unique("pieces")
    with contextlib.closing(server.connect()) as connection:
        connection.request("POST", OPEN, iter([body[:5], body[5:9], body[9:]]), {}, encode_chunked=True)
        assert connection.getresponse().status == 202
    assert body in server.kept("open")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/ingest/nobody", {}, 404),
        ("POST", "/ingest/open", {}, 404),
        ("POST", "/", {}, 404),
        ("GET", OPEN, {}, 405),
        ("DELETE", OPEN, {}, 405),
        ("POST", "/health", {}, 405),
        ("POST", OPEN, {"Content-Type": "text/xml"}, 415),
        ("POST", OPEN, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ("POST", OPEN, {"Content-Encoding": "br"}, 415),
        ("POST", OPEN, {"Content-Encoding": "gzip"}, 415),
        ("PUT", OPEN, {}, 202),
    ],
)
def test_what_does_not_fit_is_answered_with_its_own_status(
    server: Ingest, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    reply = server.post(path, b'{"a": 1}', headers, method)
    assert reply.status == status
    if status != 202:
        assert json.loads(reply.body)["error"]
    if status == 405:
        assert reply.headers["allow"]


def test_one_connection_serves_many_requests_also_sent_ahead(server: Ingest) -> None:
    bodies = [unique("ahead") for _ in range(20)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        for body in bodies:
            head = f"POST {OPEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        seen = b""
        while seen.count(b"202 Accepted") < len(bodies):
            data = connection.recv(65_536)
            assert data, seen
            seen += data
    assert set(bodies) <= set(server.kept("open"))


def test_health_and_figures_are_served_beside_the_feeds(server: Ingest) -> None:
    server.post(OPEN, unique("figures"))
    for path in ("/livez", "/readyz"):
        assert server.get(path).status == 200
    for path in ("/health", "/healthz"):
        reply = server.get(path)
        assert (reply.status, json.loads(reply.body)["status"]) == (200, "healthy")
    figures = server.metrics()
    assert figures['makegood_ingest_requests_total{feed="open",status="202"}'] >= 1
    assert figures['makegood_ingest_records_total{feed="open"}'] == len(server.kept("open"))
    size = sum(path.stat().st_size for path in (server.folder / "var" / "spool" / "open").glob("*.seg"))
    assert figures['makegood_ingest_spool_bytes{feed="open"}'] == size
    assert figures['makegood_ingest_unread_bytes{feed="open"}'] == size
    assert 0 <= now_s() + 1 - figures['makegood_ingest_oldest_unread_timestamp_seconds{feed="open"}'] < 3600
    assert figures['makegood_ingest_commit_seconds_count{feed="open"}'] >= 1


def test_no_secret_shows_in_the_log_or_the_figures(server: Ingest) -> None:
    body = unique("secret")
    for name, (_, sign) in SCHEMES.items():
        server.post(f"/ingest/{name}", body, sign(body, SECRET + "x", now_s()))
    assert SECRET not in server.log
    assert SECRET not in server.get("/metrics").body.decode()


# ---- stopping, starting ----


def test_a_stop_answers_what_is_under_way_and_exits_with_0(tmp_path: Path) -> None:
    with running(Ingest(tmp_path, "  f: {type: http, signature: {scheme: none}}")) as server:
        body = unique("late")
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
            head = f"POST /ingest/f HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:10])
            until(lambda: server.get("/health").status == 200, lambda: server.log)
            server.running.send_signal(signal.SIGTERM)
            refused = []

            def closed() -> bool:
                try:
                    server.get("/health")
                except OSError as error:
                    refused.append(error)
                return bool(refused)

            until(closed, lambda: server.log)
            connection.sendall(body[10:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 ")
        assert server.running.wait(PATIENCE_S) == 0, server.log
        assert server.kept("f") == [body]
    assert "Traceback" not in server.log


def test_a_repeat_is_known_again_after_a_restart(tmp_path: Path) -> None:
    server = Ingest(tmp_path, "  f: {type: http, signature: {scheme: none}}")
    body = unique("again")
    with running(server):
        assert server.post("/ingest/f", body).status == 202
        assert server.stop() == 0
    with running(server):
        assert server.post("/ingest/f", body).status == 202
        assert server.kept("f") == [body]


def test_a_full_spool_puts_requests_off_until_the_flow_has_read(tmp_path: Path) -> None:
    told = "{type: http, signature: {scheme: none}, segment_bytes: 4096, max_spool_bytes: 8192, keep: 0s}"
    with running(Ingest(tmp_path, f"  f: {told}")) as server:
        sent = [unique("full").ljust(400) for _ in range(40)]
        replies = [server.post("/ingest/f", body) for body in sent]
        put_off = [reply for reply in replies if reply.status == 429]
        assert {reply.status for reply in replies} == {202, 429}
        assert all(int(reply.headers["retry-after"]) > 0 for reply in put_off)
        accepted = [body for body, reply in zip(sent, replies, strict=True) if reply.status == 202]
        assert server.kept("f") == accepted
        # The flow says that it has read everything, and that its state is saved.
        from pipeline.ingest.folder import reader_mark  # noqa: PLC0415

        mark = reader_mark(tmp_path / "var" / "spool" / "f")
        end = int(server.metrics()['makegood_ingest_spool_bytes{feed="f"}'])
        mark.write(end, end)
        mark.close()
        until(lambda: server.post("/ingest/f", sent[-1]).status == 202, lambda: server.log)
        assert sent[-1] in server.kept("f")
        assert server.metrics()['makegood_ingest_unread_bytes{feed="f"}'] < 4096
