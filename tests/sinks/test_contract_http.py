"""The contract of channels over HTTP: what each answer, and each way to have none, means, over a real socket."""

import logging
from pathlib import Path
from typing import Any

import pytest

from sinks import http_connection
from sinks.channels import catalogue
from sinks.contract import CHANNELS, Channel, DeliveryError, Failure, Reason, Receipt
from sinks.http_status import LONGEST_RETRY_AFTER_US
from tests.support.channel_cases import SECRETS
from tests.support.http import Answer, HttpServer, Request, black_hole, http_server, refused_port
from tests.support.http_cases import ECHO, HTTP_CASES, HttpCase, Meaning, meaning
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.raw_http import raw_server
from tests.support.smtp import certificate
from tests.support.strict import https_server, untrusted_https

assert catalogue is not None
NAMES = sorted(HTTP_CASES)
NO_JSON = [b"<html>Sign in</html>", b"\xff\xfe", b"[1]", b'"ok!"', b"null", b"[" * 100_000, b"{}", b'{"sid": 1}']


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MG_TEST_ADDRESS", "")  # is set by the case; gone at the end
    return str(request.param)


def build(name: str, url: str, **more: Any) -> Channel:
    settings = CHANNELS.settings(name).model_validate({**HTTP_CASES[name].entry(url), **more})
    return CHANNELS.factory(name)("mine", settings)


def receipt_of(channel: Channel, timeout_s: float = PATIENCE_S) -> Receipt:
    """Send to the one recipient; a failure of all becomes its receipt."""
    try:
        (receipt,) = channel.send(message(), channel.recipients, timeout_s)
    except DeliveryError as error:
        return Receipt(recipient=channel.recipients[0], outcome="failed", failure=error.failure)
    return receipt


def failed(name: str, url: str, timeout_s: float = PATIENCE_S, **more: Any) -> Failure:
    channel = build(name, url, **more)
    receipt = receipt_of(channel, timeout_s)
    channel.close()
    assert receipt.outcome == "failed"
    assert receipt.failure is not None
    return receipt.failure


class ByStatus(HttpServer):
    """Answers with the provider's good answer under another status."""

    def __init__(self, case: HttpCase) -> None:
        super().__init__()
        self.status = 200
        self._good = case.good

    def answer(self, request: Request) -> Answer:
        return self._good._replace(status=self.status, last=self.status < 200)


def test_every_status_has_its_meaning(name: str) -> None:
    case = HTTP_CASES[name]
    server = ByStatus(case)
    found: dict[int, Meaning] = {}
    with server.serving():
        channel = build(name, server.url)
        for status in range(100, 600):
            server.status = status
            failure = receipt_of(channel).failure
            found[status] = (
                None if failure is None else (str(failure.reason), failure.permanent, failure.ambiguous)
            )  # fmt: skip
        channel.close()
    assert found == {status: meaning(case, status) for status in range(100, 600)}
    assert len(server.requests) == 500


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "after_us", "at_us"),
    [
        ({"Retry-After": "7"}, 7_000_000, None),
        (
            {"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT", "Date": "Sat, 21 Feb 2015 12:00:00 GMT"},
            7_000_000,
            None,
        ),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT"}, None, 1_424_520_007_000_000),
        ({"Retry-After": "86400"}, LONGEST_RETRY_AFTER_US, None),
        ({"Retry-After": "soon"}, None, None),
        ({}, None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(
    name: str, status: int, headers: dict[str, str], after_us: int | None, at_us: int | None
) -> None:
    with http_server(Answer(status, headers, b"")) as server:
        failure = failed(name, server.url)
    assert not failure.permanent
    assert (failure.retry_after_us, failure.retry_at_us) == (after_us, at_us)


def test_a_connection_that_is_refused_is_unreachable_and_nothing_has_arrived(name: str) -> None:
    with refused_port() as port:
        failure = failed(name, f"http://127.0.0.1:{port}")
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, False)


def test_a_black_hole_is_a_timeout_and_may_have_arrived(name: str) -> None:
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[Reason, bool, bool]:
            failure = failed(name, f"http://127.0.0.1:{port}", time_s)
            return failure.reason, failure.permanent, failure.ambiguous

        wanted = (Reason.TIMEOUT, False, True)
        assert given_time(attempt, wanted) == wanted


def test_a_connection_that_breaks_may_have_arrived(name: str) -> None:
    with http_server(Answer(drop=True)) as server:
        failure = failed(name, server.url)
        assert len(server.requests) == 1
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, True)


