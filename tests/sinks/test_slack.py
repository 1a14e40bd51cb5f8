"""The bot of Slack: messages, threads, limits."""

from collections.abc import Iterator

import msgspec
import pytest
from structlog.testing import capture_logs

from sinks.channels.slack import SlackSettings
from sinks.contract import DeliveryError, Message, Reason
from sinks.slack_message import COLOURS, SECTION_LIMIT, content, escaped
from tests.support.chats import NOTE, samples
from tests.support.golden import check_golden
from tests.support.http import Answer
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.slack import TOKEN, FakeSlack, fake_slack, refusal
from tests.support.slack_bot import bot, failure, send

FIRST = "C0ALERTS:1424520000.000000"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_SLACK", TOKEN)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


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

    def attempt(time_s: float) -> tuple[list[str], list[str]]:
        before = len(slack.methods)
        receipts = send(slack.url, told, to=to, timeout_s=time_s)
        return [receipt.outcome for receipt in receipts], slack.methods[before : before + 3]

    wanted = (["delivered", "delivered"], ["chat.postMessage", "chat.postMessage", "chat.update"])
    assert given_time(attempt, wanted, 1) == wanted


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


def test_check_asks_whether_the_token_is_good_and_posts_nothing(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = bot(slack.url).check(PATIENCE_S)
    assert (found.failure, found.said) == (None, "the token is good, team T0, bot U0")
    assert (slack.methods, slack.messages) == (["auth.test"], {})
    slack.errors["auth.test"] = refusal("account_inactive")
    with pytest.raises(DeliveryError, match=r"account_inactive \(https://docs.slack.dev/reference/methods/auth.test"):
        bot(slack.url).check(PATIENCE_S)
    monkeypatch.delenv("MG_TEST_SLACK")
    with pytest.raises(DeliveryError, match="MG_TEST_SLACK"):
        bot(slack.url).check(PATIENCE_S)


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
