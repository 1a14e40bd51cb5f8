import base64
import hashlib
import hmac
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.links import Action, Keys, LinkError, WeakSecretError, url_of
from config.links import LinkSettings
from config.secret import SecretMissingError

NEW, OLD = b"new-secret-0123456789", b"old-secret-0123456789"
KEYS = Keys(NEW)
DUE_US = 1_424_520_000_000_000
ACTION = Action(
    action="acknowledge", kind="alert", subject="0f3a9c5512de7f80", episode_us=DUE_US, expires_us=DUE_US + 60_000_000
)
texts = st.text(min_size=1, max_size=40)
actions = st.builds(
    Action,
    action=st.sampled_from(["acknowledge", "unacknowledge", "resolve", "comment", "reassign", "silence"]),
    kind=st.sampled_from(["alert", "incident", "notification"]),
    subject=texts | st.from_regex(r"[0-9a-fA-F]{16}", fullmatch=True),
    episode_us=st.none() | st.integers(-(2**50), 2**55),
    person=st.none() | texts,
    expires_us=st.integers(1, 2**33).map(lambda s: s * 1_000_000),
)


@given(actions)
def test_a_token_gives_back_what_was_signed_until_it_runs_out(action: Action) -> None:
    token = KEYS.sign(action)
    assert KEYS.verify(token, action.expires_us - 1) == action
    with pytest.raises(LinkError, match="expired") as caught:
        KEYS.verify(token, action.expires_us)
    assert caught.value.reason == "expired"


@given(actions, st.data())
def test_no_changed_token_is_taken(action: Action, data: st.DataObject) -> None:
    token = KEYS.sign(action)
    place = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from("ABCxyz019-_.=+/ é"))
    for changed in (token[:place] + sign + token[place + 1 :], token[:place], token + sign, token[::-1]):
        if changed != token:
            with pytest.raises(LinkError, match="not valid"):
                KEYS.verify(changed, 0)


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "a" * 5000, "." * 2000, "AAAA.AAAA", "\ud800.x"])
def test_what_is_no_token_is_not_valid(token: str) -> None:
    with pytest.raises(LinkError, match="not valid"):
        KEYS.verify(token, 0)


def test_the_secret_before_is_still_taken_and_others_are_not() -> None:
    token = Keys(OLD).sign(ACTION)
    assert Keys(NEW, [OLD]).verify(token, DUE_US) == ACTION
    with pytest.raises(LinkError):
        KEYS.verify(token, DUE_US)
    with pytest.raises(LinkError):
        Keys(OLD).verify(Keys(NEW, [OLD]).sign(ACTION), DUE_US)


def test_a_signature_made_for_something_else_with_the_same_secret_is_none_here() -> None:
    payload = base64.urlsafe_b64decode(KEYS.sign(ACTION).split(".")[0] + "==")
    bare = base64.urlsafe_b64encode(hmac.digest(NEW, payload, hashlib.sha256)[:16]).rstrip(b"=").decode()
    with pytest.raises(LinkError):
        KEYS.verify(KEYS.sign(ACTION).split(".")[0] + "." + bare, DUE_US)


def test_a_well_signed_payload_that_we_do_not_know_is_not_valid() -> None:
    payload = msgspec.msgpack.encode([99, 0, "x", b"", 1, None, None])
    text = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    signed = hmac.digest(NEW, b"makegood action link 1\0" + payload, hashlib.sha256)[:16]
    with pytest.raises(LinkError, match="not valid"):
        KEYS.verify(f"{text}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}", 0)


def test_a_token_is_short_enough_for_an_sms_and_safe_in_an_address() -> None:
    token = KEYS.sign(ACTION)
    assert len(token) <= 64
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_the_same_action_gives_the_same_token() -> None:
    assert KEYS.sign(ACTION) == Keys(NEW, [OLD]).sign(ACTION)


def test_a_short_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(WeakSecretError) as caught:
        Keys(b"hunter2")
    assert "hunter2" not in str(caught.value)
    assert "new-secret" not in repr(KEYS)


def test_secrets_come_from_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old"
    old.write_bytes(OLD + b"\n")
    settings = LinkSettings.model_validate(
        {"base_url": "https://mg.example.com/", "secret": {"env": "MG_TEST_LINKS"}, "previous": {"file": old}}
    )
    monkeypatch.delenv("MG_TEST_LINKS", raising=False)
    with pytest.raises(SecretMissingError, match="MG_TEST_LINKS"):
        Keys.of(settings)
    monkeypatch.setenv("MG_TEST_LINKS", NEW.decode())
    keys = Keys.of(settings)
    assert keys.verify(Keys(OLD).sign(ACTION), DUE_US) == ACTION
    token = keys.sign(ACTION)
    assert url_of(settings, token) == f"https://mg.example.com/act/{token}"


@pytest.mark.parametrize(
    "url", ["mg.example.com", "ftp://x", "https://", "https://x?y=1", "https://x y", "javascript:x"]
)
def test_links_begin_with_an_address_that_a_browser_opens(url: str) -> None:
    with pytest.raises(ValidationError, match="like https"):
        LinkSettings.model_validate({"base_url": url, "secret": {"env": "X"}})
