from typing import Any

from alerts.statuses import Status
from config.settings import Settings
from dashboards.freshness import Proof, Truth, truth
from dashboards.freshness_layers import feeds_layer, silent_parts
from dashboards.priority import ACKNOWLEDGED_FOR_US, priority
from detectors.contract import alert_change
from pipeline.assembly import settings_model
from tests.support.alerts import change

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
SETTINGS: Settings = settings_model().model_validate(
    {
        "feeds": {"crm": {"type": "file", "path": "crm.jsonl"}, "social": {"type": "file", "path": "s.jsonl"}},
        "channels": {"mail": {"type": "file", "path": "told.jsonl"}},
        "receivers": {"team": {"tiers": [{"channel": "mail"}]}},
        "route": {"receiver": "team"},
        "detectors": {"mood": {"type": "sentiment_drop", "group_by": ["service"], "window": "1h", "hop": "10m"}},
    }
)


def feed(last_s: float | None = 3, **more: Any) -> dict[str, Any]:
    last_us = None if last_s is None else NOW - int(last_s * SECOND)
    return {"last_at_us": last_us, "newest_us": NOW, "idle_after_us": 60 * SECOND, "why": "", "events": 5, **more}


def flow(age_s: float = 1, feeds: dict[str, Any] | None = None, **report: Any) -> Status:
    by_feed = {"crm": feed(), "social": feed()} if feeds is None else feeds
    return Status(
        kind="flow",
        name="0/1",
        at_us=NOW - int(age_s * SECOND),
        every_us=2 * SECOND,
        well=True,
        report={"flow": "running", "by_feed": by_feed, **report},
    )


NOTIFIER = Status(kind="notifier", name="n", at_us=NOW - SECOND, every_us=2 * SECOND, well=True, report={})
PROVED = {"mail": Proof(tried_us=NOW - 240 * SECOND, works=True)}


def look(
    *statuses: Status, proofs: dict[str, Proof] | None = PROVED, heard_s: float = 1, open_: int = 0, away: str = ""
) -> Truth:
    return truth(
        SETTINGS,
        statuses,
        proofs,
        heard_us=NOW - int(heard_s * SECOND),
        away=away,
        complete=True,
        open_=open_,
        now_us=NOW,
    )


def test_all_clear_is_said_with_evidence() -> None:
    found = look(flow(), NOTIFIER)
    assert found.clear
    assert found.sentence == (
        "All clear: 0 open · 2 of 2 feeds live · newest event 3 s ago · self-test delivered 4 min ago"
    )


def test_with_an_alert_nobody_says_all_clear() -> None:
    found = look(flow(), NOTIFIER, open_=1)
    assert not found.clear
    assert "All clear" not in found.sentence


def test_a_silent_feed_takes_all_clear_away() -> None:
    found = look(flow(feeds={"crm": feed(300), "social": feed()}), NOTIFIER)
    assert found.feeds.state == "stale"
    assert found.sentence == "No open alerts in what we can see — 1 of 2 feeds live; not crm"
    assert found.feeds.signs[0].says == "last event 5 min ago (expected every 1 min)"


def test_a_feed_is_fresh_up_to_twice_and_late_up_to_four_times_its_interval() -> None:
    ages = {120: "fresh", 121: "late", 240: "late", 241: "stale"}
    assert {age: look(flow(feeds={"crm": feed(age), "social": feed()})).feeds.state for age in ages} == ages


def test_a_feed_that_gave_nothing_since_the_flow_began_is_not_silent_but_never_seen() -> None:
    found = look(flow(feeds={"crm": feed(None), "social": feed()}))
    assert found.feeds.signs[0].state == "never"
    assert look(flow(feeds={"social": feed()})).feeds.signs[0].says == "no flow has read it so far"


def test_what_a_flow_said_long_ago_is_not_believed() -> None:
    assert look(flow(age_s=6), NOTIFIER).feeds.state == "fresh"
    found = look(flow(age_s=7), NOTIFIER)
    assert {sign.state for sign in found.feeds.signs} == {"unknown"}
    assert {sign.state for sign in found.detectors.signs} == {"unknown"}
    assert not found.clear