def test_what_is_no_http_may_have_arrived(name: str) -> None:
    with raw_server(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
        failure = failed(name, server.url.rstrip("/"))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.SERVER_ERROR, False, True)


def test_a_certificate_that_nobody_vouches_for_is_refused_for_good(name: str, tmp_path: Path) -> None:
    with untrusted_https(tmp_path) as url:
        failure = failed(name, url)
        assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, True, False)


def test_a_certificate_of_an_authority_in_the_settings_is_trusted(name: str, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    with https_server(chain, key) as server:
        server.script = [HTTP_CASES[name].good]
        channel = build(name, server.url.replace("http://", "https://"), ca_file=str(chain))
        assert receipt_of(channel).failure is None
        channel.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_loop_ends_with_the_first_answer(name: str, status: int) -> None:
    with http_server() as server:
        server.script = [Answer(status, {"Location": server.url + "/again"})]
        failure = failed(name, server.url)
        assert len(server.requests) == 1
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.REJECTED, True, False)


@pytest.mark.parametrize("body", NO_JSON)
def test_success_in_a_body_that_is_not_the_providers_may_have_arrived(name: str, body: bytes) -> None:
    case = HTTP_CASES[name]
    with http_server(case.good._replace(body=body)) as server:
        channel = build(name, server.url)
        receipt = receipt_of(channel)
        channel.close()
        assert len(server.requests) == 1
    if not case.body_is_read or (name == "alertmanager" and body in {b"{}", b'{"sid": 1}'}):
        assert receipt.failure is None
        return
    assert receipt.failure is not None
    told = receipt.failure
    assert (told.reason, told.permanent, told.ambiguous) == (Reason.SERVER_ERROR, False, True)


def test_success_with_an_error_inside_is_a_failure(name: str) -> None:
    case = HTTP_CASES[name]
    assert case.bad or not case.body_is_read
    for answer, is_permanent in case.bad:
        with http_server(answer) as server:
            failure = failed(name, server.url)
        assert failure.permanent is is_permanent, answer


def test_an_answer_without_end_is_not_read_to_its_end(name: str) -> None:
    size = 50_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    with raw_server(head + b"x" * 5_000_000) as server:
        channel = build(name, server.url.rstrip("/"))
        receipt = receipt_of(channel)
        channel.close()
    assert receipt.failure is None or receipt.failure.ambiguous


@pytest.mark.parametrize("status", [200, 202, 400, 401, 404, 422, 429, 500])
def test_what_a_far_side_repeats_of_our_secrets_stays_out_of_everything(
    name: str, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    inside = b'{"error": %s, "message": %s, "errors": %s}' % (ECHO, ECHO, ECHO)
    for echo in (ECHO, inside, b"hunter2"):
        headers = {"X-Said": "hunter2-header", "Retry-After": "hunter2-after", "Date": "hunter2-date"}
        with http_server(Answer(status, headers, echo)) as server:
            channel = build(name, server.url)
            said = [repr(channel), repr(vars(channel)), repr(channel.recipients)]
            try:
                said.append(repr(channel.send(message(), channel.recipients, PATIENCE_S)))
            except DeliveryError as error:
                cause: BaseException | None = error
                while cause is not None:
                    said += [str(cause), repr(cause)]
                    cause = cause.__cause__
            channel.close()
        for text in said:
            assert "hunter2" not in text
            assert SECRETS["MG_TEST_PAGERDUTY"] not in text
    printed = capfd.readouterr()
    assert "hunter2" not in caplog.text + printed.out + printed.err


def test_one_connection_carries_one_message_after_the_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "_IDLE_S", PATIENCE_S)  # however long the next message takes to come
    monkeypatch.setattr(http_connection, "_REST_S", PATIENCE_S)
    good = HTTP_CASES[name].good
    lines = [f"{field}: {value}\r\n" for field, value in good.headers.items()]
    head = f"HTTP/1.1 {good.status} OK\r\n{''.join(lines)}Content-Length: {len(good.body)}\r\n\r\n"
    with raw_server(head.encode() + good.body) as server:
        channel = build(name, server.url.rstrip("/"))
        for _ in range(5):
            assert receipt_of(channel).failure is None
        channel.close()
        assert (server.connections, len(server.requests)) == (1, 5)
