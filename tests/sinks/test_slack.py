"""The bot of Slack."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from sinks.channels.slack import SlackChannel, SlackSettings
from sinks.contract import DeliveryError, Failure, Message, Reason, Receipt
from sinks.http_status import http_failure
from sinks.slack_errors import ERRORS, WEBHOOK_ERRORS
from sinks.slack_message import COLOURS, SECTION_LIMIT, content, escaped
from tests.support.chats import NOTE, samples
from tests.support.golden import check_golden
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.slack import TOKEN, FakeSlack, fake_slack, good, refusal
from tests.support.strict import untrusted_https

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels" / "slack.md"
FIRST = "C0ALERTS:1424520000.000000"

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


def bot(url: str, to: tuple[str, ...] = ("C0ALERTS",), **more: Any) -> SlackChannel:
    entry = {"type": "slack", "token": {"env": "MG_TEST_SLACK"}, "to": to, "base_url": url, **more}
    return SlackChannel("chat", SlackSettings.model_validate(entry))


def send(url: str, told: Message | None = None, timeout_s: float = 5, **more: Any) -> list[Receipt]:
    channel = bot(url, **more)
    try:
        return channel.send(told or message(), channel.recipients, timeout_s)
    finally:
        channel.close()


def failure(receipts: list[Receipt]) -> Failure:
    assert receipts[0].outcome == "failed"
    assert receipts[0].failure is not None
    return receipts[0].failure


def later(told: Message) -> Message:
    """The same alert, after its first message."""
    moved = msgspec.structs.replace(told.notification, key="mg-" + "f" * 32)
    return msgspec.structs.replace(told, notification=moved, earlier={"C0ALERTS": FIRST})


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_message_is_as_it_was_approved(name: str, slack: FakeSlack) -> None:
    (receipt,) = send(slack.url, samples()[name])
    assert (receipt.outcome, receipt.provider_id) == ("delivered", FIRST)
    check_golden(f"slack/{name}", slack.messages["C0ALERTS", "1424520000.000000"])


def test_later_news_goes_into_the_thread_and_the_first_message_shows_how_it_is_now(slack: FakeSlack) -> None:
    send(slack.url)
    (receipt,) = send(slack.url, later(message(step="resolved")))
    assert slack.methods == ["chat.postMessage", "chat.postMessage", "chat.update"]
    assert receipt.provider_id == "C0ALERTS:1424520000.000001"
    first = slack.messages["C0ALERTS", "1424520000.000000"]
    assert first["text"] == "*[RESOLVED] Checkout is slow*"
    assert first["attachments"][0]["color"] == COLOURS["resolved"]
    (reply,) = slack.replies
    assert (reply["thread_ts"], reply["text"]) == ("1424520000.000000", first["text"])
    assert reply["reply_broadcast"] is False
    check_golden("slack/reply", reply)


@pytest.mark.parametrize(
    ("broadcast", "step", "expected"),
    [
        ("firing", "confirmed", True),
        ("firing", "resolved", False),
        ("always", "resolved", True),
        ("never", "firing", False),
    ],
)
def test_who_does_not_follow_the_thread_sees_what_is_set(
    broadcast: str, step: str, expected: bool, slack: FakeSlack
) -> None:
    send(slack.url)
    send(slack.url, later(message(step=step)), broadcast=broadcast)
    assert slack.replies[0]["reply_broadcast"] is expected


@pytest.mark.parametrize("code", ["cannot_reply_to_message", "message_not_found", "thread_not_found"])
def test_a_thread_that_is_gone_is_no_reason_not_to_tell(code: str, slack: FakeSlack) -> None:
    slack.errors["chat.postMessage 1424520000.000000"] = refusal(code)
    (receipt,) = send(slack.url, later(message()))
    assert receipt.outcome == "delivered"
    assert slack.methods == ["chat.postMessage", "chat.postMessage"]
    assert slack.replies == []


@pytest.mark.parametrize(
    "code", sorted({"edit_window_closed", "ratelimited", "message_not_found", "cant_update_message"})
)
def test_a_first_message_that_cannot_be_changed_is_logged_and_the_news_is_told_all_the_same(
    code: str, slack: FakeSlack
) -> None:
    send(slack.url)
    slack.errors["chat.update"] = refusal(code)
    with capture_logs() as logged:
        (receipt,) = send(slack.url, later(message(step="resolved")))
    assert receipt.outcome == "delivered"
    assert len(slack.replies) == 1
    (entry,) = logged
    assert (entry["event"], entry["log_level"]) == ("slack_message_not_updated", "warning")
    assert code in entry["detail"]


def test_first_everybody_is_told_then_the_first_messages_are_changed(slack: FakeSlack) -> None:
    to = ("C0ALERTS", "C0OTHER")
    first = {receipt.recipient: receipt.provider_id for receipt in send(slack.url, to=to)}
    slack.errors["chat.update"] = Answer(hold=True)
    told = msgspec.structs.replace(later(message(step="resolved")), earlier=first)
    receipts = send(slack.url, told, to=to, timeout_s=1)
    assert [receipt.outcome for receipt in receipts] == ["delivered", "delivered"]
    assert slack.methods[2:5] == ["chat.postMessage", "chat.postMessage", "chat.update"]


def test_an_answer_in_the_thread_that_fails_changes_nothing_and_is_tried_again(slack: FakeSlack) -> None:
    send(slack.url)
    slack.errors["chat.postMessage"] = refusal("ratelimited", 429, Retry_After="3")
    found = failure(send(slack.url, later(message(step="resolved"))))
    assert (found.reason, found.retry_after_us) == (Reason.RATE_LIMITED, 3_000_000)
    assert "chat.update" not in slack.methods


def test_an_earlier_message_whose_name_cannot_be_read_is_none(slack: FakeSlack) -> None:
    told = msgspec.structs.replace(message(), earlier={"C0ALERTS": "SM123"})
    (receipt,) = send(slack.url, told)
    assert (receipt.outcome, slack.replies) == ("delivered", [])


def test_a_try_that_is_repeated_is_one_message(slack: FakeSlack) -> None:
    both = [send(slack.url)[0].provider_id for _try in range(2)]
    assert both == [FIRST, FIRST]
    assert len(slack.messages) == 1


def test_each_channel_has_a_message_of_its_own_with_an_id_of_its_own(slack: FakeSlack) -> None:
    receipts = send(slack.url, to=("#alerts", "C0OTHER", "U0PERSON"))
    assert [receipt.provider_id.partition(":")[0] for receipt in receipts] == ["C0ALERTS", "C0OTHER", "D0PERSON"]
    assert len({body["client_msg_id"] for body in slack.messages.values()}) == 3


def test_recipients_are_judged_one_by_one(slack: FakeSlack) -> None:
    slack.errors["C0ALERTS"] = refusal("not_in_channel")
    receipts = send(slack.url, to=("C0ALERTS", "C0OTHER"))
    assert [receipt.outcome for receipt in receipts] == ["failed", "delivered"]


def test_what_fails_for_one_as_for_all_is_not_tried_for_all(slack: FakeSlack) -> None:
    slack.errors["chat.postMessage"] = refusal("fatal_error")
    receipts = send(slack.url, to=("C0ALERTS", "C0OTHER"))
    assert slack.methods == ["chat.postMessage"]
    found = [receipt.failure for receipt in receipts]
    assert [one.ambiguous for one in found if one is not None] == [True, False]


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
        found = failure(channel.send(message(), channel.recipients, 5))
        assert (found.reason, found.permanent, found.ambiguous) == expected, code
        assert found.retry_after_us == (None if found.permanent else 7_000_000), code
        assert f"Slack error {code} (https://docs.slack.dev/reference/methods/chat.postMessage#errors)" in found.detail


def test_every_status_has_a_meaning(slack: FakeSlack) -> None:
    channel = bot(slack.url)
    for status in (*range(300, 309), *range(400, 452), *range(500, 512), 520, 599):
        slack.errors["chat.postMessage"] = Answer(
            status, {"Location": f"{slack.url}/elsewhere"}, b"<html>gateway</html>"
        )
        found = failure(channel.send(message(), channel.recipients, 5))
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
        found = failure(send(f"http://127.0.0.1:{port}", timeout_s=0.2, to=("C0ALERTS", "C0OTHER")))
        assert (found.reason, found.ambiguous) == (Reason.TIMEOUT, True)
    with http_server(Answer(drop=True)) as server:
        found = failure(send(server.url))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, True)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with untrusted_https(tmp_path) as url:
        found = failure(send(url))
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, False, False)


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


def test_check_asks_whether_the_token_is_good_and_posts_nothing(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bot(slack.url).check(5) is None  # type: ignore[func-returns-value]
    assert (slack.methods, slack.messages) == (["auth.test"], {})
    slack.errors["auth.test"] = refusal("account_inactive")
    with pytest.raises(DeliveryError, match=r"account_inactive \(https://docs.slack.dev/reference/methods/auth.test"):
        bot(slack.url).check(5)
    monkeypatch.delenv("MG_TEST_SLACK")
    with pytest.raises(DeliveryError, match="MG_TEST_SLACK"):
        bot(slack.url).check(5)


@pytest.mark.parametrize("to", [[], ["alerts"], ["#a b"], ["@max"], ["c0alerts"], ["#" + "a" * 81]])
def test_channels_are_named_as_slack_names_them(to: list[str]) -> None:
    entry = {"type": "slack", "token": {"env": "X"}, "to": to}
    with pytest.raises(ValueError, match="SlackSettings"):
        SlackSettings.model_validate(entry)


@pytest.mark.parametrize("text", ["&<>" * 2000, "🚨" * 3000, "a&b🚨<c> https://x.y/?a=1&b=2 " * 200])
def test_a_cut_goes_through_no_escape_no_character_and_no_link(text: str) -> None:
    for limit in (*range(1, 40), 3000):
        shown = escaped(text, limit)
        assert len(shown.encode("utf-16-le")) // 2 <= limit
        rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in rest
        assert rest.count("<https://x.y/?a=1b=2>") == rest.count("<") == rest.count(">")
        assert shown.endswith("…")


def test_a_long_text_is_cut_into_sections_and_the_notes_are_not_cut() -> None:
    shown = content(samples()["long"], 6_000)
    blocks = shown["attachments"][0]["blocks"]
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert len(sections) >= 2
    assert all(len(section.encode("utf-16-le")) // 2 <= SECTION_LIMIT for section in sections)
    assert sections[-1].endswith("…")
    assert blocks[-2]["elements"][0]["text"] == NOTE
    assert sum(map(len, sections)) <= 6_000
