"""What became of one notification, in a sentence."""

from typing import Any

from alerts.model import NotificationRecord, ReceiptRecord, Try
from config.base import ComponentSettings
from pipeline.explaining.notes import NoteTold
from pipeline.explaining.told import note_lines, sentence

NOW_US = 1_424_520_100_000_000
AT_US = 1_424_520_000_000_000
PHONE = "+15005550001"
CHANNELS = {name: ComponentSettings(type=kind) for name, kind in (("mail", "email"), ("sms", "sms_twilio"))}


def tried(tier: int, channel: str, outcome: Any, at_s: float, **more: Any) -> Try:
    return Try(tier=tier, channel=channel, outcome=outcome, at_us=AT_US + round(at_s * 1_000_000), **more)


def note(tries: list[Try], receipts: list[ReceiptRecord] | None = None, **more: Any) -> NoteTold:
    record = NotificationRecord(
        key="mg-1",
        changes=("c1",),
        receiver="desk",
        status="delivered",
        undelivered=False,
        accepted_us=AT_US,
        done_us=AT_US + 3_500_000,
        note="",
        tries=tries,
        receipts=receipts or [],
    )
    return NoteTold(record=record, **more)


def said(one: NoteTold) -> str:
    assert list(note_lines(one, CHANNELS, NOW_US))
    return sentence(one, CHANNELS, NOW_US)


def failed(tier: int, channel: str, at_s: float, reason: str, detail: str, **more: Any) -> Try:
    return tried(tier, channel, "failed", at_s, reason=reason, detail=detail, **more)


def test_it_says_what_the_password_did() -> None:
    tries = [
        failed(1, "mail", 0, "auth", "the server refused the password", took_us=100_000),
        failed(1, "mail", 3, "auth", "the server refused the password", took_us=100_000),
        tried(2, "sms", "accepted", 3.2, provider_ids={PHONE: "SM1"}, recipients=(PHONE,)),
    ]
    receipt = ReceiptRecord(
        channel="sms", recipient=PHONE, provider_id="SM1", status="delivered", outcome="delivered", at_us=AT_US
    )
    because = "because tier 1 (mail) failed: auth: the server refused the password; 2 tries in 3.1 s"
    after = "3.5 s after there was something to tell."
    assert said(note(tries, [receipt])) == f"By SMS (tier 2, sms), {because}; it has arrived, says the receipt; {after}"
    assert said(note(tries)) == (
        f"By SMS (tier 2, sms), {because}; accepted there, whether it arrived is not known; {after}"
    )


def test_what_passed_before_the_first_try_is_told_apart() -> None:
    told = said(note([tried(1, "mail", "delivered", 3)]))
    assert told.endswith("; 3.5 s after there was something to tell (3.0 s of them before the first try).")


def test_a_message_that_was_accepted_and_not_delivered_is_one_try() -> None:
    tries = [
        tried(1, "sms", "accepted", 0, provider_ids={PHONE: "SM1"}, recipients=(PHONE,)),
        failed(1, "sms", 12, "rejected", "Twilio says undelivered", recipients=(PHONE,)),
        tried(2, "mail", "delivered", 12.5),
    ]
    assert "because tier 1 (sms) failed: rejected: Twilio says undelivered; after 12.0 s" in said(note(tries))


def test_a_channel_that_was_left_alone_was_not_tried() -> None:
    tries = [failed(1, "mail", 0, "breaker_open", "5 failures in a row"), tried(2, "sms", "delivered", 0)]
    assert "(mail) failed: breaker_open: 5 failures in a row; 3.5 s after" in said(note(tries))


def test_the_try_that_worked_is_counted() -> None:
    tries = [failed(1, "mail", 0, "timeout", "no answer"), tried(1, "mail", "delivered", 1)]
    assert said(note(tries)).startswith("By e-mail (tier 1, mail), at try 2; ")


def test_a_round_in_which_every_tier_failed_is_told() -> None:
    tries = [
        failed(1, "mail", 0, "timeout", "no answer"),
        failed(2, "sms", 1, "timeout", "no answer"),
        tried(1, "mail", "delivered", 20),
    ]
    assert said(note(tries)).startswith("By e-mail (tier 1, mail); before that every tier had failed; ")


def test_what_a_channel_is_that_the_settings_have_no_longer_is_not_known() -> None:
    assert said(note([tried(1, "gone", "delivered", 0)])).startswith("By gone (tier 1, gone); ")
