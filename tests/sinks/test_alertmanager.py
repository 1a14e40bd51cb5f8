from pathlib import Path
from typing import Any

import pytest

from sinks.channels.alertmanager import NEVER, AlertmanagerChannel, AlertmanagerSettings, posted
from sinks.contract import Message, Reason, Receipt
from tests.support.alertmanager_fake import (
    NEEDS_REAL,
    PASSWORD,
    TOKEN,
    USER,
    basic,
    fake_alertmanager,
    real_alertmanager,
)
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.golden import check_golden
from tests.support.http import Answer, HttpServer, black_hole, http_server, refused_port
from tests.support.incident_messages import GOLDEN_MESSAGES, told
from tests.support.patience import PATIENCE_S, given_time, until


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("MG_TEST_PASSWORD", PASSWORD)


def settings(*urls: str, **more: Any) -> AlertmanagerSettings:
    return AlertmanagerSettings.model_validate({"type": "alertmanager", "urls": urls, **more})


def channel_to(*urls: str, **more: Any) -> AlertmanagerChannel:
    return AlertmanagerChannel("am", settings(*urls, **more))


def send(message: Message, *urls: str, timeout_s: float = PATIENCE_S, **more: Any) -> list[Receipt]:
    channel = channel_to(*urls, **more)
    receipts = channel.send(message, channel.recipients, timeout_s)
    channel.close()
    return receipts


@pytest.mark.parametrize("case", sorted(GOLDEN_MESSAGES))
def test_what_goes_out_is_the_golden_list(case: str) -> None:
    with fake_alertmanager() as provider:
        (receipt,) = send(GOLDEN_MESSAGES[case], provider.url, generator_url="https://makegood.example.com")
    assert receipt.outcome == "delivered"
    (alerts,) = provider.posted
    check_golden(f"alertmanager/{case}", alerts)


def _posted(message: Message, **more: Any) -> dict[str, Any]:
    (alert,) = posted(message, settings("http://127.0.0.1:9093", **more))
    return alert


def test_a_firing_alert_ends_never_or_when_alertmanager_thinks() -> None:
    firing = told(change())
    assert _posted(firing)["endsAt"] == NEVER
    assert "endsAt" not in _posted(firing, hold=False)


def test_an_end_is_in_the_past_by_every_clock_and_never_before_the_start() -> None:
    accepted_us = told(change()).notification.accepted_us
    for at_us in (START_US + MINUTE_US, accepted_us - 1, accepted_us, accepted_us + 600 * MINUTE_US):
        for starts_at_us in (START_US, at_us - 1, at_us, at_us + 5 * MINUTE_US):
            alert = _posted(told(change(step="resolved", at_us=at_us, starts_at_us=starts_at_us)))
            assert alert["startsAt"] <= alert["endsAt"] <= "2015-02-21T12:29:00.000000Z"


def test_names_become_such_as_alertmanager_takes_and_own_labels_win() -> None:
    own: dict[str, Any] = {"a-b": "1", "9": "2", "team": "own"}
    alert = _posted(told(change(**own)), labels={"team": "x", "origin": "makegood"})
    assert alert["labels"]["a_b"] == "1"
    assert alert["labels"]["_9"] == "2"
    assert (alert["labels"]["team"], alert["labels"]["origin"]) == ("own", "makegood")


def test_every_member_of_a_cluster_is_sent_to_and_judged_alone() -> None:
    with fake_alertmanager() as one, fake_alertmanager() as two, refused_port() as port:
        away = f"http://127.0.0.1:{port}"
        receipts = send(GOLDEN_MESSAGES["firing"], one.url, away, two.url)
    assert [receipt.outcome for receipt in receipts] == ["delivered", "failed", "delivered"]
    assert [receipt.recipient for receipt in receipts] == [
        url.removeprefix("http://") for url in (one.url, away, two.url)
    ]
    assert one.posted == two.posted


def test_a_member_that_swallows_does_not_take_the_others_time() -> None:
    with fake_alertmanager() as two, black_hole() as port:

        def attempt(time_s: float) -> list[tuple[str, str]]:
            receipts = send(GOLDEN_MESSAGES["firing"], f"http://127.0.0.1:{port}", two.url, timeout_s=time_s)
            return [(one.outcome, "" if one.failure is None else one.failure.reason) for one in receipts]

        wanted = [("failed", str(Reason.TIMEOUT)), ("delivered", "")]
        assert given_time(attempt, wanted, 1) == wanted


