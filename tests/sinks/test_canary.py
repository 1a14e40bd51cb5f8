"""Canaries: a channel that is broken is known, and raised, before an alert needs it."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alerts.store import AlertStore
from config.canary import CanarySettings
from config.settings import Settings
from sinks.canary import Canaries, load_canaries
from sinks.contract import Failure, Reason
from sinks.metrics import NotifierMetrics
from sinks.outbox import Outbox
from sinks.service import build_channels
from sinks.stages.record import Record
from tests.support.http import Answer, http_server, refused_port
from tests.support.notifier import Clock, channel_settings
from tests.support.twilio import ACCOUNT, SENDER, TOKEN, FakeTwilio


class Rig:
    """The canary of one channel, ``web``."""

    def __init__(self, store: AlertStore, channel: dict[str, Any], canary: dict[str, Any]) -> None:
        entries = channel_settings({"web": channel})
        settings = Settings(
            channels=entries, canary=CanarySettings.model_validate({"channels": {"web": canary}, "timeout": "2m"})
        )
        self.store, self.clock = store, Clock()
        metrics = NotifierMetrics(["web"], [], CollectorRegistry())
        self.record = Record(Outbox(store, clock_us=self.clock), metrics, self.clock, lambda _s: False, lambda *_: None)
        channels = build_channels(entries)
        self.canaries = Canaries(store, settings, channels, record=self.record, clock=self.clock)

    def run(self) -> bool:
        """Run it now; return whether the channel works."""
        self.clock.forward(60)
        result = self.canaries.run("web", self.clock())
        assert load_canaries(self.store) == {"web": result}
        return result.works

    def raised(self) -> list[str]:
        """Return the status of each alert about a channel."""
        return [record.current.status for record in self.store.list_alerts()]


@pytest.mark.parametrize("via", ["check", "message"])
def test_a_channel_that_fails_its_canary_is_raised_once_and_taken_back(store: AlertStore, via: str) -> None:
    with http_server() as server:
        rig = Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h", "via": via})
        assert rig.run()
        assert rig.raised() == []
        assert len(server.requests) == (2 if via == "message" else 0)  # it is opened, and closed
    with refused_port() as port:
        rig = Rig(store, {"type": "webhook", "url": f"http://127.0.0.1:{port}"}, {"every": "1h", "via": via})
        assert not rig.run()
        assert not rig.run()
        assert rig.raised() == ["firing"]
    with http_server() as server:
        again = Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h", "via": via})
        again.clock.forward(600)
        assert again.run()
        assert again.raised() == ["resolved"]


def test_a_passed_check_does_not_take_back_that_messages_fail(store: AlertStore) -> None:
    with http_server() as server:
        rig = Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h"})
        rig.record.channel_failed("web", Failure(reason=Reason.REJECTED, permanent=True, detail="HTTP 400"))
        assert rig.run()
        assert rig.raised() == ["firing"]
        sender = Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h", "via": "message"})
        sender.clock.forward(600)
        assert sender.run()
        assert sender.raised() == ["resolved"]


def test_a_canary_is_marked_as_a_test(store: AlertStore) -> None:
    with http_server() as server:
        Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h", "via": "message"}).run()
        assert all(request.json["title"].startswith("[TEST]") for request in server.requests)


def test_what_the_far_side_answers_is_kept(store: AlertStore) -> None:
    with http_server(Answer(401)) as server:
        rig = Rig(store, {"type": "webhook", "url": server.url}, {"every": "1h", "via": "message"})
        assert not rig.run()
    result = load_canaries(store)["web"]
    assert (result.via, result.reason, result.detail) == ("message", "auth", "HTTP 401")


@pytest.mark.parametrize(
    ("status", "works", "reason"),
    [("delivered", True, ""), ("undelivered", False, "bad_recipient"), ("queued", False, "no_receipt")],
)
def test_accepted_is_not_enough_where_a_provider_reports_later(
    store: AlertStore, monkeypatch: pytest.MonkeyPatch, status: str, works: bool, reason: str
) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    server = FakeTwilio()
    with server.serving():
        channel = {
            "type": "sms_twilio",
            "account_sid": ACCOUNT,
            "auth_token": {"env": "TOKEN"},
            "to": ["+15005550001"],
            "sender": SENDER,
            "base_url": server.url,
        }
        server.statuses = Always(status)
        within = "300ms" if status == "queued" else "30m"  # what comes is waited for, however slow a machine is
        rig = Rig(store, channel, {"every": "1d", "via": "message", "receipt_within": within})
        assert rig.run() is works
    assert load_canaries(store)["web"].reason == reason
    assert server.unexpected == []


class Always(dict[str, tuple[str, int | None]]):
    """One status for every message."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self._said = (status, 30003 if status == "undelivered" else None)

    def get(self, key: str, default: Any = None) -> Any:
        return self._said

    def __getitem__(self, key: str) -> tuple[str, int | None]:
        return self._said

    def __contains__(self, key: object) -> bool:
        return True


def test_each_canary_is_a_chore_with_its_own_period(store: AlertStore) -> None:
    rig = Rig(store, {"type": "console"}, {"every": "15m"})
    (chore,) = rig.canaries.chores()
    assert (chore.name, chore.next_us(0)) == ("canary:web", 900_000_000)
