"""What holds for PagerDuty, Opsgenie and Alertmanager alike: every status, every way to fail, no secret anywhere."""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sinks import opsgenie_alert
from sinks.channels import alertmanager, catalogue, pagerduty
from sinks.contract import CHANNELS, Channel, DeliveryError, Failure, Reason, Receipt
from sinks.http_answer import HttpAnswer
from sinks.http_status import LONGEST_RETRY_AFTER_US
from tests.support.alertmanager_fake import TOKEN
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.incident_messages import GOLDEN_MESSAGES
from tests.support.opsgenie import API_KEY
from tests.support.pagerduty import ROUTING_KEY
from tests.support.patience import PATIENCE_S, given_time
from tests.support.strict import untrusted_https

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels"
_ROW = re.compile(
    r"^\| (?P<status>\d{3}|[1-5]xx) \| (?:`(?P<reason>\w+)`)? ?\| (?P<then>next tier at once|again)? ?\|", re.MULTILINE
)


class Service(NamedTuple):
    """One of the three: its settings for an address, its judgement of answers, and an answer that means taken."""

    entry: Callable[[str], dict[str, Any]]
    judge: Callable[[HttpAnswer], Failure | None]
    taken: bytes
    error_inside: bytes


SERVICES: Mapping[str, Service] = {
    "pagerduty": Service(
        lambda url: {"type": "pagerduty", "routing_key": {"env": "MG_TEST_KEY"}, "base_url": url},
        pagerduty.judge,
        b'{"status": "success", "message": "Event processed", "dedup_key": "x"}',
        b'{"status": "invalid event", "message": "Event object is invalid", "errors": ["hunter2"]}',
    ),
    "opsgenie": Service(
        lambda url: {"type": "opsgenie", "api_key": {"env": "MG_TEST_KEY"}, "base_url": url},
        opsgenie_alert.judge,
        b'{"result": "Request will be processed", "took": 0.3, "requestId": "43a29c5c-3dbf"}',
        b'{"message": "hunter2", "errors": {"alias": "hunter2"}, "code": 40301, "requestId": "43a29c5c-3dbf"}',
    ),
    "alertmanager": Service(
        lambda url: {"type": "alertmanager", "bearer_token": {"env": "MG_TEST_KEY"}, "urls": [url]},
        alertmanager.judge,
        b"",
        b'{"status": "error", "errorType": "bad_data", "error": "hunter2"}',
    ),
}
KEYS = {"pagerduty": ROUTING_KEY, "opsgenie": API_KEY, "alertmanager": TOKEN}
NAMES = sorted(SERVICES)
assert catalogue is not None


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MG_TEST_KEY", KEYS[request.param])
    return str(request.param)


def build(name: str, url: str, **more: Any) -> Channel:
    settings = CHANNELS.settings(name).model_validate({**SERVICES[name].entry(url), **more})
    return CHANNELS.factory(name)("mine", settings)


def send(name: str, url: str, timeout_s: float = PATIENCE_S) -> Receipt:
    """Send to the one recipient; a failure of all becomes its receipt."""
    channel = build(name, url)
    try:
        (receipt,) = channel.send(GOLDEN_MESSAGES["firing"], channel.recipients, timeout_s)
    except DeliveryError as error:
        return Receipt(recipient=channel.recipients[0], outcome="failed", failure=error.failure)
    finally:
        channel.close()
    return receipt


def failed(name: str, url: str, timeout_s: float = PATIENCE_S) -> Failure:
    failure = send(name, url, timeout_s).failure
    assert failure is not None
    return failure


def documented(name: str) -> dict[str, tuple[str, bool] | None]:
    """Return the error table of the channel's page: (reason, permanent) by status or class; None: taken."""
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    rows = {row["status"]: row for row in _ROW.finditer(text)}
    return {status: (row["reason"], row["then"] != "again") if row["reason"] else None for status, row in rows.items()}


def test_every_status_means_what_the_page_says(name: str) -> None:
    table = documented(name)
    told = {status: table.get(str(status), table[f"{status // 100}xx"]) for status in range(100, 600)}
    found: dict[int, tuple[str, bool] | None] = {}
    for status in range(100, 600):
        failure = SERVICES[name].judge(HttpAnswer(status, content=SERVICES[name].taken))
        found[status] = None if failure is None else (str(failure.reason), failure.permanent)
        assert failure is None or str(status) in failure.detail
        assert failure is None or failure.ambiguous == (status == 504)
    assert found == told