def test_a_path_before_the_api_is_kept() -> None:
    with http_server(Answer(200, {}, b"")) as server:
        send(GOLDEN_MESSAGES["firing"], f"{server.url}/prefix/")
        assert server.requests[0].path == "/prefix/api/v2/alerts"


@pytest.mark.parametrize(
    ("login", "more"),
    [
        (f"Bearer {TOKEN}", {"bearer_token": {"env": "MG_TEST_TOKEN"}}),
        (basic(USER, PASSWORD), {"username": USER, "password": {"env": "MG_TEST_PASSWORD"}}),
    ],
)
def test_it_logs_in_for_alerts_and_for_its_health(login: str, more: dict[str, Any]) -> None:
    with fake_alertmanager(login) as provider:
        (receipt,) = send(GOLDEN_MESSAGES["firing"], provider.url, **more)
        assert receipt.outcome == "delivered"
        channel_to(provider.url, **more).check(PATIENCE_S)
        (refused,) = send(GOLDEN_MESSAGES["firing"], provider.url)
    assert refused.failure is not None
    assert (refused.failure.reason, refused.failure.permanent) == (Reason.AUTH, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": []},
        {"urls": ["http://127.0.0.1:1", "http://127.0.0.1:1/"]},
        {"username": "x"},
        {"password": {"env": "X"}},
        {"username": "x", "password": {"env": "X"}, "bearer_token": {"env": "X"}},
        {"username": "a:b", "password": {"env": "X"}},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="AlertmanagerSettings"):
        AlertmanagerSettings.model_validate({"type": "alertmanager", "urls": ["http://127.0.0.1:1"], **wrong})


def test_check_names_the_member_that_is_not_healthy() -> None:
    with fake_alertmanager() as good, http_server(Answer(503)) as bad:
        channel_to(good.url).check(PATIENCE_S)
        fine, ill = channel_to(good.url, bad.url).check(PATIENCE_S)
    assert (fine.failure, fine.said) == (None, "it is healthy")
    assert ill.subject == bad.url.removeprefix("http://")
    assert ill.failure is not None
    assert "503" in ill.failure.detail


@NEEDS_REAL
def test_the_real_one_tells_its_receiver_that_an_alert_fires_and_ends(tmp_path: Path) -> None:
    with http_server() as hook, real_alertmanager(tmp_path, hook.url, resolve_timeout="1s") as real:
        channel_to(real.url).check(PATIENCE_S)
        for case in sorted(GOLDEN_MESSAGES):
            (receipt,) = send(GOLDEN_MESSAGES[case], real.url, timeout_s=PATIENCE_S)
            assert receipt.outcome == "delivered", case
        started = told(change("Mine", summary="It began", severity="critical", service="pay"))
        send(started, real.url, timeout_s=PATIENCE_S)
        until(lambda: ("firing", "It began") in _told_of(hook, "Mine"), "the notification that it fires")
        # One without an end shows that `resolve_timeout` has passed: ours must still fire then.
        until(lambda: _sent_and_told(real.url, hook, "Loose"), "the notification of the alert without an end")
        until(lambda: "Loose" not in real.alerts(), "its end by itself")
        until(lambda: any(status == "resolved" for status, _ in _told_of(hook, "Loose")), "the news of it")
        mine = real.alerts()["Mine"]
        assert (mine["status"]["state"], mine["endsAt"]) == ("active", "9999-12-31T00:00:00.000Z")
        assert {status for status, _ in _told_of(hook, "Mine")} == {"firing"}
        ended = change(
            "Mine", step="resolved", summary="It ended", severity="critical", service="pay", at_us=START_US + 1
        )
        send(told(ended), real.url, timeout_s=PATIENCE_S)
        until(lambda: ("resolved", "It ended") in _told_of(hook, "Mine"), "the notification that it ended")
        assert "Mine" not in real.alerts()
        again = told(change("Mine", severity="critical", service="pay", summary="Again", starts_at_us=START_US + 2))
        send(again, real.url, timeout_s=PATIENCE_S)
        until(lambda: ("firing", "Again") in _told_of(hook, "Mine"), "the notification that it fires again")


def _sent_and_told(url: str, hook: HttpServer, name: str) -> bool:
    """Send an alert without an end, so that it goes on firing; return whether the receiver was told of it."""
    send(told(change(name, service="pay")), url, hold=False)
    return bool(_told_of(hook, name))


def _told_of(hook: HttpServer, name: str) -> list[tuple[str, str]]:
    """Return what the receiver was told of an alert: status and summary."""
    alerts = [alert for request in list(hook.requests) for alert in request.json["alerts"]]
    return [(one["status"], one["annotations"]["summary"]) for one in alerts if one["labels"]["alertname"] == name]
