"""A drill breaks a receiver's primary in each way, and shows who would still be told, by the real tiers."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.delivery import ReceiverSettings
from config.settings import Settings
from sinks.contract import CHANNELS, Channel, ChannelSettings
from sinks.drill.cases import shared_doubts
from sinks.drill.drill import Drill
from sinks.drill.faults import FAULTS, Fault
from sinks.drill.report import ReceiverResult, load_drills, save_drill
from sinks.service import build_channels
from tests.support.http import http_server, refused_port
from tests.support.notifier import Clock, channel_settings
from tests.support.patience import PATIENCE_S


class Drilled:
    """A drill over real channels whose clock moves by what is waited for."""

    def __init__(self, channels: Mapping[str, Mapping[str, Any]], *tiers: str, **tier: Any) -> None:
        self.clock = Clock()
        entries = channel_settings(channels)
        ops = {"tiers": [{"channel": name, **tier} for name in tiers]}
        self.settings = Settings(
            channels=entries,
            receivers={"ops": ReceiverSettings.model_validate(ops)},
        )
        self.channels: dict[str, Channel] = build_channels(entries)
        self.drill = Drill(
            self.settings, self.channels, clock=self.clock, wait=self.clock.forward, rng=random.Random(1)
        )

    def run(self, *faults: str) -> ReceiverResult:
        """Drill with one fault after the other: the clock is one for all."""
        results = [next(self.drill.run(["ops"], [fault])) for fault in faults]
        cases = tuple(case for result in results for case in result.cases)
        return ReceiverResult(
            receiver="ops",
            at_us=0,
            dry=False,
            reached=all(one.reached for one in results),
            cases=cases,
            remarks=results[0].remarks,
        )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_way_to_fail_brings_the_message_down_a_tier_as_late_as_that_way_shows(tmp_path: Path) -> None:
    with http_server() as server:
        rig = Drilled(
            {
                "web": {"type": "webhook", "url": server.url, "timeout": "60s"},
                "log": {"type": "file", "path": tmp_path / "log.jsonl"},
            },
            "web",
            "log",
            max_tries=3,
            deadline="180s",
            first_wait="500ms",
        )
        result = rig.run(*FAULTS)
        assert [request.json["alerts"][0]["labels"]["broken"] for request in server.requests] == ["intact"] * 2
    assert (result.reached, result.remarks) == (True, ())
    found = {case.fault: (case.tier, case.tiers[0].reason, case.tiers[0].tries) for case in result.cases}
    assert found == {
        "intact": (1, "", 1),
        "refused": (2, "unreachable", 3),
        "timed_out": (2, "timeout", 1),
        "server_error": (2, "server_error", 3),
        "rate_limited": (2, "rate_limited", 1),
        "black_hole": (2, "unreachable", 3),
    }
    after_s = {case.fault: case.after_us / 1_000_000 for case in result.cases}
    assert after_s["intact"] == after_s["rate_limited"] == 0
    assert 0.5 <= after_s["refused"] <= 1.5
    assert after_s["timed_out"] == 60
    assert 120 <= after_s["black_hole"] <= 180
    told = lines(tmp_path / "log.jsonl")
    assert [message["status"] for message in told] == ["firing", "resolved"] * 5
    assert all(message["title"].startswith("[TEST]") for message in told)
    assert len({message["idempotencyKey"] for message in told}) == 10


def test_a_tier_that_is_really_broken_is_found(tmp_path: Path) -> None:
    with refused_port() as port:
        rig = Drilled(
            {
                "log": {"type": "file", "path": tmp_path / "log.jsonl"},
                "web": {"type": "webhook", "url": f"http://127.0.0.1:{port}"},
            },
            "log",
            "web",
        )
        result = rig.run("intact", "refused")
    assert not result.reached
    assert [(case.fault, case.tier) for case in result.cases] == [("intact", 1), ("refused", 0)]
    assert (result.cases[1].tiers[1].broken, result.cases[1].tiers[1].reason) == (False, "unreachable")


def test_with_three_tiers_the_third_is_tried_too(tmp_path: Path) -> None:
    files = {name: {"type": "file", "path": tmp_path / name / "log.jsonl"} for name in ("a", "b", "c")}
    result = Drilled(files, "a", "b", "c").run("refused")
    assert [(case.broken, case.tier) for case in result.cases] == [(("a",), 2), (("a", "b"), 3)]


TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": {"env": "TOKEN"}, "to": ["+15550100"]}
SHARING: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "webhook_host": (
        {"type": "webhook", "url": "https://hooks.example.com/a"},
        {"type": "webhook", "url": "https://hooks.example.com:8443/b"},
        "hooks.example.com",
    ),
    "twilio_account": (
        {"type": "sms_twilio", **TWILIO, "sender": "+15550101", "base_url": "https://one.example.com"},
        {"type": "voice_twilio", **TWILIO, "sender": "+15550101", "base_url": "https://two.example.com"},
        "Twilio account AC",
    ),
    "smtp_server": (
        {"type": "email", "host": "mail.example.com", "sender": "a@example.com", "to": ["b@example.com"]},
        {"type": "email", "host": "mail.example.com", "sender": "a@example.com", "to": ["c@example.com"]},
        "mail.example.com",
    ),
    "kafka_cluster": (
        {"type": "kafka", "bootstrap": "k1.example.com:9092,k2.example.com:9092", "topic": "a"},
        {"type": "kafka", "bootstrap": "k2.example.com:9092,k3.example.com:9092", "topic": "b"},
        "k2.example.com",
    ),
    "slack": (
        {"type": "slack", "token": {"env": "TOKEN"}, "to": ["#a"]},
        {"type": "slack_webhook", "url_secret": {"env": "HOOK"}},
        "Slack",
    ),
    "folder": ({"type": "file", "path": "/var/log/a"}, {"type": "file", "path": "/var/log/b"}, "the folder /var/log"),
    "secret_that_is_not_there": (
        {"type": "webhook", "url_secret": {"env": "HOOK"}},
        {"type": "webhook", "url_secret": {"env": "HOOK"}},
        "the address in HOOK",
    ),
}


@pytest.mark.parametrize("what", SHARING)
def test_a_failover_that_shares_the_primarys_point_of_failure_is_no_failover(what: str) -> None:
    first, second, point = SHARING[what]
    rig = Drilled({"first": first, "second": second}, "first", "second")
    result = rig.run("refused")
    assert (result.reached, result.cases[0].tier) == (False, 0)
    assert point in result.cases[0].tiers[1].shares[0]
    assert result.remarks[-1] == "so there is no failover for first; add a tier that needs nothing of it"
    (doubt,) = shared_doubts(rig.settings)
    assert (doubt.level, doubt.path) == ("warning", ("receivers", "ops", "tiers"))
    assert point in doubt.message


def test_a_third_tier_that_shares_nothing_saves_the_receiver(tmp_path: Path) -> None:
    first, second, _ = SHARING["twilio_account"]
    log = {"type": "file", "path": tmp_path / "log.jsonl"}
    rig = Drilled({"first": first, "second": second, "log": log}, "first", "second", "log")
    result = rig.run("refused")
    assert result.reached
    assert result.cases[0].broken == ("first", "second")
    assert list(shared_doubts(rig.settings)) == []


def test_the_ports_of_this_machine_are_different_points(tmp_path: Path) -> None:
    rig = Drilled(
        {
            "one": {"type": "webhook", "url": "http://127.0.0.1:1"},
            "two": {"type": "webhook", "url": "http://127.0.0.1:2"},
        },
        "one",
        "two",
    )
    assert list(shared_doubts(rig.settings)) == []


def test_of_an_only_tier_it_is_said_that_nobody_else_is_told(tmp_path: Path) -> None:
    rig = Drilled({"log": {"type": "file", "path": tmp_path / "log.jsonl"}}, "log")
    result = rig.run("refused")
    assert (result.reached, result.remarks) == (False, ("log is its only tier: while it fails, nobody is told",))
    assert lines(tmp_path / "log.jsonl") == []


def test_a_dry_drill_sends_nothing_and_asks_each_channel(tmp_path: Path) -> None:
    with http_server() as server, refused_port() as port:
        rig = Drilled(
            {
                "web": {"type": "webhook", "url": server.url},
                "gone": {"type": "webhook", "url": f"http://127.0.0.1:{port}"},
                "log": {"type": "file", "path": tmp_path / "log.jsonl"},
            },
            "web",
            "gone",
            "log",
        )
        (result,) = rig.drill.look(["ops"], PATIENCE_S)
        assert server.requests == []
    assert lines(tmp_path / "log.jsonl") == []
    assert (result.dry, result.reached) == (True, True)
    assert [(case.broken, case.tier) for case in result.cases] == [((), 1), (("web",), 3), (("web", "gone"), 3)]
    assert [tier.outcome for tier in result.cases[1].tiers] == ["not_tried", "failed", "would_deliver"]


def test_an_incident_that_a_drill_opens_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as server:
        rig = Drilled({"am": {"type": "alertmanager", "urls": [server.url]}}, "am")
        result = rig.run("intact")
        posted = [request.json for request in server.requests]
    assert [len(alerts) for alerts in posted] == [1, 1]
    assert not result.cases[0].left_open
    assert result.reached


@pytest.mark.parametrize("name", CHANNELS.names())
def test_every_channel_says_what_it_needs(name: str) -> None:
    model = CHANNELS.settings(name)
    assert issubclass(model, ChannelSettings)
    assert "points_of_failure" in dir(model)


def test_no_point_of_failure_names_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.slack.com/services/T000/B000/verysecret")
    entries = channel_settings({"hook": {"type": "slack_webhook", "url_secret": {"env": "HOOK"}}})
    assert entries["hook"].points_of_failure() == {"Slack", "hooks.slack.com"}
    monkeypatch.setenv("APP", "slack://verysecret/verysecret/verysecret")
    (app,) = channel_settings({"app": {"type": "apprise", "urls": {"x": {"env": "APP"}}}}).values()
    assert app.points_of_failure() == {"slack:// by apprise"}


def test_every_fault_has_words() -> None:
    assert all(fault.words for fault in Fault)
    assert [fault.value for fault in Fault] == list(FAULTS)


def test_the_last_result_of_each_receiver_is_kept(store: Any, tmp_path: Path) -> None:
    result = Drilled({"log": {"type": "file", "path": tmp_path / "log.jsonl"}}, "log").run("intact")
    save_drill(store, result)
    assert load_drills(store) == {"ops": result}
