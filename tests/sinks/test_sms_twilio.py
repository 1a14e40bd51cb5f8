from typing import Any

import msgspec
import pytest

from alerts.replies import Reply, parse
from sinks.channels.sms_twilio import SmsTwilioChannel, SmsTwilioSettings, sms_text
from sinks.contract import Failure, Message, Reason, Receipt
from sinks.twilio_errors import ERRORS
from tests.support.http import Answer, black_hole, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.twilio import ACCOUNT, SENDER, TOKEN, fake_twilio

ONE, TWO, THREE = "+15005550001", "+15005550002", "+15005550003"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)


def _send(url: str, to: tuple[str, ...] = (ONE,), timeout_s: float = PATIENCE_S, **more: Any) -> list[Receipt]:
    entry = {"type": "sms_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
    settings = SmsTwilioSettings.model_validate({**entry, "to": to, "base_url": url, **more})
    channel = SmsTwilioChannel("sms", settings)
    try:
        return channel.send(message(), to, timeout_s)
    finally:
        channel.close()


def _failure(receipts: list[Receipt]) -> Failure:
    failure = receipts[0].failure
    assert failure is not None
    return failure


def test_201_is_accepted_not_delivered_with_twilios_id() -> None:
    with fake_twilio() as twilio:
        (receipt,) = _send(twilio.url)
    assert (receipt.outcome, receipt.provider_id) == ("accepted", f"SM{1:032x}")
    assert twilio.sent[0][0] == ONE
    assert twilio.sent[0][1].startswith("[CRITICAL] Checkout is slow")
    assert twilio.sent[0][1].endswith("\nref mg-0123456789ab")


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_known_error_code_means_what_the_table_says_whatever_the_status(code: int) -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (400, code)}
        failure = _failure(_send(twilio.url))
    assert (failure.reason, failure.permanent) == ERRORS[code]
    assert str(code) in failure.detail
    assert ONE not in failure.detail


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, (Reason.REJECTED, True)), (429, (Reason.RATE_LIMITED, False)), (503, (Reason.SERVER_ERROR, False))],
)
def test_an_unknown_code_goes_by_the_http_status(status: int, expected: tuple[Reason, bool]) -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (status, 29999)}
        failure = _failure(_send(twilio.url))
    assert (failure.reason, failure.permanent) == expected


def test_retry_after_is_read() -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (429, 20429)}
        twilio.headers = {"Retry-After": "7"}
        assert _failure(_send(twilio.url)).retry_after_us == 7_000_000


def test_recipients_are_judged_one_by_one() -> None:
    with fake_twilio() as twilio:
        twilio.errors = {TWO: (400, 21610)}
        receipts = _send(twilio.url, to=(ONE, TWO, THREE))
    assert [receipt.outcome for receipt in receipts] == ["accepted", "failed", "accepted"]
    assert [to for to, _body in twilio.sent] == [ONE, THREE]


def test_what_fails_for_one_as_for_all_is_not_tried_for_all() -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (503, 20503)}
        receipts = _send(twilio.url, to=(ONE, TWO, THREE))
        assert len(twilio.requests) == 1
    assert [receipt.outcome for receipt in receipts] == ["failed"] * 3


def test_a_wrong_token_is_permanent_and_stays_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", "hunter2-wrong")
    with fake_twilio() as twilio:
        failure = _failure(_send(twilio.url))
    assert (failure.reason, failure.permanent) == (Reason.AUTH, True)
    assert "hunter2" not in str(failure)


def test_an_answer_that_is_lost_is_ambiguous_and_one_that_cannot_be_read_too() -> None:
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[Reason, bool]:
            failure = _failure(_send(f"http://127.0.0.1:{port}", timeout_s=time_s))
            return failure.reason, failure.ambiguous

        assert given_time(attempt, (Reason.TIMEOUT, True)) == (Reason.TIMEOUT, True)
    with refused_port() as port:
        failure = _failure(_send(f"http://127.0.0.1:{port}"))
        assert (failure.reason, failure.ambiguous) == (Reason.UNREACHABLE, False)
    with fake_twilio() as twilio:
        twilio.answer = lambda _request: Answer(201, {}, b"<html>")  # type: ignore[method-assign,assignment]
        failure = _failure(_send(twilio.url))
        assert (failure.permanent, failure.ambiguous) == (False, True)


def test_a_long_text_is_cut_but_not_the_notes_nor_the_reference() -> None:
    notes = ("It may have reached you already by tier 1 (web).",)
    text = sms_text(message(summary="word " * 200, notes=notes), 1600)
    assert len(text) <= 1600
    short = sms_text(message(notes=notes), 160)
    assert 150 < len(short) <= 160
    assert notes[0] in short
    assert "…" in short
    assert short.endswith("\nref mg-0123456789ab")


def _with_code(code: str, *, step: str = "firing", **more: Any) -> Message:
    return msgspec.structs.replace(message(step=step, **more), code=code)


@pytest.mark.parametrize("code", ["K7F", "INC-123456", ""])
@pytest.mark.parametrize("chars", [70, 100, 160, 480, 1600])
def test_a_text_message_ends_with_how_to_answer_it_however_short_it_must_be(chars: int, code: str) -> None:
    notes = ("It may have reached you already by tier 1 (web).", "word " * 400)
    text = sms_text(_with_code(code, summary="word " * 300, notes=notes), chars, answered=True)
    assert len(text) <= chars
    how = text.splitlines()[-1]
    assert how.startswith(f"Reply ACK {code}".strip())
    assert text.startswith("[CRITICAL]")
    asked = parse(how.removeprefix("Reply ").removesuffix(" to take it on, or HELP."))
    assert isinstance(asked, Reply)
    assert (asked.kind, asked.target) == ("acknowledge", code)


def test_a_text_message_with_room_says_it_in_full() -> None:
    told = sms_text(_with_code("K7F"), 480, answered=True)
    assert told.endswith("\nref mg-0123456789ab\nReply ACK K7F to take it on, or HELP.")


def test_where_nobody_listens_a_text_message_names_the_code_alone() -> None:
    assert sms_text(_with_code("K7F"), 480).endswith("\nref mg-0123456789ab, code K7F")
    assert sms_text(_with_code(""), 480).endswith("\nref mg-0123456789ab")


def test_what_is_over_is_not_to_be_answered() -> None:
    told = sms_text(_with_code("", step="resolved"), 480, answered=True)
    assert told.endswith("\nref mg-0123456789ab")
