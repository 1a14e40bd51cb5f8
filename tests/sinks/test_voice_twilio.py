import xml.etree.ElementTree as ET
from typing import Any

import pytest
from pydantic import ValidationError

from sinks.channels.sms_twilio import SmsTwilioChannel, SmsTwilioSettings
from sinks.channels.voice_twilio import VoiceTwilioChannel, VoiceTwilioSettings, twiml
from sinks.contract import DeliveryError, Failure, Message, Reason, Receipt
from sinks.twilio_errors import ERRORS
from tests.support.error_tables import documented
from tests.support.golden import check_golden
from tests.support.http import Answer, black_hole, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.twilio import ACCOUNT, SENDER, TOKEN, fake_twilio

ONE, TWO, THREE = "+15005550001", "+15005550002", "+15005550003"
ACK = "https://alerts.example.com/ack?team=a&b"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)


def _settings(url: str = "http://127.0.0.1:1", to: tuple[str, ...] = (ONE,), **more: Any) -> VoiceTwilioSettings:
    entry = {"type": "voice_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}}
    return VoiceTwilioSettings.model_validate({**entry, "sender": SENDER, "to": to, "base_url": url, **more})


def _send(
    url: str, to: tuple[str, ...] = (ONE,), timeout_s: float = PATIENCE_S, told: Message | None = None, **more: Any
) -> list[Receipt]:
    channel = VoiceTwilioChannel("phone", _settings(url, to, **more))
    try:
        return channel.send(told or message(), to, timeout_s)
    finally:
        channel.close()


def _failure(receipts: list[Receipt]) -> Failure:
    failure = receipts[0].failure
    assert failure is not None
    return failure


def _said(text: str) -> list[str]:
    return [verb.text or "" for verb in _parsed(text).iter("Say")]


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def test_201_is_accepted_not_heard_with_twilios_id() -> None:
    with fake_twilio() as twilio:
        (receipt,) = _send(twilio.url)
    assert (receipt.outcome, receipt.provider_id) == ("accepted", f"CA{1:032x}")
    check_golden("voice_twilio/call", twilio.calls[0])


def test_with_everything_set() -> None:
    more: dict[str, Any] = {"language": "de-DE", "voice": "Polly.Vicki", "ring_for": "45s", "ack_url": ACK}
    more |= {"ack_prompt": "Taste <drücken>.", "status_callback": "https://alerts.example.com/twilio"}
    with fake_twilio() as twilio:
        _send(twilio.url, told=message(notes=("It may have reached you already.",)), **more)
    check_golden("voice_twilio/call_with_acknowledgement", twilio.calls[0])


def test_the_text_is_read_twice_with_a_pause_between() -> None:
    made = _parsed(twiml(message(), _settings()))
    assert [verb.tag for verb in made] == ["Say", "Pause", "Say"]
    assert made[0].text == made[2].text
    assert (made[0].text or "").startswith("[CRITICAL] Checkout is slow. Checkout is slow, in more words. Since 2015")


def test_a_digit_is_asked_for_only_where_it_can_go() -> None:
    assert "Gather" not in twiml(message(), _settings())
    made = _parsed(twiml(message(), _settings(ack_url=ACK)))
    assert [verb.tag for verb in made] == ["Gather"]
    assert [verb.tag for verb in made[0]] == ["Say", "Say", "Pause", "Say", "Say"]
    assert made[0].attrib["action"] == f"{ACK}&key={message().key}"
    assert made[0].attrib["numDigits"] == "1"


@pytest.mark.parametrize("summary", ["a & b < c > \"d\" 'e' ]]>", "\x00\x08bell\x1f \ud800 \ufffe", "🚨 Ünïcode"])
def test_what_is_read_is_well_formed_whatever_the_alert_says(summary: str) -> None:
    with fake_twilio() as twilio:
        (receipt,) = _send(twilio.url, told=message(summary=summary), ack_url=ACK)
    assert receipt.outcome == "accepted"


@pytest.mark.parametrize("word", ["word ", "& ", "🚨", "слово ", "'\"<>"])
@pytest.mark.parametrize("max_chars", [50, 1_500])
@pytest.mark.parametrize("ack_url", [None, ACK, "https://a.example/" + "a" * 900])
def test_a_long_text_is_cut_to_what_twilio_takes(word: str, max_chars: int, ack_url: str | None) -> None:
    notes = ("It may have reached you already by tier 1 (web).",)
    told = message(summary=word * 3_000, notes=notes)
    with fake_twilio() as twilio:
        (receipt,) = _send(twilio.url, told=told, max_chars=max_chars, ack_url=ack_url)
    assert receipt.outcome == "accepted"
    text = _said(twilio.calls[0]["Twiml"])[0]
    assert text.endswith("…")
    assert 1 < len(text) <= max_chars


def test_notes_are_read_before_the_text() -> None:
    notes = ("It may have reached you already by tier 1 (web).",)
    assert notes[0] in _said(twiml(message(notes=notes), _settings(max_chars=90)))[0]


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_known_error_code_means_what_the_table_says_whatever_the_status(code: int) -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (400, code)}
        failure = _failure(_send(twilio.url))
    assert (failure.reason, failure.permanent) == ERRORS[code]
    assert str(code) in failure.detail
    assert ONE not in failure.detail


