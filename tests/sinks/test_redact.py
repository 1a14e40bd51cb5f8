import re

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.model import IncidentNote
from alerts.urgency import Urgency
from config.redaction import ChannelRedaction, RedactionSettings
from sinks.contract import Notification
from sinks.personal import is_card, is_iban, passes_luhn
from sinks.redact import Redactor, redacted
from tests.support.alerts import START_US, change

ON = RedactionSettings()
REDACTOR = Redactor(ON)
PERSONAL = [
    ("anna.smith+x@example.co.uk", "[email]"),
    ("write to <bo@b.de>, please.", "write to <[email]>, please."),
    ("ö@exämple.de", "[email]"),
    ("mailto:anna@example.com?subject=x", "mailto:[email]?subject=x"),
    ("a@b.com,c@d.org;e@f.net", "[email],[email];[email]"),
    ("+49 30 1234567", "[phone]"),
    ("+49 (0)30 / 123 45-67", "[phone]"),
    ("+1 (555) 123-4567", "[phone]"),
    ("+442071838750.", "[phone]."),
    ("0049 30 1234567", "[phone]"),
    ("0171 1234567", "[phone]"),
    ("(030) 123456", "[phone]"),
    ("555-123-4567", "[phone]"),
    ("tel 5551234567", "tel [phone]"),
    ("Phone no.: 030123456", "Phone no.: [phone]"),
    ("4111 1111 1111 1111", "[card]"),
    ("4111-1111-1111-1111", "[card]"),
    ("4111\u00a01111\u20091111.1111", "[card]"),
    ("card4111111111111111, exp 12/29", "card[card], exp 12/29"),
    ("378282246310005", "[card]"),
    ("99 4111 1111 1111 1111", "99 [card]"),
    ("4111111111111111 5500005555555559", "[card] [card]"),
    ("\uff14\uff11\uff11\uff11 1111 1111 1111", "[card]"),
    ("DE89 3704 0044 0532 0130 00", "[iban]"),
    ("gb82west12345698765432.", "[iban]."),
    ("to ab12 is DE89370400440532013000", "to ab12 is [iban]"),
]
HARMLESS = [
    "2015-02-21 12:00:00 UTC",
    "2015-02-21T12:00:00.000000Z",
    "2026-03-02T04:39:24.725028+00:00",
    "Mon 2 Feb 2026 10:00-12:00, 13:00-15:00",
    "09:00-17:00, 0800-1200",
    "1424520000000000",
    "1424520000000000000",
    "0f3a9c5512de7f80",
    "mg-0123456789abcdef0123456789abcdef",
    "550e8400-e29b-41d4-a716-446655440000",
    "a4111111111111111b2",
    "4111111111111112",
    "DE89370400440532013001",
    "18,400 EUR, 1,234,567.89 and 10 000 000 payments",
    "41 % failed of 120 payments (p = 3e-6), 0.00012345678",
    "5 of 120, 30 of 450, 1000 of 20000",
    "INC0012345 case 1042 order 123456789",
    "10.0.12.255 and 192.168.100.200",
    "v2.10.3, 12-34-56, 100-200-300",
    "c01710 worth 929.72",
    "@anna wrote #123456789",
    "https://wiki.example.com/run?book=12&page=123456",
    "20260302-120000-0001",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL)
def test_personal_data_is_taken_out(text: str, expected: str) -> None:
    assert REDACTOR.text(text) == expected
    assert REDACTOR.text(f"before: {text} after") == f"before: {expected} after"
    assert REDACTOR.text(REDACTOR.text(text)) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_ids_numbers_and_times_stay(text: str) -> None:
    assert REDACTOR.text(text) == text


def _card(digits: str) -> str:
    return next(digits + str(last) for last in range(10) if passes_luhn(digits + str(last)))


begins = st.sampled_from(["4", "51", "2221", "34", "37", "36", "6011", "62", "35", "50"])
cards = st.builds(
    lambda begin, rest, size: _card((begin + rest)[: size - 1]),
    begins,
    st.text("0123456789", min_size=18, max_size=18),
    st.integers(13, 19),
)
joints = st.sampled_from(["", " ", "-", ".", "\u00a0", " - ", "/", "_"])


@given(cards, st.lists(st.integers(1, 18), max_size=6), joints, st.text(), st.text())
def test_no_card_number_survives(number: str, cuts: list[int], joint: str, before: str, after: str) -> None:
    written = "".join(
        sign + (joint if place + 1 in cuts and place + 1 < len(number) else "") for place, sign in enumerate(number)
    )
    assume(not (before[-1:].isalnum() and any(sign.isdecimal() for sign in before)))  # a part of an id
    assume(not (after[:1].isalnum() and any(sign.isdecimal() for sign in after)))
    assert is_card(number)
    found = REDACTOR.text(f"{before}{written}{after}")
    assert number not in re.sub(r"\D", "", found.replace(before, "", 1)) or number in re.sub(r"\D", "", before + after)


@given(st.text("0123456789", min_size=1, max_size=24))
def test_a_number_that_is_no_card_stays(digits: str) -> None:
    assume(not is_card(digits))
    assert REDACTOR.text(f"order {digits} is late") == f"order {digits} is late"


@given(st.text("0123456789abcdef", min_size=16, max_size=64).filter(lambda text: not text.isdecimal()))
def test_fingerprints_and_keys_stay(text: str) -> None:
    runs = [run for run in re.findall(r"\d+", text) if is_card(run)]
    assume(not runs or sum(sign.isdecimal() for sign in text) > max(map(len, runs)))
    assume(not any(is_iban(text[at : at + size]) for at in range(len(text)) for size in range(15, 34)))
    assert REDACTOR.text(text) == text


