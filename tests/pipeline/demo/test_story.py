"""The story of the live demo: what it says of time, feeds, promises, an alert, and each try to tell somebody."""

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from rich.console import Console

from alerts.connection import StoreUnavailableError
from alerts.model import AlertDetail, NotificationRecord, Try
from detectors.contract import AlertChange
from pipeline.demo.company import MINUTE_US
from pipeline.demo.incidents import incident
from pipeline.demo.pager import Pager
from pipeline.demo.story import Story, counts_of
from pipeline.demo.telling import Teller
from tests.support.alerts import START_US, change
from tests.support.notifier import Rig
from tests.support.redis import fresh_store, redis_client, redis_server

OUTAGE = incident("outage", START_US + 10 * MINUTE_US, 60 * MINUTE_US)
SILENCE = incident("silent_feed", START_US + 40 * MINUTE_US, 60 * MINUTE_US)


class Told(list[tuple[str, str]]):
    """What a story said, and how often it broke the pager."""

    broken = 0
    mended = 0

    def say(self, kind: str, text: str) -> None:
        self.append((kind, text))

    def break_pager(self) -> None:
        self.broken += 1

    def mend_pager(self) -> None:
        self.mended += 1

    def of(self, kind: str) -> list[str]:
        return [text for said, text in self if said == kind]


@pytest.fixture
def told() -> Told:
    return Told()


def story(told: Told, receiver: str = "ops") -> Story:
    return Story([OUTAGE, SILENCE], told.break_pager, told.say, 120.0, receiver, told.mend_pager)


def detail(*tries: Try, receiver: str = "ops") -> AlertDetail:
    current = change("SentimentDrop", summary="checkout is [red] with anger", severity="warning")
    note = NotificationRecord(
        key="mg-1",
        changes=(current.change_id,),
        receiver=receiver,
        status="pending",
        undelivered=False,
        accepted_us=START_US,
        done_us=None,
        note="",
        tries=list(tries),
    )
    return AlertDetail(current=current, history=[current], notifications=[note])


def failed(tier: int, channel: str, words: str = "HTTP 503") -> Try:
    return Try(tier=tier, channel=channel, outcome="failed", reason="server_error", detail=words, at_us=START_US)


def delivered(tier: int, channel: str) -> Try:
    return Try(tier=tier, channel=channel, outcome="delivered", at_us=START_US)


def test_live_time_is_announced_once_and_not_during_the_history(told: Told) -> None:
    one = story(told)
    one.time_is(START_US, live=False)
    assert told == []
    one.time_is(START_US + 1, live=True)
    one.time_is(START_US + 2, live=True)
    assert [kind for kind, _ in told] == ["live"]


def alert_of(detector: str, start_us: int, *tries: Try) -> AlertDetail:
    made = detail(*tries)
    current = change(detector, detector=detector, service="checkout", starts_at_us=start_us)
    return AlertDetail(current=current, history=[current], notifications=made.notifications)


def test_the_story_is_over_when_every_incident_was_told_and_one_of_them_by_failover(told: Told) -> None:
    one = story(told)
    one.time_is(SILENCE.start_us, live=True)
    assert told.broken == 1, "the second incident leaves the pager alone"
    one.alert(alert_of("feed_silence", SILENCE.start_us - 1, delivered(1, "pager")))
    one.alert(alert_of("sentiment_drop", OUTAGE.start_us + MINUTE_US, failed(1, "pager"), delivered(2, "terminal")))
    assert one.failed_over
    assert not one.over, "an alert from before the silence does not tell of it"
    one.time_is(SILENCE.start_us + 50 * MINUTE_US, live=True)
    one.alert(alert_of("feed_silence", SILENCE.start_us + 30 * MINUTE_US, delivered(1, "pager")))
    assert one.over
    assert one.moral().endswith("an alert of the outage after 30 minutes, of the silent feed after 50 minutes")


def test_the_pager_breaks_when_the_incident_begins_and_not_before(told: Told) -> None:
    one = story(told)
    one.time_is(OUTAGE.start_us - 1, live=True)
    assert told.broken == 0
    one.time_is(OUTAGE.start_us, live=True)
    one.time_is(OUTAGE.start_us + 1, live=True)
    assert told.broken == 1
    assert "region north, service checkout" in told.of("incident")[0]


def test_history_is_counted_in_all_and_live_feeds_since_the_last_line(told: Told) -> None:
    one = story(told)
    one.flows({})
    one.flows({"social": 40, "crm": 1000})
    one.flows({"social": 40, "crm": 1000})
    one.time_is(START_US, live=True)
    one.flows({"social": 45, "crm": 1007})
    assert told.of("feeds") == ["1,040 events so far: crm 1,000, social 40", "+12 events: crm 7, social 5"]


def test_a_first_tier_that_delivers_is_no_failover(told: Told) -> None:
    one = story(told)
    one.alert(detail(delivered(1, "pager")))
    assert told.of("delivered") == ["SentimentDrop: by tier 1, pager"]
    assert not one.failed_over


