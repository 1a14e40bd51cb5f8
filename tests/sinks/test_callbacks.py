import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from alerts.codes import ShortCodes
from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.links import Action, Keys
from alerts.responses import Responses, Said
from alerts.store import AlertStore
from alerts.trail import Trail
from config.callbacks import CallbackSettings
from config.delivery import StoreSettings
from config.duty import PersonSettings
from config.links import LinkSettings
from config.settings import Settings
from detectors.contract import AlertChange
from sinks.callbacks.app import build_callbacks
from sinks.callbacks.metrics import CallbackMetrics
from sinks.callbacks.serve import CallbackServer
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.notifier import channel_settings
from tests.support.patience import PATIENCE_S
from tests.support.receipts import BEN, EVE, Phones, sms, voice
from tests.support.twilio import TOKEN, FakeTwilio, fake_twilio

PUBLIC = "https://alerts.example.com/makegood"
SECRET = "hunter2-links-0123456789"
STRANGER = "+15005550099"
AT = CallbackSettings(listen="127.0.0.1:0", public_url=PUBLIC)
LINKS = LinkSettings.model_validate({"base_url": PUBLIC, "secret": {"env": "MG_TEST_LINKS"}})


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)
    monkeypatch.setenv("MG_TEST_LINKS", SECRET)


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as server:
        yield server


class House(Phones):
    """A notifier and its callbacks, served for real behind a proxy that takes the path away."""

    def __init__(self, store: AlertStore, tmp_path: Path, twilio: FakeTwilio, **more: Any) -> None:
        super().__init__(store, tmp_path, twilio, callbacks=AT, links=LINKS, **more)
        first = more.get("first") or sms(twilio, to=more.get("to", [BEN]))
        name = "sms"
        self.settings = Settings(
            channels=channel_settings({name: first}),
            people={"ben": PersonSettings.model_validate({"receiver": "ops", "phone": BEN, "zone": "Europe/London"})},
            callbacks=AT,
            links=LINKS,
        )
        self.counted = CollectorRegistry()
        self.app = build_callbacks(
            store,
            self.settings,
            metrics=CallbackMetrics(self.counted),
            receipts=self.notifier.metrics,
            clock_us=self.clock,
        )
        self.base = ""

    @contextmanager
    def serving(self) -> Iterator["House"]:
        with CallbackServer(self.app, AT.listen) as server:
            self.base = f"http://127.0.0.1:{server.port}"
            self.twilio.way = (PUBLIC, self.base)
            yield self

    def count(self, kind: str, result: str) -> float:
        return self.counted.get_sample_value("makegood_callbacks_total", {"kind": kind, "result": result}) or 0.0

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, f"{self.base}{path}", trust_env=False, timeout=PATIENCE_S, **more)

    def sms_url(self) -> str:
        return f"{PUBLIC}/twilio/sms/sms"

    def by(self, alert: AlertChange) -> str:
        standing = Responses(self.store).of(alert.fingerprint)
        return "" if standing is None or standing.acknowledgement is None else standing.acknowledgement.by

    def code(self, alert: AlertChange) -> str:
        return ShortCodes(self.store).short_code(alert.fingerprint)


