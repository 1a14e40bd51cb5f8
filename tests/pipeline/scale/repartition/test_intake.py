"""One intake over real topics: dead letters, silence, and what shows when it is gone."""

import random
import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from config.settings import Settings
from detectors.contract import NEVER_US
from pipeline.assembly import load_settings
from pipeline.clock import wall_clock_us
from pipeline.deadletters import DeadLetters
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import FeedContext, Share, Status
from pipeline.lane import LaneItem, Pace
from pipeline.letters import LetterFilter
from pipeline.prepare import Prepare, TimeRules
from pipeline.scale.repartition.feed import RepartitionedFeed
from pipeline.scale.repartition.feeds import events_topics, repartitioned
from pipeline.scale.repartition.sorted import STALE_AFTER_S
from pipeline.tallies import Tallies
from tests.pipeline.scale.repartition.rig import Recorder
from tests.pipeline.scale.repartition.stage import SortingStage, settings
from tests.support.events import HOUR_US, MINUTE_US, raw_event
from tests.support.kafka import Broker, Cluster
from tests.support.patience import PATIENCE_S

BAD = {("0", 1): b"not json", ("0", 3): b'{"type": "crm.case.opened"}', ("2", 0): b"\xff\xfe"}
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


class Reading:
    """The feed of the sorted events and what judges its time, as in a flow process with all of the work."""

    def __init__(self, loaded: Settings) -> None:
        assert loaded.scale is not None
        self.now_s = 0.0
        """The clock by which intakes fall silent: however long this test takes, that is only when it says so."""
        entry = repartitioned(loaded)["crm"]
        self.topic = events_topics(loaded)["crm"]
        context = FeedContext(recording=False, share=Share(0, 1))
        self.feed = RepartitionedFeed("crm", entry, loaded.scale, context, lambda: self.now_s)
        self.recorder = Recorder()
        self.prepare = Prepare(
            decoder=Decoder({"crm": None}),
            enrich=lambda events: None,
            rules=TimeRules(10 * MINUTE_US, MINUTE_US, 24 * HOUR_US, 5 * MINUTE_US),
            feed_times={},
            router=self.recorder,
            dedup=Deduplicator(24 * HOUR_US),
            tallies=Tallies(),
            pace=Pace(),
        )
        self.feed.open({})

    def read(self) -> None:
        batches = self.feed.poll(1000)
        statuses = {("crm", name): status for name, status in self.feed.partitions().items()}
        self.prepare.take(LaneItem(batches, statuses, wall_clock_us()))

    def until(self, done: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, self.feed.why_unreachable()
            self.read()
            time.sleep(0.01)

    @property
    def watermark_us(self) -> int:
        return self.prepare.progress.watermark_us


@pytest.fixture
def topic(cluster: Cluster) -> str:
    return cluster.create_topic(partitions=3)


@pytest.fixture
def stage(tmp_path: Path, broker: Broker, topic: str) -> Iterator[SortingStage]:
    other = broker.create_topic(partitions=1)
    made = SortingStage(settings(tmp_path / "stage", broker, topic, other, scale=True, idle_after="1s"))
    yield made
    made.close()


def opened(number: int, time_us: int) -> bytes:
    return raw_event("crm.case.opened", f"e-{number}", time_us, {"case_id": f"c-{number}"}, subject="ann")


def test_bad_records_are_buried_once_and_idle_partitions_hold_no_time(
    stage: SortingStage, cluster: Cluster, topic: str
) -> None:
    start_us = wall_clock_us() - HOUR_US
    good = [(0, opened(number, start_us + number)) for number in range(3)]
    records = [good[0], (0, BAD["0", 1]), good[1], (0, BAD["0", 3]), good[2], (2, BAD["2", 0])]
    cluster.produce(topic, records)
    stage.intakes = [stage.intake(0, 1)]
    reading = Reading(load_settings(stage.config).settings)
    assert set(reading.feed.partitions()) == {f"{topic}/?/{number}" for number in range(4)}
    reading.read()
    assert reading.watermark_us == NEVER_US

    # The only partition with events is silent, another has none at all: both follow the clock of the intake.
    reading.until(lambda: reading.watermark_us > start_us + 45 * MINUTE_US)
    upstream = {(number, upstream) for number in range(4) for upstream in range(3)}
    assert set(reading.feed.partitions()) == {f"{topic}/{upstream}/{number}" for number, upstream in upstream}
    assert sorted(seen.id for seen in reading.recorder.seen) == ["e-0", "e-1", "e-2"]

    stage.restart("intake", 0)
    cluster.produce(topic, [(1, opened(3, wall_clock_us()))])
    reading.until(lambda: len(reading.recorder.seen) == 4)
    with DeadLetters(stage.config.parent / "var" / "deadletters.db") as dead:
        letters = [dead.get(letter.id) for letter in dead.page(LetterFilter())]
    found = {(one.partition, one.offset): (one.feed, one.raw) for one in letters if one is not None}
    assert found == {(f"{topic}/{partition}", at): ("crm", raw) for (partition, at), raw in BAD.items()}
    assert len(letters) == len(BAD)

    # Gone, it stops time where it was, and its partitions show as what cannot be reached.
    reading.until(lambda: set(reading.feed.partitions().values()) == {Status.CAUGHT_UP})
    stage.kill_intakes()
    ends = {f"{reading.topic}/{number}": cluster.end_offset(reading.topic, number) for number in range(4)}
    reading.until(lambda: ends.items() <= reading.feed.positions().items())
    reached_us = reading.watermark_us
    reading.until(lambda: set(reading.feed.partitions().values()) == {Status.CAUGHT_UP})
    reading.now_s = STALE_AFTER_S + 1
    reading.read()
    assert set(reading.feed.partitions().values()) == {Status.UNREACHABLE}
    assert all("makegood repartition" in why for why in reading.feed.why_unreachable().values())
    assert reading.watermark_us == reached_us
    reading.feed.close()


@pytest.mark.slow
def test_a_topic_that_refuses_a_message_stops_the_intake_and_nothing_comes_before_what_was_refused(
    stage: SortingStage, cluster: Cluster, topic: str
) -> None:
    loaded = load_settings(stage.config).settings
    events = events_topics(loaded)["crm"]
    cluster.create_topic(events, partitions=4, max_message_bytes="6000")
    start_us = wall_clock_us() - HOUR_US
    text = "".join(random.Random(1).choices(string.ascii_letters, k=20_000))
    data = {"case_id": "c", "text": text}
    large = raw_event("crm.case.opened", "e-50", start_us + 50, data)
    small = [raw_event("crm.case.updated", f"e-{number}", start_us + number, {"case_id": "c"}) for number in range(100)]
    cluster.produce(topic, [(0, large if number == 50 else raw) for number, raw in enumerate(small)])
    intake = stage.intake(0, 1)
    assert intake.process.wait(PATIENCE_S) == 2, intake.log.read_text()
    assert f"topic '{events}' refuses messages" in intake.log.read_text()
    assert "max.message.bytes to 16777216" in intake.log.read_text()

    entry = ConfigEntry("max.message.bytes", "16777216", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, events, incremental_configs=[entry])
    cluster.admin.incremental_alter_configs([resource])[resource].result(PATIENCE_S)
    stage.intakes = [stage.intake(0, 1)]
    reading = Reading(loaded)
    reading.until(lambda: len(reading.recorder.seen) >= 100)
    assert [seen.id for seen in reading.recorder.seen] == [f"e-{number}" for number in range(100)]
    reading.feed.close()
