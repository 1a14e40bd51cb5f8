"""The bot of Slack: errors."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.contract import DeliveryError, Reason
from sinks.http_status import http_failure
from sinks.slack_errors import ERRORS, WEBHOOK_ERRORS
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.slack import TOKEN, FakeSlack, fake_slack, good, refusal
from tests.support.slack_bot import bot, failure, send
from tests.support.strict import untrusted_https

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels" / "slack.md"
# https://docs.slack.dev/reference/methods/chat.postMessage#errors, chat.update and auth.test: all that they list.
EXPECTED: dict[tuple[Reason, bool, bool], str] = {
    (Reason.AUTH, True, False): """
        access_denied accesslimited account_inactive ekm_access_denied enterprise_is_restricted invalid_auth
        missing_scope not_allowed_token_type not_authed org_login_required team_access_not_granted token_expired
        token_revoked two_factor_setup_required""",
    (Reason.BAD_RECIPIENT, True, False): """
        cannot_reply_to_message channel_not_found is_archived is_inactive messages_tab_disabled no_permission
        not_in_channel restricted_action restricted_action_non_threadable_channel restricted_action_read_only_channel
        restricted_action_thread_locked restricted_action_thread_only_channel team_not_found thread_not_found""",
    (Reason.REJECTED, True, False): """
        as_user_not_supported attachment_payload_limit_exceeded block_mismatch cant_broadcast_message
        cant_update_message deprecated_endpoint draft_already_deleted draft_already_sent draft_has_conflict
        draft_not_found edit_window_closed invalid_arg_name invalid_arguments invalid_array_arg invalid_attachments
        invalid_blocks invalid_blocks_format invalid_charset invalid_form_data invalid_json invalid_metadata_format
        invalid_metadata_schema invalid_post_type json_not_object markdown_text_conflict message_not_found
        metadata_must_be_sent_from_app metadata_too_large method_deprecated missing_file_data missing_post_type
        msg_blocks_too_long msg_too_long no_dual_broadcast_content_update no_text
        slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
        slack_connect_lists_sharing_blocked streaming_state_conflict too_many_attachments too_many_contact_cards
        unknown_method""",
    (Reason.REJECTED, True, True): "duplicate_channel_not_found duplicate_message_not_found",
    (Reason.RATE_LIMITED, False, False): "message_limit_exceeded rate_limited ratelimited",
    (Reason.SERVER_ERROR, False, False): """
        external_channel_migrating service_unavailable team_added_to_org update_failed""",
    (Reason.SERVER_ERROR, False, True): "fatal_error internal_error",
    (Reason.TIMEOUT, False, False): "request_timeout",
}
CODES = {code: meaning for meaning, codes in EXPECTED.items() for code in codes.split()}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_SLACK", TOKEN)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


def test_the_table_has_every_code_and_no_other() -> None:
    assert set(ERRORS) == set(CODES)


def test_the_page_lists_every_code_beside_its_reason() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for codes in (ERRORS, WEBHOOK_ERRORS):
        for code, meaning in codes.items():
            listed = [row for row in rows if f"`{code}`" in row.rpartition("|")[0].rpartition("|")[2]]
            assert any(row.startswith(f"| `{meaning.reason}`") for row in listed), code


def test_every_code_means_what_the_table_says(slack: FakeSlack) -> None:
    channel = bot(slack.url)
    for code, expected in CODES.items():
        slack.errors["chat.postMessage"] = refusal(code, Retry_After="7")
        found = failure(channel.send(message(), channel.recipients, PATIENCE_S))
        assert (found.reason, found.permanent, found.ambiguous) == expected, code
        assert found.retry_after_us == (None if found.permanent else 7_000_000), code
        assert f"Slack error {code} (https://docs.slack.dev/reference/methods/chat.postMessage#errors)" in found.detail


def test_every_status_has_a_meaning(slack: FakeSlack) -> None:
    channel = bot(slack.url)
    for status in (*range(300, 309), *range(400, 452), *range(500, 512), 520, 599):
        slack.errors["chat.postMessage"] = Answer(
            status, {"Location": f"{slack.url}/elsewhere"}, b"<html>gateway</html>"
        )
        found = failure(channel.send(message(), channel.recipients, PATIENCE_S))
        expected = http_failure(status, "")
        assert expected is not None
        assert (found.reason, found.permanent, found.ambiguous) == (
            expected.reason,
            expected.permanent,
            expected.ambiguous,
        ), status
    assert set(slack.methods) == {"chat.postMessage"}


@pytest.mark.parametrize(
    ("headers", "after_us", "at_us"),
    [
        ({"Retry-After": "30"}, 30_000_000, None),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT", "Date": "Sat, 21 Feb 2015 12:00:00 GMT"}, 7_000_000, None),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT"}, None, 1_424_520_007_000_000),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("body", [b'{"ok":false,"error":"ratelimited"}', b""])
def test_retry_after_is_read_in_both_forms(
    body: bytes, headers: dict[str, str], after_us: int | None, at_us: int | None, slack: FakeSlack
) -> None:
    slack.errors["chat.postMessage"] = Answer(429, headers, body)
    found = failure(send(slack.url))
    assert (found.reason, found.retry_after_us, found.retry_at_us) == (Reason.RATE_LIMITED, after_us, at_us)


@pytest.mark.parametrize(
    ("body", "ambiguous"),
    [
        (b"<html>", True),
        (b"", True),
        (b"[1]", True),
        (b'{"ok":"yes"}', True),
        (b"[" * 100_000, True),
        (b"\xff\xfe{", True),
        (b'{"ok":false,"error":"something_new"}', False),
        (b'{"ok":false}', False),
        (b'{"ok":false,"error":{"a":1}}', False),
    ],
)
def test_a_200_that_is_no_success_is_a_failure_that_may_pass(body: bytes, ambiguous: bool, slack: FakeSlack) -> None:
    slack.errors["chat.postMessage"] = Answer(200, {}, body)
    found = failure(send(slack.url))
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.SERVER_ERROR, False, ambiguous)


def test_a_success_without_a_place_is_a_success(slack: FakeSlack) -> None:
    slack.errors["chat.postMessage"] = good()
    (receipt,) = send(slack.url)
    assert (receipt.outcome, receipt.provider_id) == ("delivered", "")


def test_refused_swallowed_and_dropped_are_typed() -> None:
    with refused_port() as port:
        found = failure(send(f"http://127.0.0.1:{port}"))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, False)
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[Reason, bool]:
            found = failure(send(f"http://127.0.0.1:{port}", timeout_s=time_s, to=("C0ALERTS", "C0OTHER")))
            return found.reason, found.ambiguous

        assert given_time(attempt, (Reason.TIMEOUT, True)) == (Reason.TIMEOUT, True)
    with http_server(Answer(drop=True)) as server:
        found = failure(send(server.url))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, True)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with untrusted_https(tmp_path) as url:
        found = failure(send(url))
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, True, False)


def test_a_redirect_is_not_followed(slack: FakeSlack) -> None:
    with http_server() as other:
        slack.errors["chat.postMessage"] = Answer(307, {"Location": other.url})
        assert failure(send(slack.url)).permanent
        assert other.requests == []


def test_a_wrong_token_is_permanent_and_stays_secret(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MG_TEST_SLACK", "xoxb-hunter2-wrong")
    receipts = send(slack.url)
    assert failure(receipts).reason == Reason.AUTH
    monkeypatch.setenv("MG_TEST_SLACK", "xoxb-hunter2\n")
    with pytest.raises(DeliveryError, match="MG_TEST_SLACK") as caught:
        send(slack.url)
    assert "hunter2" not in repr((receipts, caught.value, caught.value.__cause__, caplog.text))


def test_what_slack_says_is_repeated_only_when_it_is_a_code(slack: FakeSlack) -> None:
    slack.errors["chat.postMessage"] = refusal(f"no such token {TOKEN}")
    assert "hunter2" not in failure(send(slack.url)).detail