def test_retry_after_is_read_and_the_others_are_not_tried() -> None:
    with fake_twilio() as twilio:
        twilio.errors = {ONE: (429, 20429)}
        twilio.headers = {"Retry-After": "7"}
        receipts = _send(twilio.url, to=(ONE, TWO))
        assert len(twilio.requests) == 1
    assert [_failure([receipt]).retry_after_us for receipt in receipts] == [7_000_000] * 2


def test_recipients_are_judged_one_by_one() -> None:
    with fake_twilio() as twilio:
        twilio.errors = {TWO: (400, 21215)}
        receipts = _send(twilio.url, to=(ONE, TWO, THREE))
    assert [receipt.outcome for receipt in receipts] == ["accepted", "failed", "accepted"]
    assert [call["To"] for call in twilio.calls] == [ONE, THREE]


def test_a_call_that_twilio_gave_up_at_once_is_a_failure() -> None:
    with fake_twilio() as twilio:
        made = b'{"sid": "CA1", "status": "busy"}'
        twilio.answer = lambda _request: Answer(201, {}, made)  # type: ignore[method-assign,assignment]
        failure = _failure(_send(twilio.url))
    assert not failure.ambiguous
    assert "busy" in failure.detail


def test_an_answer_that_is_lost_is_ambiguous_and_a_refused_connection_is_not() -> None:
    with black_hole() as port:

        def attempt(time_s: float) -> tuple[Reason, bool]:
            failure = _failure(_send(f"http://127.0.0.1:{port}", timeout_s=time_s))
            return failure.reason, failure.ambiguous

        assert given_time(attempt, (Reason.TIMEOUT, True)) == (Reason.TIMEOUT, True)
    with refused_port() as port:
        failure = _failure(_send(f"http://127.0.0.1:{port}"))
        assert (failure.reason, failure.ambiguous) == (Reason.UNREACHABLE, False)


def test_the_check_asks_for_the_account_and_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    sms = {"type": "sms_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
    with fake_twilio() as twilio:
        texts = SmsTwilioSettings.model_validate({**sms, "to": [ONE], "base_url": twilio.url})
        channels: list[VoiceTwilioChannel | SmsTwilioChannel] = [
            VoiceTwilioChannel("phone", _settings(twilio.url)),
            SmsTwilioChannel("sms", texts),
        ]
        for channel in channels:
            channel.check(PATIENCE_S)
        twilio.account_status = "suspended"
        for channel in channels:
            with pytest.raises(DeliveryError, match="suspended"):
                channel.check(PATIENCE_S)
        monkeypatch.setenv("MG_TEST_TWILIO", "hunter2-wrong")
        with pytest.raises(DeliveryError, match="20003") as caught:
            channels[0].check(PATIENCE_S)
        assert "hunter2" not in str(caught.value)
        monkeypatch.delenv("MG_TEST_TWILIO")
        with pytest.raises(DeliveryError, match="MG_TEST_TWILIO"):
            channels[0].check(PATIENCE_S)
    assert twilio.calls == []
    assert twilio.sent == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"sender": "0049123"}, "sender"),
        ({"to": []}, "to"),
        ({"to": ["12"]}, "to"),
        ({"language": "english please"}, "language"),
        ({"voice": '"/>'}, "voice"),
        ({"ring_for": "1s"}, "ring_for"),
        ({"ack_url": "ftp://a"}, "ack_url"),
        ({"status_callback": "nowhere"}, "status_callback"),
        ({"max_chars": 5_000}, "max_chars"),
        ({"ack_url": "https://a.example/" + "&" * 900}, "leave no room"),
    ],
)
def test_wrong_settings_are_refused(more: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        _settings(**more)


def test_the_page_has_the_table() -> None:
    told = {
        str(code): reason.value + ("" if is_permanent else " again") for code, (reason, is_permanent) in ERRORS.items()
    }
    assert documented("voice_twilio", r"\b\d{5,6}\b") == told
