"""What `makegood check` says about channels, links and answers."""

from typing import Any

import pytest

from config.problems import dotted
from pipeline.assembly import settings_model
from sinks.doubts import channel_doubts

SID = "AC0123456789abcdef0123456789abcdef"
SMS = {
    "type": "sms_twilio",
    "account_sid": SID,
    "auth_token": {"env": "T"},
    "sender": "+15005550006",
    "to": ["+15005550001"],
}
MAIL = {"type": "email", "host": "smtp.example.com", "sender": "a@example.com", "to": ["b@example.com"]}
HOOK = {"type": "webhook", "url": "https://pager.example.com/x"}
PUBLIC = "https://alerts.example.com"
LINKS = {"base_url": PUBLIC, "secret": {"env": "LINKS"}}
CALLBACKS = {"public_url": PUBLIC}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKS", "0123456789abcdef")
    monkeypatch.setenv("SHORT", "hunter2")


def doubts(**sections: Any) -> dict[str, str]:
    """Return what is doubtful of settings with an SMS channel that has a failover, by its place."""
    base: dict[str, Any] = {
        "channels": {"sms": SMS, "mail": MAIL},
        "receivers": {"desk": {"tiers": [{"channel": "sms"}, {"channel": "mail"}]}},
        "route": {"receiver": "desk"},
    }
    found = list(channel_doubts(settings_model().model_validate({**base, **sections})))
    assert {doubt.level for doubt in found} <= {"warning"}
    told = {dotted(doubt.path): doubt.message for doubt in found}
    assert len(told) == len(found)
    return told


@pytest.mark.parametrize("sections", [{}, {"callbacks": CALLBACKS}, {"callbacks": CALLBACKS, "links": LINKS}])
def test_what_is_as_the_pages_say_raises_no_doubt(sections: dict[str, Any]) -> None:
    assert doubts(**sections) == {}


def test_a_secret_that_is_too_short_to_sign_links_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doubts(callbacks=CALLBACKS, links={**LINKS, "secret": {"env": "SHORT"}})
    assert list(found) == ["links.secret"]
    assert "the secret in SHORT has 7 bytes" in found["links.secret"]
    assert "at least 16" in found["links.secret"]
    assert "openssl rand -hex 32" in found["links.secret"]
    assert "hunter2" not in str(found)
    assert list(doubts(callbacks=CALLBACKS, links={**LINKS, "previous": {"env": "SHORT"}})) == ["links.previous"]
    monkeypatch.delenv("SHORT")  # a secret that is elsewhere is no doubt here: a note tells of it
    assert doubts(callbacks=CALLBACKS, links={**LINKS, "previous": {"env": "SHORT"}}) == {}


def test_links_that_can_be_read_on_their_way_are_told() -> None:
    plain = "http://alerts.example.com"
    found = doubts(callbacks={"public_url": plain}, links={**LINKS, "base_url": plain})
    assert list(found) == ["links.base_url", "callbacks.public_url"]
    assert all("use https://" in told for told in found.values())


def test_links_that_lead_elsewhere_or_that_nobody_answers_are_told() -> None:
    found = doubts(callbacks=CALLBACKS, links={**LINKS, "base_url": "https://other.example.com"})
    assert list(found) == ["links.base_url"]
    assert "answered under callbacks.public_url, https://alerts.example.com" in found["links.base_url"]
    assert "there are no `callbacks`" in doubts(links=LINKS)["links.base_url"]
    slash = {**LINKS, "base_url": PUBLIC + "/"}
    assert doubts(callbacks=CALLBACKS, links=slash) == {}


def test_an_address_that_twilio_cannot_reach_is_told() -> None:
    here = {"public_url": "http://127.0.0.1:9466"}
    found = doubts(callbacks=here)
    assert "Twilio (sms) cannot reach http://127.0.0.1:9466" in found["callbacks.public_url"]
    stand_in = {**SMS, "base_url": "http://127.0.0.1:1", "allow_private_addresses": ["127.0.0.0/8"]}
    assert doubts(callbacks=here, channels={"sms": stand_in, "mail": MAIL}) == {}


def test_answers_whose_signature_cannot_be_checked_are_told() -> None:
    by_key = {**SMS, "api_key_sid": "SK0123456789abcdef0123456789abcdef"}
    found = doubts(callbacks=CALLBACKS, channels={"sms": by_key, "mail": MAIL})
    assert list(found) == ["channels.sms.api_key_sid"]
    assert "`signing_token`" in found["channels.sms.api_key_sid"]
    assert doubts(channels={"sms": by_key, "mail": MAIL}) == {}  # nobody listens: nothing is refused
    with_token = {**by_key, "signing_token": {"env": "T"}}
    assert doubts(callbacks=CALLBACKS, channels={"sms": with_token, "mail": MAIL}) == {}


@pytest.mark.parametrize(
    ("channel", "weak"),
    [(HOOK, True), (SMS, True), ({"type": "console"}, False), ({"type": "file", "path": "x.jsonl"}, False)],
)
def test_a_receiver_whose_only_tier_can_fail_is_told(channel: dict[str, Any], weak: bool) -> None:
    found = doubts(channels={"one": channel}, receivers={"desk": {"tiers": [{"channel": "one"}]}})
    assert list(found) == (["receivers.desk.tiers"] if weak else [])
    assert not weak or "one is its only tier: while it fails, nobody is told" in found["receivers.desk.tiers"]


def test_what_goes_in_the_clear_is_told() -> None:
    login = {**MAIL, "security": "none", "username": "u", "password": {"env": "P"}}
    assert (
        "mails, and the password with them, go to smtp"
        in doubts(channels={"sms": SMS, "mail": login})["channels.mail.security"]
    )
    assert doubts(channels={"sms": SMS, "mail": {**login, "host": "localhost"}}) == {}
    hook = {"type": "webhook", "url": "http://pager.example.com/x", "bearer_token": {"env": "P"}}
    tiers = {"desk": {"tiers": [{"channel": "mail"}, {"channel": "hook"}]}}
    told = doubts(channels={"mail": MAIL, "hook": hook}, receivers=tiers)["channels.hook.url"]
    assert told == "messages, and the token with them, go to pager.example.com in the clear; use https://"
