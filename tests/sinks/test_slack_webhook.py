"""The incoming webhook of Slack."""

import logging
from collections.abc import Iterator

import pytest

from sinks.channels.slack_webhook import SlackWebhookChannel, SlackWebhookSettings
from sinks.contract import DeliveryError, Failure, Message, Reason, Receipt
from sinks.slack_errors import WEBHOOK_ERRORS
from tests.support.chats import samples
from tests.support.golden import check_golden
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.slack import HOOK, FakeHook, fake_hook

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors: code, status, meaning.
CODES = {
    "action_prohibited": (403, Reason.BAD_RECIPIENT, True),
    "channel_is_archived": (410, Reason.BAD_RECIPIENT, True),
    "channel_not_found": (404, Reason.BAD_RECIPIENT, True),
    "invalid_attachments": (400, Reason.REJECTED, True),
    "invalid_blocks": (400, Reason.REJECTED, True),
    "invalid_blocks_format": (400, Reason.REJECTED, True),
    "invalid_payload": (400, Reason.REJECTED, True),
    "invalid_token": (403, Reason.AUTH, True),
    "missing_text_or_fallback_or_attachments": (400, Reason.REJECTED, True),
    "msg_too_long": (400, Reason.REJECTED, True),
    "no_active_hooks": (404, Reason.BAD_RECIPIENT, True),
    "no_service": (404, Reason.BAD_RECIPIENT, True),
    "no_service_id": (400, Reason.BAD_RECIPIENT, True),
    "no_team": (404, Reason.BAD_RECIPIENT, True),
    "no_text": (400, Reason.REJECTED, True),
    "posting_to_general_channel_denied": (403, Reason.BAD_RECIPIENT, True),
    "rate_limited": (429, Reason.RATE_LIMITED, False),
    "ratelimited": (429, Reason.RATE_LIMITED, False),
    "rollup_error": (500, Reason.SERVER_ERROR, False),
    "team_disabled": (403, Reason.BAD_RECIPIENT, True),
    "too_many_attachments": (400, Reason.REJECTED, True),
    "user_not_found": (400, Reason.BAD_RECIPIENT, True),
}


@pytest.fixture
def hook() -> Iterator[FakeHook]:
    with fake_hook() as hook:
        yield hook


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch, hook: FakeHook) -> SlackWebhookChannel:
    return made(monkeypatch, hook.url)


def made(monkeypatch: pytest.MonkeyPatch, base: str) -> SlackWebhookChannel:
    monkeypatch.setenv("MG_TEST_HOOK", base + HOOK)
    entry = {"type": "slack_webhook", "url_secret": {"env": "MG_TEST_HOOK"}}
    return SlackWebhookChannel("room", SlackWebhookSettings.model_validate(entry))


def send(channel: SlackWebhookChannel, told: Message | None = None, timeout_s: float = PATIENCE_S) -> list[Receipt]:
    return channel.send(told or message(), channel.recipients, timeout_s)


def failure(channel: SlackWebhookChannel, timeout_s: float = PATIENCE_S) -> Failure:
    with pytest.raises(DeliveryError) as caught:
        send(channel, timeout_s=timeout_s)
    assert "hunter2" not in repr((caught.value, caught.value.failure, caught.value.__cause__))
    return caught.value.failure


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_message_is_as_it_was_approved(name: str, channel: SlackWebhookChannel, hook: FakeHook) -> None:
    (receipt,) = send(channel, samples()[name])
    assert (receipt.recipient, receipt.outcome, receipt.provider_id) == ("room", "delivered", "")
    check_golden(f"slack_webhook/{name}", hook.taken[0])


def test_the_table_has_every_code_and_no_other() -> None:
    assert set(WEBHOOK_ERRORS) == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_means_what_the_table_says(code: str, channel: SlackWebhookChannel, hook: FakeHook) -> None:
    status, *expected = CODES[code]
    for answered in (status, 200):
        hook.instead = Answer(answered, {"Retry-After": "7"}, code.encode())
        found = failure(channel)
        assert [found.reason, found.permanent] == expected
        assert found.retry_after_us == (None if found.permanent else 7_000_000)
        assert f"Slack error {code} (https://docs.slack.dev/messaging/" in found.detail


@pytest.mark.parametrize(
    "status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422, 429, 500, 502, 503]
)
def test_a_body_that_is_no_code_leaves_the_status_to_decide(
    status: int, channel: SlackWebhookChannel, hook: FakeHook
) -> None:
    hook.instead = Answer(status, {"Location": hook.url + "/elsewhere"}, b"<html>No</html>")
    found = failure(channel)
    assert found.permanent is (status < 500 and status != 429)
    assert len(hook.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"OK but not", b'{"ok":true}', b"something_new"])
def test_a_200_that_is_not_ok_is_ambiguous(body: bytes, channel: SlackWebhookChannel, hook: FakeHook) -> None:
    hook.instead = Answer(200, {}, body)
    found = failure(channel)
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.SERVER_ERROR, False, True)


def test_refused_swallowed_dropped_and_not_tls_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused_port() as port:
        found = failure(made(monkeypatch, f"http://127.0.0.1:{port}"))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, False)
    with black_hole() as port:
        silent = made(monkeypatch, f"http://127.0.0.1:{port}")

        def attempt(time_s: float) -> tuple[Reason, bool]:
            found = failure(silent, time_s)
            return found.reason, found.ambiguous

        assert given_time(attempt, (Reason.TIMEOUT, True)) == (Reason.TIMEOUT, True)
    with http_server(Answer(drop=True)) as server:
        found = failure(made(monkeypatch, server.url))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, True)
    with http_server() as server:
        found = failure(made(monkeypatch, server.url.replace("http:", "https:")))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, False)


@pytest.mark.parametrize("address", ["hooks.slack.com/hunter2", "ftp://hunter2.example/x", "https://"])
def test_an_address_that_is_none_is_permanent(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = made(monkeypatch, "http://127.0.0.1")
    monkeypatch.setenv("MG_TEST_HOOK", address)
    found = failure(channel)
    assert (found.reason, found.permanent) == (Reason.BAD_RECIPIENT, True)


def test_the_address_is_nowhere_to_be_seen(channel: SlackWebhookChannel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receipts = send(channel)
    assert "hunter2" not in repr((receipts, channel.recipients, vars(channel))) + caplog.text


def test_the_address_is_a_secret_and_must_be_kept_as_one() -> None:
    with pytest.raises(ValueError, match="url_secret"):
        SlackWebhookSettings.model_validate({"type": "slack_webhook", "url": "https://hooks.slack.com/services/T/B/X"})
