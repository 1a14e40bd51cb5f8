"""What the contract suite knows of each channel over HTTP: how it is told an address, and what its provider answers."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from sinks.contract import Reason
from tests.support.channel_cases import SECRETS
from tests.support.http import Answer
from tests.support.twilio import ACCOUNT, SENDER


class HttpCase(NamedTuple):
    """One channel.

    Attributes:
        entry: its settings for an address, with one recipient.
        good: the provider's answer to a message that it takes.
        bad: answers of success (2xx) with an error inside, and whether the failure is permanent.
        body_is_read: whether an answer's body has a say; why not stands in the channel's module.
        docs: where the provider says what its statuses mean.
    """

    entry: Callable[[str], dict[str, Any]]
    good: Answer
    bad: tuple[tuple[Answer, bool], ...]
    body_is_read: bool
    docs: str


def _json(status: int, /, **said: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(said).encode())


def _secret(kind: str, **more: Any) -> Callable[[str], dict[str, Any]]:
    """Return the settings of a channel whose address is a secret."""

    def entry(url: str) -> dict[str, Any]:
        pytest.MonkeyPatch().setenv("MG_TEST_ADDRESS", url + "/hunter2-path")
        return {"type": kind, "url_secret": {"env": "MG_TEST_ADDRESS"}, **more}

    return entry


def _twilio(kind: str, sid: str, *bad: tuple[dict[str, Any], bool]) -> HttpCase:
    token = {"env": "MG_TEST_TWILIO"}
    base = {"type": kind, "account_sid": ACCOUNT, "auth_token": token, "sender": SENDER, "to": ["+15005550001"]}
    return HttpCase(
        lambda url: {**base, "base_url": url},
        _json(201, sid=sid + "0" * 32, status="queued", error_code=None),
        tuple((_json(201, sid=sid + "0" * 32, **said), is_permanent) for said, is_permanent in bad),
        True,
        "https://www.twilio.com/docs/usage/twilios-response",
    )


_SECRET = {"env": "MG_TEST_SECRET"}
HTTP_CASES: Mapping[str, HttpCase] = {
    "webhook": HttpCase(
        lambda url: {"type": "webhook", "url": url, "bearer_token": _SECRET, "signing_secret": _SECRET},
        Answer(200),
        (),
        False,
        "https://www.rfc-editor.org/rfc/rfc9110#section-15",
    ),
    "alertmanager": HttpCase(
        lambda url: {"type": "alertmanager", "urls": [url], "bearer_token": {"env": "MG_TEST_ALERTMANAGER"}},
        Answer(200, {}, b""),
        ((_json(200, status="error", error="x"), True),),
        True,
        "https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml",
    ),
    "pagerduty": HttpCase(
        lambda url: {"type": "pagerduty", "routing_key": {"env": "MG_TEST_PAGERDUTY"}, "base_url": url},
        _json(202, status="success", message="Event processed", dedup_key="x"),
        ((_json(202, status="invalid event", errors=["x"]), True),),
        True,
        "https://developer.pagerduty.com/docs/events-api-v2-overview",
    ),
    "opsgenie": HttpCase(
        lambda url: {"type": "opsgenie", "api_key": {"env": "MG_TEST_OPSGENIE"}, "base_url": url},
        _json(202, result="Request will be processed", took=0.3, requestId="43a29c5c-3dbf"),
        ((_json(202, code=40301, message="x", requestId="43a29c5c-3dbf"), True),),
        True,
        "https://docs.opsgenie.com/docs/response",
    ),
    "slack": HttpCase(
        lambda url: {"type": "slack", "token": {"env": "MG_TEST_SLACK"}, "to": ["C0ALERTS"], "base_url": url},
        _json(200, ok=True, channel="C0ALERTS", ts="1424520000.000100"),
        (
            (_json(200, ok=False, error="invalid_auth"), True),
            (_json(200, ok=False, error="ratelimited"), False),
            (_json(200, ok=False, error="never_heard_of"), False),
        ),
        True,
        "https://docs.slack.dev/reference/methods/chat.postMessage#errors",
    ),
    "slack_webhook": HttpCase(
        _secret("slack_webhook"),
        Answer(200, {"Content-Type": "text/html"}, b"ok"),
        ((Answer(200, {}, b"invalid_payload"), True), (Answer(200, {}, b"rollup_error"), False)),
        True,
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors",
    ),
    "teams": HttpCase(
        _secret("teams"),
        Answer(202, {}, b""),
        (
            (_json(200, error={"code": "WorkflowNotFound"}), True),
            (_json(200, error={"code": "Unheard"}), True),
            (Answer(200, {}, b"Webhook message delivery failed with error: Teams returned HTTP error 429"), False),
        ),
        False,
        "https://learn.microsoft.com/connectors/teams#microsoft-teams-webhook",
    ),
    "sms_twilio": _twilio(
        "sms_twilio",
        "SM",
        ({"status": "failed", "error_code": 30005}, True),
        ({"status": "undelivered", "error_code": 30001}, False),
    ),
    "voice_twilio": _twilio("voice_twilio", "CA", ({"status": "failed"}, False), ({"status": "busy"}, False)),
}
ECHO = json.dumps([*SECRETS.values(), "hunter2-path"]).encode()
"""What a far side that repeats everything would say."""

Meaning = tuple[str, bool, bool] | None
"""Reason, permanent, ambiguous; None: taken."""

REJECTED: Meaning = (Reason.REJECTED, True, False)
AUTH: Meaning = (Reason.AUTH, True, False)
RECIPIENT: Meaning = (Reason.BAD_RECIPIENT, True, False)
SERVER: Meaning = (Reason.SERVER_ERROR, False, False)
UNCLEAR: Meaning = (Reason.SERVER_ERROR, False, True)
NO_END: Meaning = (Reason.UNREACHABLE, False, True)

STATUSES: Mapping[int, Meaning] = {
    **dict.fromkeys(range(100, 200), NO_END),  # interim: what counts would have come after it
    101: REJECTED,  # another protocol, which nobody asked for
    **dict.fromkeys(range(200, 300), None),
    **dict.fromkeys(range(300, 400), REJECTED),  # redirects are not followed
    **dict.fromkeys(range(400, 500), REJECTED),
    **dict.fromkeys(range(500, 600), SERVER),
    401: AUTH,
    402: AUTH,
    403: AUTH,
    404: RECIPIENT,
    407: AUTH,
    408: (Reason.TIMEOUT, False, False),
    410: RECIPIENT,
    421: SERVER,
    423: SERVER,
    425: SERVER,
    429: (Reason.RATE_LIMITED, False, False),
    501: REJECTED,
    504: UNCLEAR,  # a proxy in between gave up waiting
    505: REJECTED,
    511: AUTH,
}
"""By RFC 9110 section 15, RFC 6585, RFC 4918. What providers say in their answers' bodies has tests of its own."""


def meaning(case: HttpCase, status: int) -> Meaning:
    """Return what a status with the provider's good answer in its body means."""
    if status == 204 and case.body_is_read and case.good.body:
        return UNCLEAR  # by definition without the body that would prove it
    return STATUSES[status]
