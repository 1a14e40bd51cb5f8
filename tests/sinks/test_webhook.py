import hashlib
import hmac
import logging
from typing import Any

import msgspec
import pytest

from sinks.channels.webhook import WebhookChannel, WebhookSettings
from sinks.contract import Reason
from sinks.http_status import http_failure, parse_retry_after
from sinks.payload import webhook_payload
from tests.support.golden import check_golden
from tests.support.http import Request, http_server
from tests.support.messages import message
from tests.support.patience import PATIENCE_S

TRANSIENT = {408: Reason.TIMEOUT, 421: Reason.SERVER_ERROR, 423: Reason.SERVER_ERROR, 425: Reason.SERVER_ERROR}
TRANSIENT |= {429: Reason.RATE_LIMITED}
PERMANENT = {401: Reason.AUTH, 402: Reason.AUTH, 403: Reason.AUTH, 404: Reason.BAD_RECIPIENT, 407: Reason.AUTH}
PERMANENT |= {410: Reason.BAD_RECIPIENT, 501: Reason.REJECTED, 505: Reason.REJECTED, 511: Reason.AUTH}


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_a_meaning(status: int) -> None:
    failure = http_failure(status, "x", retry_after="3")
    if 200 <= status < 300:
        assert failure is None
        return
    assert failure is not None
    if status in TRANSIENT:
        expected = (TRANSIENT[status], False)
    elif status in PERMANENT:
        expected = (PERMANENT[status], True)
    elif status >= 500:
        expected = (Reason.SERVER_ERROR, False)
    else:
        expected = (Reason.REJECTED, True)
    assert (failure.reason, failure.permanent) == expected
    assert failure.ambiguous == (status == 504)
    assert failure.retry_after_us == (None if failure.permanent else 3_000_000)


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", 3600),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("Sat, 21 Feb 2015 12:00:07 GMT", 7),
        ("Sat, 21 Feb 2015 11:00:00 GMT", 0),
        ("Sat, 21 Feb 2099 12:00:00 GMT", 3600),
        ("Sat, 99 Feb 2015 12:00:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms_is_capped_and_never_negative(text: str, expected_s: int | None) -> None:
    expected_us = None if expected_s is None else expected_s * 1_000_000
    assert parse_retry_after(text, 1_424_520_000_000_000) == expected_us


def _post(**more: Any) -> Request:
    with http_server() as server:
        channel = WebhookChannel("web", WebhookSettings.model_validate({"type": "webhook", "url": server.url, **more}))
        channel.send(message(), channel.recipients, PATIENCE_S)
        channel.close()
        (request,) = server.requests
    return request


def test_the_payload_is_alertmanagers_version_4_with_our_key_beside_it() -> None:
    payload = _post().json
    assert payload == webhook_payload(message())
    check_golden("webhook/firing", payload)
    labels = {"alertname": "SlaBreach", "detector": "test", "service": "pay", "severity": "critical"}
    annotations = {"summary": "Checkout is slow", "description": "Checkout is slow, in more words."}
    assert payload == {
        "version": "4",
        "groupKey": "ops:alertname=SlaBreach,detector=test,service=pay,severity=critical",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2015-02-21T12:00:00.000000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": payload["alerts"][0]["fingerprint"],
                "generatorURL": "",
            }
        ],
        "idempotencyKey": "mg-0123456789abcdef0123456789abcdef",
        "title": "[CRITICAL] Checkout is slow",
        "text": payload["text"],
        "notes": [],
    }


def test_a_recovery_with_a_note_is_told() -> None:
    with http_server() as server:
        channel = WebhookChannel("web", WebhookSettings.model_validate({"type": "webhook", "url": server.url}))
        channel.send(
            message(step="resolved", notes=("It may have reached you already.",)), channel.recipients, PATIENCE_S
        )
    check_golden("webhook/resolved", server.requests[0].json)


def test_the_signature_is_over_the_bytes_that_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_SECRET", "key")
    request = _post(signing_secret={"env": "MG_TEST_SECRET"}, bearer_token={"env": "MG_TEST_SECRET"})
    digest = hmac.new(b"key", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-makegood-signature"] == f"sha256={digest}"
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["idempotency-key"] == "mg-0123456789abcdef0123456789abcdef"


def test_an_address_with_a_secret_in_it_is_nowhere_to_be_seen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with http_server() as server:
        monkeypatch.setenv("MG_TEST_URL", f"{server.url}/services/hunter2")
        settings = WebhookSettings.model_validate({"type": "webhook", "url_secret": {"env": "MG_TEST_URL"}})
        channel = WebhookChannel("web", settings)
        receipts = channel.send(message(), channel.recipients, PATIENCE_S)
        channel.close()
        assert server.requests[0].path == "/services/hunter2"
    assert channel.recipients == ("web",)
    assert "hunter2" not in repr((receipts, settings, vars(channel)))
    assert "hunter2" not in caplog.text


def test_a_webhook_has_exactly_one_address() -> None:
    for wrong in ({}, {"url": "http://x", "url_secret": {"env": "X"}}, {"url": "ftp://x"}):
        with pytest.raises(ValueError, match="WebhookSettings"):
            WebhookSettings.model_validate({"type": "webhook", **wrong})


def test_the_payload_says_how_many_alerts_are_not_listed() -> None:
    one = message()
    more = msgspec.structs.replace(one, notification=msgspec.structs.replace(one.notification, truncated=7))
    assert webhook_payload(more)["truncatedAlerts"] == 7