def test_without_a_flow_feeds_and_detectors_are_not_known() -> None:
    found = look(NOTIFIER)
    assert [layer.state for layer in (found.feeds, found.detectors)] == ["unknown", "never"]


def test_a_feed_that_gives_too_many_bad_records_is_late_and_says_why() -> None:
    found = look(flow(feeds={"crm": feed(why="40 % of the records are bad"), "social": feed()}))
    assert found.feeds.signs[0].state == "late"
    assert "40 % of the records are bad" in found.feeds.signs[0].says


def test_a_detector_far_behind_the_events_is_late() -> None:
    behind = {hours: {"mood": {"judged_until": 10_000_000 - hours * 600}} for hours in (1, 3, 5)}
    states = {steps: look(flow(windows=told, watermark=10_000_000)).detectors.state for steps, told in behind.items()}
    assert states == {1: "fresh", 3: "late", 5: "stale"}


def test_a_stalled_flow_makes_every_detector_stale() -> None:
    assert look(flow(flow="stalled")).detectors.state == "stale"


def test_the_store_is_fresh_for_five_seconds_and_stale_after_thirty() -> None:
    ages = {5: "fresh", 6: "late", 30: "late", 31: "stale"}
    assert {age: look(heard_s=age).store.state for age in ages} == ages
    assert look(heard_s=1, away="it is away").store.state == "late"


def test_without_a_notifier_nobody_is_told() -> None:
    assert look(flow()).notifier.says == "no notifier runs: nobody is told"


def test_a_channel_has_to_prove_itself_every_day() -> None:
    day = 86_400 * SECOND
    cases = {
        "fresh": Proof(tried_us=NOW - day, works=True),
        "late": Proof(tried_us=NOW - day - 1, works=True),
        "stale": Proof(tried_us=NOW, works=False, says="HTTP 503"),
        "never": Proof(),
    }
    assert {look(proofs={"mail": proof}).channels.state: name for name, proof in cases.items()} == {
        name: name for name in cases
    }
    assert look(proofs={"mail": Proof(failing_since_us=NOW)}).channels.state == "stale"
    assert look(proofs={"mail": Proof(tried_us=NOW, works=True, breaker_open=True)}).channels.state == "stale"
    assert look(proofs=None).channels.state == "unknown"


def test_priorities_are_three_and_every_acknowledgement_ends() -> None:
    assert [priority(rank) for rank in range(4)] == [1, 2, 3, 3]
    assert [ACKNOWLEDGED_FOR_US[one] // (60 * SECOND) for one in (1, 2, 3)] == [30, 240, 1440]


def test_a_part_of_a_feed_that_a_detector_calls_silent_is_not_seen() -> None:
    told = alert_change(
        step="firing",
        at_us=1,
        status="firing",
        labels={"alertname": "FeedSilence", "detector": "feed_silence", "severity": "warning", "source": "demo/social"},
        annotations={"summary": "0 events, normally 94"},
        starts_at_us=1,
    )
    signs = silent_parts([told, change("Other", service="pay")])
    assert [(one.name, one.state, one.says) for one in signs] == [("demo/social", "stale", "0 events, normally 94")]
    settings = Settings.model_validate({})
    assert feeds_layer(settings, [], 0, signs).says.endswith("silent: demo/social")
    assert feeds_layer(settings, [], 0, signs).state == "stale"


def test_a_real_message_proves_a_channel_as_well_as_a_test() -> None:
    day = 86_400 * SECOND
    for proof, state in (
        (Proof(worked_us=NOW - 1), "fresh"),
        (Proof(worked_us=NOW - day - 1), "late"),
        (Proof(worked_us=NOW - 1, tried_us=NOW - 2, works=False), "fresh"),
        (Proof(worked_us=NOW - 2, tried_us=NOW - 1, works=False), "stale"),
        (Proof(worked_us=NOW - 1, failing_since_us=NOW), "stale"),
    ):
        assert look(proofs={"mail": proof}).channels.state == state