@pytest.fixture
def house(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> Iterator[House]:
    with House(store, tmp_path, twilio, to=[BEN, EVE]).serving() as one:
        yield one


@pytest.fixture
def phone(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> Iterator[House]:
    with House(store, tmp_path, twilio, first=voice(twilio)).serving() as one:
        yield one


def _told(house: House, alert: AlertChange | None = None) -> AlertChange:
    alert = change(summary="Checkout is slow") if alert is None else alert
    house.store.apply([alert])
    house.drain()
    return alert


def test_a_message_is_delivered_when_twilio_reports_it(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    for number in (1, 2):
        assert twilio.report(f"SM{number:032x}", "sent").status_code == 204
    house.drain()
    assert house.status(alert.fingerprint) == ["pending"]
    for number in (1, 2):
        assert twilio.report(f"SM{number:032x}", "delivered", RawDlrDoneDate="1502211201").status_code == 204
    assert twilio.report(f"SM{1:032x}", "delivered").status_code == 204
    house.drain()
    assert house.status(alert.fingerprint) == ["delivered"]
    assert (house.count("receipt", "taken"), house.count("receipt", "repeated")) == (4, 1)
    labels = {"channel": "sms", "outcome": "delivered"}
    assert house.registry.get_sample_value("makegood_receipts_total", labels) == 2
    assert house.told() == []


def test_an_undelivered_message_goes_down_a_tier_with_twilios_words(house: House, twilio: FakeTwilio) -> None:
    _told(house)
    twilio.report(f"SM{1:032x}", "undelivered", 30006)
    house.drain()
    (line,) = house.told()
    assert "Twilio says undelivered, error 30006: a landline" in line["notes"][0]


@pytest.mark.parametrize("fault", ["token", "signature", "empty", "url", "field"])
def test_what_twilio_did_not_sign_is_refused_and_has_no_effect(fault: str, house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    sid = f"SM{1:032x}"
    url = twilio.made[sid]["StatusCallback"]
    said = {"MessageSid": sid, "MessageStatus": "delivered", "To": BEN}
    signature = twilio.sign(url, said)
    if fault == "token":
        twilio.token = "another"
        signature = twilio.sign(url, said)
    elif fault == "signature":
        signature = signature[:-2] + ("A=" if signature[-2] != "A" else "B=")
    elif fault == "empty":
        signature = ""
    elif fault == "url":
        url = url.replace("key=mg-", "key=mg-0")
    else:
        said["MessageStatus"] = "undelivered"
    with capture_logs() as logs:
        assert twilio.post(url, said, signature).status_code == 403
    assert house.count("receipt", "refused") == 1
    assert house.record(alert).receipts == []
    assert TOKEN not in str(logs)


def test_nothing_is_believed_where_the_token_that_twilio_signs_with_is_not_known(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"api_key_sid": "SK" + "0" * 32}
    rig = House(store, tmp_path, twilio, first=sms(twilio, **more))
    with rig.serving():
        said = {"MessageSid": f"SM{1:032x}", "MessageStatus": "delivered", "To": BEN}
        assert twilio.post(f"{PUBLIC}/twilio/status/sms", said).status_code == 403
    monkeypatch.setenv("MG_TEST_SIGNING", "the-accounts-own")
    twilio.token = "the-accounts-own"
    more["signing_token"] = {"env": "MG_TEST_SIGNING"}  # type: ignore[assignment]
    rig = House(store, tmp_path, twilio, first=sms(twilio, **more))
    with rig.serving():
        assert twilio.post(f"{PUBLIC}/twilio/status/sms", said).status_code == 204
    assert rig.count("receipt", "early") == 1


def test_a_channel_whose_reports_could_not_be_checked_is_asked_instead(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    first = sms(twilio, api_key_sid="SK" + "0" * 32)
    twilio.user = "SK" + "0" * 32
    rig = House(store, tmp_path, twilio, first=first)
    alert = _told(rig)
    assert "StatusCallback" not in twilio.made[f"SM{1:032x}"]
    twilio.statuses[f"SM{1:032x}"] = ("delivered", None)
    rig.run(3)
    assert rig.status(alert.fingerprint) == ["delivered"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ack", "{code}: acknowledged. Checkout is slow"),
        ("Ok", "{code}: acknowledged. Checkout is slow"),
        ("ack {code} 30m", "{code}: acknowledged until 12:30 GMT. Checkout is slow"),
        ("{code} ack", "{code}: acknowledged. Checkout is slow"),
        ("comment the vendor knows", "{code}: comment kept. Checkout is slow"),
        ("unack", "{code}: nobody had acknowledged it: nothing to do."),
        ("ack Z9Z9", "There is no alert Z9Z9 any more: nothing was done."),
        ("ack until 14:30", "Say for how long, not until when: ACK 30m, ACK 2h."),
        ("what?", "Not understood: 'what?'."),
        ("help", "Reply ACK, ACK 30m"),
        ("", "Nothing was written."),
    ],
)
def test_a_text_message_is_answered_with_what_was_understood(
    text: str, expected: str, house: House, twilio: FakeTwilio
) -> None:
    alert = _told(house)
    code = house.code(alert)
    answer = twilio.write(house.sms_url(), BEN, text.replace("{code}", code))
    assert answer.startswith(expected.replace("{code}", code))
    assert house.by(alert) == ("ben" if "acknowledged" in expected and "nobody" not in expected else "")


def test_what_a_text_message_ends_with_answers_the_alert_that_it_is_about(house: House, twilio: FakeTwilio) -> None:
    first = _told(house)
    second = _told(house, change("Other", summary="The app is slow"))
    told = [text for to, text in twilio.sent if to == BEN]
    how = [re.fullmatch(r"Reply (ACK \S+) to take it on, or HELP\.", text.splitlines()[-1]) for text in told]
    assert len(how) == 2
    assert how[0] is not None
    assert "Checkout is slow" in told[0]
    answer = twilio.write(house.sms_url(), BEN, how[0][1])  # without the code it would be about the second
    assert answer == f"{house.code(first)}: acknowledged. Checkout is slow"
    assert (house.by(first), house.by(second)) == ("ben", "")


def test_a_recipient_who_is_no_person_of_the_settings_answers_by_number(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    assert "acknowledged" in twilio.write(house.sms_url(), EVE, "ack")
    assert house.by(alert) == EVE


def test_a_stranger_is_not_answered(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    assert twilio.write(house.sms_url(), STRANGER, f"ack {house.code(alert)}") == ""
    assert (house.by(alert), house.count("sms", "unknown_sender")) == ("", 1)


def test_the_same_text_message_twice_is_one(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    first = twilio.write(house.sms_url(), BEN, "comment again and again")
    assert twilio.write(house.sms_url(), BEN, "comment again and again") == first
    standing = Responses(house.store).of(alert.fingerprint)
    assert standing is not None
    assert len(standing.responses) == 1
    assert (house.count("sms", "taken"), house.count("sms", "repeated")) == (1, 1)


def test_who_was_told_nothing_is_asked_for_a_code(house: House, twilio: FakeTwilio) -> None:
    assert "put the alert's code" in twilio.write(house.sms_url(), BEN, "ack")


def test_in_a_call_1_acknowledges_and_is_the_receipt(phone: House, twilio: FakeTwilio) -> None:
    alert = _told(phone)
    sid = f"CA{1:032x}"
    assert "Press 1 to acknowledge, 2 to pass it on, 9 to hear it again." in twilio.made[sid]["Twiml"]
    heard = twilio.press(sid, "1")
    assert "acknowledged. Checkout is slow" in heard
    assert "<Hangup/>" in heard
    assert phone.by(alert) == "ben"
    phone.drain()
    assert phone.status(alert.fingerprint) == ["delivered"]
    assert [(one.status, one.via) for one in phone.record(alert).receipts] == [("acknowledged", "phone")]
    twilio.press(sid, "1")
    assert phone.count("voice", "repeated") == 1


def test_in_a_call_2_passes_it_on_to_the_next_tier_also_when_the_call_then_ends_well(
    phone: House, twilio: FakeTwilio
) -> None:
    alert = _told(phone)
    sid = f"CA{1:032x}"
    assert "Passed on." in twilio.press(sid, "2")
    twilio.report(sid, "completed", CallDuration="21")
    phone.drain()
    (line,) = phone.told()
    assert "ben was reached and passed it on" in line["notes"][0]
    assert phone.by(alert) == ""
    assert phone.store.client.hgetall(phone.store.keys.named("failing")) == {}  # the channel is not to blame
    standing = Responses(phone.store).of(alert.fingerprint)
    assert standing is not None
    assert [one.kind for one in standing.responses] == ["comment"]


def test_in_a_call_9_reads_it_again_and_what_is_not_understood_too(phone: House, twilio: FakeTwilio) -> None:
    _told(phone)
    sid = f"CA{1:032x}"
    first = twilio.made[sid]["Twiml"]
    for digit in ("9", "7"):
        again = twilio.press(sid, digit)
        assert again.removeprefix('<?xml version="1.0" encoding="UTF-8"?>') == first
    assert "acknowledged" in twilio.press(sid, "1", again)


def test_a_call_that_nobody_answers_goes_down_a_tier(phone: House, twilio: FakeTwilio) -> None:
    alert = _told(phone)
    twilio.report(f"CA{1:032x}", "no-answer")
    phone.drain()
    assert phone.tries(alert.fingerprint)[1] == ("sms", "failed", "no_receipt")
    assert "nobody answered" in phone.told()[0]["notes"][0]


def test_a_call_that_was_heard_is_delivered(phone: House, twilio: FakeTwilio) -> None:
    alert = _told(phone)
    assert twilio.report(f"CA{1:032x}", "completed", CallDuration="31").status_code == 204
    phone.drain()
    assert (phone.status(alert.fingerprint), phone.told()) == (["delivered"], [])


def _path(house: House, alert: AlertChange, **more: Any) -> str:
    fields = {"action": "acknowledge", "kind": "alert", "subject": alert.fingerprint, "episode_us": alert.starts_at_us}
    fields |= {"expires_us": house.clock() + 60 * MINUTE_US, **more}
    return f"/act/{Keys(SECRET.encode()).sign(Action(**fields))}"  # type: ignore[arg-type]


def test_opening_a_link_does_nothing_and_pressing_its_button_acknowledges_once(house: House) -> None:
    alert = _told(house, change(summary="<b>Checkout</b> & more"))
    path = _path(house, alert)
    for method in ("GET", "HEAD", "GET"):
        shown = house.request(method, path)
        assert shown.status_code == 200
    assert "&lt;b&gt;Checkout&lt;/b&gt; &amp; more (firing)" in shown.text
    assert '<form method="post">' in shown.text
    assert house.by(alert) == ""
    done = house.request("POST", path, data={"by": " Eve  <x> "})
    assert "Acknowledged." in done.text
    assert "By Eve &lt;x&gt;." in done.text
    assert house.by(alert) == "Eve <x>"
    again = house.request("POST", path, data={"by": "Mallory"})
    assert "By Eve &lt;x&gt;." in again.text
    assert house.by(alert) == "Eve <x>"
    assert "acknowledged by Eve <x>" in unescape(house.request("GET", path).text)
    assert (house.count("link", "taken"), house.count("link", "repeated")) == (1, 1)


def test_a_link_knows_whom_it_was_sent_to(house: House) -> None:
    alert = _told(house)
    path = _path(house, alert, person="ben")
    assert "As ben" in house.request("GET", path).text
    house.request("POST", path, data={"by": "Mallory"})
    assert house.by(alert) == "ben"


def test_answers_by_message_and_by_link_are_in_the_audit_log_once(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    for _ in range(2):
        twilio.write(house.sms_url(), BEN, "comment again and again")
        house.request("POST", _path(house, alert, person="eve"))
    linked, said = (kept.entry for kept in Trail(house.store).newest_first())
    assert (said.action, said.who, said.via, said.why) == ("alert.comment", "ben", "sms", "again and again")
    assert (linked.action, linked.who, linked.via) == ("alert.acknowledge", "eve", "link")
    assert said.object == linked.object == f"alert:{alert.fingerprint}"


def test_a_link_of_an_earlier_episode_does_nothing_to_the_later_one(house: House) -> None:
    alert = _told(house)
    _told(house, change(step="resolved", at_us=START_US + MINUTE_US))
    later = START_US + 5 * MINUTE_US
    anew = _told(house, change(at_us=later, starts_at_us=later))
    answer = house.request("POST", _path(house, alert), data={})
    assert "has fired anew since" in answer.text
    assert house.by(anew) == ""


@pytest.mark.parametrize(("action", "word"), [("resolve", "Resolved"), ("comment", "Comment kept")])
def test_links_can_resolve_and_comment(action: str, word: str, house: House) -> None:
    alert = _told(house)
    path = _path(house, alert, action=action)
    assert house.request("GET", path).status_code == 200
    assert word in house.request("POST", path, data={"text": "the vendor knows", "by": "eve"}).text
    record = house.store.get(alert.fingerprint)
    assert record is not None
    assert record.current.status == ("resolved" if action == "resolve" else "firing")


def test_links_that_nobody_signed_or_that_ran_out_say_so(house: House) -> None:
    alert = _told(house)
    path = _path(house, alert)
    flipped = path[:-1] + ("A" if path[-1] != "A" else "B")
    old = _path(house, alert, expires_us=house.clock() - 1)
    for wrong, status in [(flipped, 404), (old, 410), ("/act/x", 404), (_path(house, alert, subject="0" * 16), 404)]:
        for method in ("GET", "POST"):
            answer = house.request(method, wrong, data={} if method == "POST" else None)
            assert answer.status_code == status
            assert "<form" not in answer.text
    assert house.by(alert) == ""


def test_pages_cannot_be_framed_cached_or_leak_their_address(house: House) -> None:
    headers = house.request("GET", _path(house, _told(house))).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "server" not in headers


def test_the_style_is_allowed_by_its_hash(house: House) -> None:
    answer = house.request("GET", _path(house, _told(house)))
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_requests_beyond_the_bounds_are_refused(house: House) -> None:
    alert = _told(house)
    path = _path(house, alert)
    form = "application/x-www-form-urlencoded"
    large = b"by=" + b"x" * AT.max_body_bytes
    cases: list[tuple[bytes | Iterator[bytes], str, int]] = [
        (large, form, 413),
        (iter([large[:50_000], large[50_000:]]), form, 413),  # without a length
        (b"{}", "application/json", 415),
        (b"by=%ff", form, 400),
        ("by=\u00e9".encode(), form, 400),
        (b"&".join([b"a=1"] * 1000), form, 400),
    ]
    for body, kind, status in cases:
        answer = house.request("POST", path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status
    assert house.by(alert) == ""
    for method, other, status in [("GET", "/", 404), ("GET", "/twilio/sms/sms", 405), ("POST", "/twilio/sms/no", 404)]:
        assert house.request(method, other).status_code == status


def test_while_the_store_is_away_people_are_told_to_try_again(tmp_path: Path, twilio: FakeTwilio) -> None:
    with EmbeddedRedis(tmp_path / "redis") as server:
        store = AlertStore(connect(server.url, timeout_s=PATIENCE_S), StoreSettings())
        house = House(store, tmp_path, twilio)
        alert = _told(house)
        phone = House(store, tmp_path, twilio, first=voice(twilio))
        _told(phone, change(case_id="2"))
    with house.serving():
        path = _path(house, alert)
        assert twilio.report(f"SM{1:032x}", "delivered").status_code == 503
        assert "could not be kept" in twilio.write(house.sms_url(), BEN, "ack")
        assert house.request("GET", path).status_code == 503
        assert house.request("POST", path, data={}).status_code == 503
        assert [house.count(kind, "unavailable") for kind in ("receipt", "sms", "link")] == [1, 1, 2]
    with phone.serving():
        said = twilio.press(f"CA{1:032x}", "1")
        assert "Please press the digit again." in said
        assert twilio.press(f"CA{1:032x}", "1", said) == said
    store.client.close()


def test_responses_by_cli_and_by_phone_are_of_one_kind(house: House, twilio: FakeTwilio) -> None:
    alert = _told(house)
    said = Said(id="cli-1", by="eve", via="cli", at_us=house.clock())
    Responses(house.store).acknowledge(alert.fingerprint, said)
    twilio.write(house.sms_url(), BEN, "unack")
    assert house.by(alert) == ""