@given(st.from_regex(r"[a-z0-9._%+-]{1,20}@([a-z0-9-]{1,10}\.){1,3}[a-z]{2,6}", fullmatch=True))
def test_no_address_survives(address: str) -> None:
    assert "@" not in REDACTOR.text(f"from {address} to us")


LONG = ["1 ", "0 1-", "4111", "a", "@", "a.", "AB12", "+49 ", "tel 1", "a@b.", "(030) 1", '": "', "DE89 "]


@pytest.mark.parametrize("piece", LONG)
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))  # takes minutes where the work grows with the square of the length
    assert len(REDACTOR.text(text)) <= len(text)


@given(st.text(max_size=300))
def test_it_never_fails_and_taking_out_again_changes_nothing(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@given(st.integers(0, 10**18 - 1))
def test_no_account_number_survives(number: int) -> None:
    account = f"{number:018d}"
    check = 98 - int(account + "131400") % 97  # DE00 behind it, as ISO 13616 has it
    iban = f"DE{check:02d}{account}"
    assert is_iban(iban)
    spaced = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    assert REDACTOR.text(f"account {iban}, {spaced}.") == "account [iban], [iban]."


def notification() -> Notification:
    alert = change(
        service="pay", customer="anna@example.com", customer_name="Anna Schmidt", summary="Anna SCHMIDT is back"
    )
    texts = {
        "description": 'Annabel stays; Anna goes. On her card 4111 1111 1111 1111: "call me on +49 30 1234567"',
        "recovery": "Schmidt, of DE89370400440532013000",
    }
    return Notification(
        key="mg-0123456789abcdef",
        receiver="ops@home",
        alerts=(msgspec.structs.replace(alert, annotations={**alert.annotations, **texts}),),
        group_labels={"customer": "anna@example.com"},
        accepted_us=START_US,
        notes=("Sent by tier 2 because recipient oncall@example.com was refused.",),
        left_out={"bo@example.com": 3},
        incident=IncidentNote(
            id="i-1", title="Anna Schmidt", evidence=("crm: anna@example.com",), blind=("x@example.com",)
        ),
        urgency=Urgency(rank=1, name="high", why="Anna Schmidt is important"),
    )


def test_everything_that_a_channel_could_send_is_cleaned() -> None:
    told = redacted(notification(), ON)
    seen = msgspec.json.encode(told).decode()
    for gone in ("example.com", "Schmidt", "SCHMIDT", "4111", "49 30", "DE8937", "Anna "):
        assert gone not in seen
    alert = told.alerts[0]
    assert alert.labels["customer"] == "[email]"
    assert alert.labels["customer_name"] == "[name]"
    assert alert.annotations["summary"] == "[name] is back"
    assert alert.annotations["description"].startswith("Annabel stays; [name] goes.")
    assert (told.key, told.receiver, alert.fingerprint) == (
        notification().key,
        "ops@home",
        notification().alerts[0].fingerprint,
    )
    assert (alert.labels["service"], alert.labels["alertname"]) == ("pay", "SlaBreach")


def test_what_is_kept_stays_globally_and_for_a_channel() -> None:
    keeps_mail = RedactionSettings(keep=("email",), labels=())
    assert redacted(notification(), keeps_mail).alerts[0].labels["customer"] == "anna@example.com"
    channel = ChannelRedaction(keep=("email", "name"))
    told = redacted(notification(), ON, channel)
    assert told.alerts[0].labels["customer_name"] == "Anna Schmidt"
    assert "[card]" in told.alerts[0].annotations["description"]


def test_a_channel_can_be_left_out_or_taken_in() -> None:
    assert redacted(notification(), ON, ChannelRedaction(enabled=False)) == notification()
    off = RedactionSettings(default=False)
    assert redacted(notification(), off) == notification()
    assert redacted(notification(), off, ChannelRedaction()) == redacted(notification(), ON)


def test_what_a_customer_wrote_goes_as_a_whole_where_it_is_not_kept() -> None:
    strict = RedactionSettings(keep=())
    text = 'Answered 1 on csat (bad): "he said "no" to me"; then: "again". End.'
    assert Redactor(strict).text(text) == 'Answered 1 on csat (bad): "[quote]". End.'
    assert REDACTOR.text(text) == text


def test_patterns_of_ones_own() -> None:
    settings = RedactionSettings(patterns={"policy": r"\bPOL-\d+\b"}, labels=())
    assert Redactor(settings).text("about POL-77, not XPOL-77") == "about [policy], not XPOL-77"
    assert Redactor(settings, ChannelRedaction(keep=("policy",))).text("POL-77") == "POL-77"


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a regular expression"), ("x*", "empty text"), ("(a+)+b", "for ever")]
)
def test_patterns_that_cannot_be_used_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RedactionSettings(patterns={"mine": pattern})


def test_pseudonyms_tell_whether_two_are_the_same_and_not_who(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RedactionSettings.model_validate({"pseudonyms": {"env": "MG_TEST_PSEUDONYMS"}})
    redactor = Redactor(settings)
    monkeypatch.delenv("MG_TEST_PSEUDONYMS", raising=False)
    assert redactor.text("a@b.com") == "[email]"
    monkeypatch.setenv("MG_TEST_PSEUDONYMS", "one")
    anna, bo = redactor.text("anna@b.com"), redactor.text("bo@b.com")
    assert re.fullmatch(r"\[email [0-9a-f]{6}\]", anna)
    assert anna == redactor.text("Anna@B.com") != bo
    monkeypatch.setenv("MG_TEST_PSEUDONYMS", "two")
    assert redactor.text("anna@b.com") != anna
