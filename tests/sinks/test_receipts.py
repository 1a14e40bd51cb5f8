from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from config.callbacks import CallbackSettings
from sinks.contract import Reason
from sinks.stages.transport import Step
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.http import Answer, http_server
from tests.support.notifier import Clock
from tests.support.receipts import BEN, EVE, LEASE_S, Killed, Phones
from tests.support.twilio import TOKEN, FakeTwilio, fake_twilio

TOLD = CallbackSettings(listen="127.0.0.1:0", public_url="https://alerts.example.com")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as server:
        yield server


def _phones(store: AlertStore, tmp_path: Path, twilio: FakeTwilio, **more: Any) -> Phones:
    return Phones(store, tmp_path, twilio, **{"callbacks": TOLD, **more})


def test_what_was_accepted_is_pending_until_its_receipt_says_delivered(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.run(60)
    assert rig.status(alert.fingerprint) == ["pending"]
    assert [rig.receipt(status) for status in ("queued", "sent")] == ["taken", "taken"]
    rig.run(30)
    assert rig.status(alert.fingerprint) == ["pending"]
    assert rig.receipt("delivered") == "taken"
    rig.drain()
    note = rig.record(alert)
    assert (note.status, note.note) == ("delivered", "by tier 1 (sms)")
    assert [(one.status, one.outcome, one.recipient) for one in note.receipts] == [
        ("queued", "accepted", BEN),
        ("sent", "accepted", BEN),
        ("delivered", "delivered", BEN),
    ]
    rig.run(300)
    assert rig.tries(alert.fingerprint) == [("sms", "accepted", "")]
    assert (len(twilio.sent), twilio.asked, rig.told()) == (1, [], [])
    assert rig.registry.get_sample_value("makegood_notifications_delivered_total", {"receiver": "ops"}) == 1


@pytest.mark.parametrize(
    ("status", "code", "reason", "words"),
    [
        ("undelivered", 30005, Reason.BAD_RECIPIENT, "error 30005: there is no such number"),
        ("undelivered", 30003, Reason.BAD_RECIPIENT, "error 30003: the phone cannot be reached"),
        ("failed", 30007, Reason.REJECTED, "error 30007: filtered as spam"),
        ("undelivered", None, Reason.SERVER_ERROR, "Twilio says undelivered, and not why"),
        ("failed", 39999, Reason.REJECTED, "https://www.twilio.com/docs/api/errors/39999"),
    ],
)
def test_what_was_not_delivered_goes_down_a_tier_at_once_with_twilios_cause(
    status: str, code: int | None, reason: Reason, words: str, store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.drain()
    rig.receipt(status, code)
    rig.drain()  # the clock stands still
    assert rig.tries(alert.fingerprint) == [
        ("sms", "accepted", ""),
        ("sms", "failed", str(reason)),
        ("second", "delivered", ""),
    ]
    (line,) = rig.told()
    assert words in line["notes"][0]
    assert not any("may have reached" in note for note in line["notes"])
    assert rig.record(alert).note == "by tier 2 (second)"


def test_without_a_receipt_in_time_the_next_tier_says_that_it_may_have_arrived(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio, receipt_within="90s")
    alert = change()
    store.apply([alert])
    rig.run(89)
    assert rig.told() == []
    rig.run(2)
    assert rig.tries(alert.fingerprint)[1:] == [("sms", "failed", "no_receipt"), ("second", "delivered", "")]
    (line,) = rig.told()
    assert "no receipt within 1m30s" in line["notes"][0]
    assert line["notes"][1] == "It may have reached you already by tier 1 (sms)."
    assert len(twilio.asked) == 1  # before it gave up, in case the report was lost


def test_a_report_that_got_lost_is_found_by_asking_before_giving_up(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio, receipt_within="90s")
    alert = change()
    store.apply([alert])
    rig.drain()
    twilio.statuses[f"SM{1:032x}"] = ("delivered", None)
    rig.run(89)
    assert twilio.asked == []
    rig.run(2)
    note = rig.record(alert)
    assert (note.status, [one.via for one in note.receipts], rig.told()) == ("delivered", ["asked"], [])


def test_where_nobody_listens_the_far_side_is_asked_at_growing_intervals(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio, callbacks=None, receipt_within="2m")
    alert = change()
    store.apply([alert])
    asked_at = []
    rig.drain()
    for second in range(150):
        before = len(twilio.asked)
        rig.clock.forward(1)
        rig.drain()
        asked_at += [second + 1] * (len(twilio.asked) - before)
    assert asked_at == [2, 6, 14, 30, 62, 120]
    assert "StatusCallback" not in twilio.made[f"SM{1:032x}"]
    assert len(rig.told()) == 1


@pytest.mark.parametrize(("status", "code", "told"), [("delivered", None, 0), ("undelivered", 30006, 1)])
def test_what_it_says_when_it_is_asked_counts(
    status: str, code: int | None, told: int, store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio, callbacks=None)
    alert = change()
    store.apply([alert])
    rig.drain()
    twilio.statuses[f"SM{1:032x}"] = (status, code)
    rig.run(3)
    assert (rig.status(alert.fingerprint), len(rig.told())) == (["delivered"], told)
    assert [one.outcome for one in rig.record(alert).receipts] == ["failed" if told else "delivered"]


def test_a_far_side_that_cannot_be_asked_is_no_news(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> None:
    rig = _phones(store, tmp_path, twilio, callbacks=None, receipt_within="20s")
    alert = change()
    store.apply([alert])
    rig.drain()
    answer = twilio.answer
    twilio.answer = lambda _request: Answer(503)  # type: ignore[method-assign,assignment]
    rig.run(10)
    assert rig.status(alert.fingerprint) == ["pending"]
    twilio.answer = answer  # type: ignore[method-assign]
    rig.receipt("delivered")
    rig.drain()
    assert rig.status(alert.fingerprint) == ["delivered"]


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize(("status", "told"), [("delivered", 0), ("undelivered", 1), ("sent", 0)])
def test_a_receipt_that_is_quicker_than_the_record_of_the_try_counts(
    status: str, told: int, by_key: bool, store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    def on_step(step: Step, key: str) -> None:
        if step == Step.SENT and len(twilio.sent) == 1 and not early:
            early.append(rig.receipt(status, 30005, key=key if by_key else ""))

    early: list[str] = []
    rig = _phones(store, tmp_path, twilio, on_step=on_step)
    alert = change()
    store.apply([alert])
    rig.drain()
    assert early == ["taken" if by_key else "early"]
    assert (len(rig.told()), len(twilio.sent)) == (told, 1)
    assert [one.status for one in rig.record(alert).receipts] == [status]
    assert rig.status(alert.fingerprint) == ["pending" if status == "sent" else "delivered"]


def test_a_receipt_that_comes_twice_is_kept_once(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.drain()
    assert [rig.receipt("delivered") for _ in range(3)] == ["taken", "repeated", "repeated"]
    rig.drain()
    assert len(rig.record(alert).receipts) == 1
    assert rig.receipt("delivered") == "repeated"


@pytest.mark.parametrize("order", [("undelivered", "delivered"), ("delivered", "undelivered"), ("delivered", "sent")])
def test_delivered_outweighs_in_whatever_order_receipts_come(
    order: tuple[str, ...], store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.drain()
    for status in order:
        rig.receipt(status)
    rig.drain()
    assert (rig.status(alert.fingerprint), rig.told()) == (["delivered"], [])


def test_a_receipt_that_comes_after_the_failover_is_recorded_and_changes_nothing(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.drain()
    rig.receipt("undelivered", 30003)
    rig.drain()
    rig.clock.forward(60)
    assert rig.receipt("delivered") == "taken"
    rig.run(60)
    note = rig.record(alert)
    assert (note.note, len(rig.told()), len(twilio.sent)) == ("by tier 2 (second)", 1, 1)
    assert [one.status for one in note.receipts] == ["undelivered", "delivered"]
    assert store.client.ttl(store.keys.receipts(note.key)) > 0


def test_a_receipt_that_comes_while_the_next_tier_tries_ends_the_trying(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    with http_server(Answer(503, {"Retry-After": "20"})) as server:
        rig = _phones(store, tmp_path, twilio, second={"type": "webhook", "url": server.url})
        alert = change()
        store.apply([alert])
        rig.drain()
        rig.receipt("undelivered", 30003)
        rig.run(5)
        asked = len(server.requests)
        assert asked == 1
        rig.receipt("failed", 30008)  # wakes nobody: it was given up already
        rig.drain()
        assert len(server.requests) == asked
        rig.receipt("delivered")
        rig.drain()
        note = rig.record(alert)
        assert (note.status, note.note) == ("delivered", "by tier 1 (sms); its receipt came late")
        rig.run(120)
        assert len(server.requests) == asked


def test_a_receipt_for_one_of_several_does_not_break_the_wait_that_a_far_side_asked_for(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    twilio.errors = {EVE: (429, 20429)}
    twilio.headers = {"Retry-After": "20"}
    rig = _phones(store, tmp_path, twilio, to=[BEN, EVE])
    store.apply([change()])
    rig.drain()
    asked = len(twilio.requests)
    rig.receipt("delivered")
    rig.run(19)
    assert len(twilio.requests) == asked
    twilio.errors = {}
    rig.run(2)
    assert [to for to, _text in twilio.sent] == [BEN, EVE]


def test_of_several_recipients_each_needs_a_receipt_and_nobody_who_has_one_is_told_again(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    with http_server(Answer(404)) as server:
        rig = _phones(store, tmp_path, twilio, to=[BEN, EVE], second={"type": "webhook", "url": server.url})
        alert = change()
        store.apply([alert])
        rig.drain()
        rig.receipt("delivered", number=1, to=BEN)
        rig.drain()
        assert rig.status(alert.fingerprint) == ["pending"]
        rig.receipt("undelivered", 30003, number=2, to=EVE)
        rig.run(20)  # the second tier fails, so that the first is used again
        assert [to for to, _text in twilio.sent] == [BEN, EVE, EVE]
        rig.receipt("delivered", number=3, to=EVE)
        rig.drain()
        assert rig.status(alert.fingerprint) == ["delivered"]


def test_where_accepted_is_enough_nothing_is_waited_for(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> None:
    rig = _phones(store, tmp_path, twilio, receipt_within=None)
    alert = change()
    store.apply([alert])
    rig.drain()
    assert (rig.status(alert.fingerprint), rig.told()) == (["delivered"], [])
    assert rig.receipt("undelivered", 30005) == "taken"  # for the record
    assert [one.status for one in rig.record(alert).receipts] == ["undelivered"]


def test_settings_that_stop_waiting_end_what_waits(store: AlertStore, tmp_path: Path, twilio: FakeTwilio) -> None:
    alert = change()
    rig = _phones(store, tmp_path, twilio)
    store.apply([alert])
    rig.drain()
    other = _phones(store, tmp_path, twilio, receipt_within=None, clock=rig.clock)
    other.run(121, step_s=5)
    assert (other.status(alert.fingerprint), other.told(), len(twilio.sent)) == (["delivered"], [], 1)


def test_a_resolve_waits_for_the_receipt_of_the_notice_that_it_resolves(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    store.apply([change()])
    rig.drain()
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
    rig.run(5)
    assert len(twilio.sent) == 1
    rig.receipt("delivered")
    rig.drain()
    assert len(twilio.sent) == 2


@pytest.mark.parametrize("status", ["sent", "delivered", "undelivered"])
def test_after_a_crash_before_the_record_the_receipt_says_what_was_sent(
    status: str, store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    keys: list[str] = []

    def on_step(step: Step, key: str) -> None:
        if step == Step.SENT:
            keys.append(key)
            raise Killed

    clock = Clock()
    dying = _phones(store, tmp_path, twilio, on_step=on_step, clock=clock)
    alert = change()
    store.apply([alert])
    with pytest.raises(Killed):
        dying.drain()
    assert dying.receipt(status, 30005, key=keys[0]) == "taken"
    rig = _phones(store, tmp_path, twilio, clock=clock)
    rig.run(LEASE_S * 2)  # the dead one's lease ends
    assert len(twilio.sent) == 1
    assert len(rig.told()) == (1 if status == "undelivered" else 0)
    assert rig.status(alert.fingerprint) == ["pending" if status == "sent" else "delivered"]
    if status == "sent":
        rig.receipt("delivered")
        rig.drain()
        assert rig.status(alert.fingerprint) == ["delivered"]


def test_after_a_crash_while_a_receipt_is_waited_for_another_notifier_goes_on_waiting(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    def on_step(step: Step, _key: str) -> None:
        if step == Step.RECORDED:
            raise Killed

    clock = Clock()
    dying = _phones(store, tmp_path, twilio, on_step=on_step, clock=clock)
    alert = change()
    store.apply([alert])
    with pytest.raises(Killed):
        dying.drain()
    rig = _phones(store, tmp_path, twilio, clock=clock)
    rig.run(LEASE_S * 2)
    assert (len(twilio.sent), rig.told(), rig.status(alert.fingerprint)) == (1, [], ["pending"])
    rig.receipt("delivered")
    rig.drain()
    assert rig.status(alert.fingerprint) == ["delivered"]


def test_an_old_receipt_of_a_crashed_send_does_not_stop_the_next_round(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    def on_step(step: Step, key: str) -> None:
        if step == Step.SENT and not keys:
            keys.append(key)
            raise Killed

    keys: list[str] = []
    with http_server(Answer(404)) as server:
        second = {"type": "webhook", "url": server.url}
        clock = Clock()
        dying = _phones(store, tmp_path, twilio, on_step=on_step, clock=clock, second=second)
        alert = change()
        store.apply([alert])
        with pytest.raises(Killed):
            dying.drain()
        rig = _phones(store, tmp_path, twilio, clock=clock, second=second)
        rig.run(LEASE_S * 2)  # takes over, and sends again: nothing is known
        assert len(twilio.sent) == 2
        rig.receipt("undelivered", 30003, number=1, key=keys[0])
        rig.receipt("undelivered", 30003, number=2)
        rig.run(20)
        assert len(twilio.sent) == 3


def test_a_receipt_of_nothing_that_is_known_is_kept_for_a_while(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    assert rig.receipt("delivered", number=77) == "early"
    assert rig.receipt("sent", number=77, key="mg-unknown") == "early"
    assert store.client.ttl(store.keys.named(f"receipt:SM{77:032x}")) > 0


def test_the_far_side_is_told_where_to_report_and_a_channel_whose_signature_cannot_be_checked_is_not(
    store: AlertStore, tmp_path: Path, twilio: FakeTwilio
) -> None:
    rig = _phones(store, tmp_path, twilio)
    alert = change()
    store.apply([alert])
    rig.drain()
    key = rig.record(alert).key
    url = twilio.made[f"SM{1:032x}"]["StatusCallback"]
    assert url == f"https://alerts.example.com/twilio/status/sms?key={key}"