def test_a_lower_tier_that_delivers_after_failures_is_a_failover_with_its_cause(told: Told) -> None:
    one = story(told)
    one.time_is(OUTAGE.start_us + 16 * MINUTE_US, live=True)
    one.alert(detail(failed(1, "pager"), failed(1, "pager"), delivered(2, "terminal")))
    assert told.of("failed") == [
        "SentimentDrop: tier 1, pager, try 1: HTTP 503",
        "SentimentDrop: tier 1, pager, try 2: HTTP 503",
    ]
    assert told.of("delivered") == ["SentimentDrop: by failover to tier 2, terminal: pager failed (HTTP 503)"]
    assert one.failed_over
    assert told.mended == 1
    assert one.moral().startswith("people were told 8 s (16 minutes of the company's time) after the first incident")


def test_what_was_said_of_an_alert_is_not_said_again(told: Told) -> None:
    one = story(told)
    one.alert(detail(failed(1, "pager")))
    one.alert(detail(failed(1, "pager"), delivered(2, "terminal")))
    one.alert(detail(failed(1, "pager"), delivered(2, "terminal")))
    assert [kind for kind, _ in told] == ["alert", "failed", "delivered", "pager"]


def test_other_receivers_are_not_part_of_the_story(told: Told) -> None:
    one = story(told)
    one.alert(detail(delivered(2, "log"), receiver="archive"))
    assert told == []


def test_the_counts_are_those_of_the_demo_feed_without_its_requeue() -> None:
    feeds = {"demo/crm": {"events": 3}, "demo/requeue/requeue": {"events": 1}, "other/0": {"events": 1}}
    assert counts_of({"feeds": feeds}, "demo") == {"crm": 3}
    assert counts_of({"flow": "starting"}, "demo") == {}


def promise(name: str, number: int, status: str = "firing") -> AlertChange:
    return change(name, case_id=str(number), step=status)


def test_a_pager_that_answers_503_hands_over_and_alerts_about_single_people_are_one_line(
    told: Told, tmp_path: Path
) -> None:
    one = story(told)
    with redis_server() as url, redis_client(url) as client, Pager() as pager:
        store = fresh_store(client)
        channels: dict[str, dict[str, Any]] = {
            "pager": {"type": "webhook", "url": pager.url},
            "terminal": {"type": "file", "path": tmp_path / "told.jsonl"},
        }
        rig = Rig(store, tmp_path, channels, tier={"max_tries": 1})
        one.break_pager = pager.break_down
        one.time_is(OUTAGE.start_us, live=True)
        store.apply([change("SentimentDrop")])
        rig.drain()
        store.apply([promise("SlaBreach", 1), promise("SlaBreach", 2), promise("SlaAtRisk", 3)])
        one.look(store)
        one.people()
        one.people()
    assert [kind for kind, _ in told] == ["live", "incident", "alert", "failed", "delivered", "pager", "people"]
    assert told.of("people") == ["to be helped one by one: 2 promises broken, 1 promise at risk"]
    assert "503" in told.of("failed")[0]


def test_alerts_of_the_history_are_not_part_of_the_story(told: Told, tmp_path: Path) -> None:
    one = story(told)
    with redis_server() as url, redis_client(url) as client:
        store = fresh_store(client)
        rig = Rig(store, tmp_path, {"pager": {"type": "file", "path": tmp_path / "told.jsonl"}})
        store.apply([change("SocialSpike")])
        rig.drain()
        one.look(store)
        one.time_is(START_US + 1, live=True)
        one.look(store)
        store.apply([change("SentimentDrop")])
        rig.drain()
        one.look(store)
    assert told.of("alert") == ["SentimentDrop: Something is wrong"]


def test_a_store_that_is_away_is_no_end_of_the_story(told: Told) -> None:
    with redis_server() as url:
        client = redis.Redis.from_url(url)
    store = fresh_store(client)
    with pytest.raises(StoreUnavailableError):
        store.list_alerts()
    story(told).look(store)
    assert told == []
    client.close()


def test_a_summary_with_brackets_is_printed_as_it_is() -> None:
    file = io.StringIO()
    out = Console(file=file, width=60)
    Teller(out, lambda: 1.0, lambda: START_US).say("alert", "checkout is [red] with [/anger], " + "very " * 12)
    lines = file.getvalue().splitlines()
    assert lines[0].startswith(" 1.0 s  Sat 12:00  alert      checkout is [red] with")
    assert lines[1].startswith(" " * len(" 1.0 s  Sat 12:00  alert      ")), "a long line hangs in its column"


def test_the_pager_takes_alerts_but_during_its_outage() -> None:
    with Pager() as pager:
        assert httpx.post(pager.url, json={}).status_code == 200
        pager.break_down()
        assert httpx.post(pager.url, json={}).status_code == 503
        pager.mend()
        assert httpx.post(pager.url, json={}).status_code == 200