def test_the_page_has_every_class_of_status_and_links_its_source(name: str) -> None:
    assert set(documented(name)) >= {"1xx", "2xx", "3xx", "4xx", "5xx"}
    assert "https://" in (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("headers", "expected_us"),
    [
        ({"Retry-After": "7"}, 7_000_000),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT", "Date": "Sat, 21 Feb 2015 12:00:00 GMT"}, 7_000_000),
        ({"Retry-After": "86400"}, LONGEST_RETRY_AFTER_US),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(
    name: str, headers: dict[str, str], expected_us: int | None
) -> None:
    with http_server(Answer(429, headers)) as server:
        failure = failed(name, server.url)
    assert (failure.reason, failure.permanent, failure.retry_after_us) == (Reason.RATE_LIMITED, False, expected_us)


def test_a_date_without_the_servers_own_time_is_kept_for_the_notifiers_clock(name: str) -> None:
    with http_server(Answer(503, {"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT"})) as server:
        failure = failed(name, server.url)
    assert (failure.retry_after_us, failure.retry_at_us) == (None, 1_424_520_007_000_000)


def test_no_answer_in_time_is_ambiguous_and_so_is_a_connection_that_breaks(name: str) -> None:
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[Reason, bool, bool]:
            failure = failed(name, f"http://127.0.0.1:{port}", time_s)
            return failure.reason, failure.permanent, failure.ambiguous

        wanted = (Reason.TIMEOUT, False, True)
        assert given_time(attempt, wanted) == wanted
    with http_server(Answer(drop=True)) as server:
        failure = failed(name, server.url)
        assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, True)


def test_a_refused_connection_and_a_certificate_that_is_not_trusted_are_not_ambiguous(
    name: str, tmp_path: Path
) -> None:
    with refused_port() as port:
        failure = failed(name, f"http://127.0.0.1:{port}")
        assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, False)
    with untrusted_https(tmp_path) as url:
        failure = failed(name, url)
        assert (failure.reason, failure.ambiguous) == (Reason.UNREACHABLE, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_not_followed(name: str, status: int) -> None:
    with http_server() as other, http_server(Answer(status, {"Location": other.url})) as server:
        failure = failed(name, server.url)
        assert other.requests == []
        assert len(server.requests) == 1
    assert (failure.reason, failure.permanent) == (Reason.REJECTED, True)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"\xff\xfe", b"[1]", b'"ok"', b"[" * 100_000])
def test_success_in_a_body_that_is_not_the_providers_is_ambiguous(name: str, body: bytes) -> None:
    with http_server(Answer(202, {}, body)) as server:
        failure = failed(name, server.url)
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.SERVER_ERROR, False, True)


@pytest.mark.parametrize("name", ["opsgenie", "pagerduty"])
@pytest.mark.parametrize("body", [b"{}", b'{"status": 1, "requestId": null}'])
def test_success_without_what_proves_it_is_ambiguous(name: str, body: bytes) -> None:
    failure = SERVICES[name].judge(HttpAnswer(202, content=body))
    assert failure is not None
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.SERVER_ERROR, False, True)


def test_success_with_an_error_inside_is_a_failure(name: str) -> None:
    with http_server(Answer(202, {}, SERVICES[name].error_inside)) as server:
        failure = failed(name, server.url)
    assert (failure.reason, failure.permanent) == (Reason.REJECTED, True)
    assert "error inside" in failure.detail


@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 422, 429, 500])
def test_what_a_provider_repeats_of_our_secrets_stays_out_of_everything(
    name: str, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = b'{"message": "%s", "errors": ["%s"], "status": "%s"}' % ((KEYS[name].encode(),) * 3)
    with http_server(Answer(status, {"X-Said": KEYS[name]}, echo)) as server:
        channel = build(name, server.url)
        said = [repr(channel), repr(vars(channel)), repr(channel.recipients)]
        try:
            said.append(repr(channel.send(GOLDEN_MESSAGES["firing"], channel.recipients, PATIENCE_S)))
        except DeliveryError as error:
            said += [str(error), repr(error.failure), repr(error.__cause__), repr(error.__context__)]
        assert KEYS[name] in str(server.requests[0])
    printed = capfd.readouterr()
    for text in [*said, caplog.text, printed.out, printed.err]:
        assert "hunter2" not in text


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://user:hunter2@x.com", "https://x.com/?key=hunter2", "http://0x7f.1"]
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_by_the_settings(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=r"Settings") as caught:
        CHANNELS.settings(name).model_validate(SERVICES[name].entry(url))
    assert "hunter2" not in str(caught.value)
