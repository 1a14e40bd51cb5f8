"""Shares of the partitions, and clusters that change while they are read."""

from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from pipeline.feeds.contract import Explaining, Feed, FeedContext, Lagging, Share, Skipping, Status
from pipeline.feeds.kafka import KafkaFeed
from tests.pipeline.feeds_kafka.reading import SMALL_BATCHES, SMALL_QUEUE, Reader, numbered, settings
from tests.support.kafka import Cluster
from tests.support.patience import PATIENCE_S, until
from tests.support.ports import free_port

pytestmark = pytest.mark.kafka
ALL = Share()
Open = Callable[..., Reader]


@pytest.fixture
def open_feed(cluster: Cluster) -> Iterator[Open]:
    feeds = []

    def start(
        topic: str, *, share: Share = ALL, recording: bool = False, at: dict[str, int] | None = None, **more: object
    ) -> Reader:
        feed = KafkaFeed("shop", settings(cluster, topic, **more), FeedContext(recording, share))
        feeds.append(feed)
        feed.open(at or {})
        return Reader(feed)

    yield start
    for feed in feeds:
        feed.close()


def names(topic: str, *numbers: int) -> set[str]:
    return {f"{topic}/{number}" for number in numbers}


def test_the_feed_offers_lag_skipped_records_and_reasons() -> None:
    told = settings(Cluster("localhost:1"), "t")
    feed: Feed = KafkaFeed("shop", told, FeedContext(recording=False))
    assert isinstance(feed, Lagging)
    assert isinstance(feed, Skipping)
    assert isinstance(feed, Explaining)
    assert feed.why_unreachable() == {"t/0": "no answer yet"}


def test_shares_read_each_partition_once_also_those_that_are_added(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=5)
    cluster.produce(topic, numbered(100, 5))
    readers = [open_feed(topic, share=Share(index, 2)) for index in (0, 1)]
    for reader in readers:
        reader.until_all(Status.CAUGHT_UP)
    cluster.add_partitions(topic, 8)
    sent = [*numbered(100, 5), *numbered(160, 8, 100)]
    cluster.produce(topic, numbered(160, 8, 100))
    for index, reader in enumerate(readers):
        own = names(topic, *range(index, 8, 2))
        count = sum(number % 2 == index for number, _ in sent)
        reader.until(lambda reader=reader, count=count: reader.count() >= count)  # type: ignore[misc]
        assert set(reader.records) == own
        reader.until_all(Status.CAUGHT_UP)
        assert set(reader.feed.partitions()) == set(reader.feed.offsets()) == set(reader.feed.lag()) == own
    values = [value for reader in readers for value in reader.values()]
    assert sorted(values) == sorted(value for _, value in numbered(260, 8))


def test_positions_of_another_share_are_dropped_and_said(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=2)
    cluster.produce(topic, numbered(10, 2))
    with capture_logs() as logs:
        reader = open_feed(topic, share=Share(1, 2), at={f"{topic}/0": 3, f"{topic}/1": 4, "gone/1": 5})
        assert reader.feed.offsets() == {f"{topic}/1": 4}
        reader.until_all(Status.CAUGHT_UP)
    assert reader.count() == 1
    dropped = {entry["partition"]: entry for entry in logs if entry["event"] == "kafka_position_dropped"}
    assert set(dropped) == {f"{topic}/0", "gone/1"}
    assert dropped[f"{topic}/0"]["reason"] == "another process reads it: this one has share 1 of 2"
    assert dropped[f"{topic}/0"]["position"] == 3


def test_a_share_without_a_partition_holds_time_back_only_until_that_is_known(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=2)
    reader = open_feed(topic, share=Share(2, 3), recording=True)
    assert reader.feed.partitions() == {f"{topic}/2": Status.UNREACHABLE}
    reader.until(lambda: reader.feed.partitions() == {})
    assert reader.feed.offsets() == {}


def test_a_topic_that_appears_later_is_read_from_its_beginning_whatever_the_start(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = "appears-later-" + cluster.create_topic()
    reader = open_feed(topic, start="latest")
    reader.until(lambda: "Unknown topic" in reader.feed.why_unreachable()[f"{topic}/0"])
    cluster.create_topic(topic, partitions=2)
    cluster.produce(topic, numbered(20, 2))
    reader.until(lambda: reader.count() == 20)


def test_a_partition_that_was_added_while_we_were_away_is_read_from_its_beginning_whatever_the_start(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(3, 1))
    reader = open_feed(topic, start="latest")
    reader.until_all(Status.CAUGHT_UP)
    reader.feed.close()
    cluster.add_partitions(topic, 2)
    cluster.produce(topic, [(0, b"new"), (1, b"added")])
    again = open_feed(topic, start="latest", at=reader.feed.positions())
    again.until(lambda: again.count() == 2)
    assert again.values() == [b"new", b"added"]


def test_a_topic_that_is_deleted_and_made_anew_is_read_from_its_beginning(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(10, 1))
    reader = open_feed(topic)
    reader.until_all(Status.CAUGHT_UP)
    cluster.delete_topic(topic)
    reader.until_all(Status.UNREACHABLE)
    cluster.create_topic(topic, partitions=1)
    cluster.produce(topic, numbered(30, 1, 100))  # more than were read of the one before
    new = [value for _, value in numbered(30, 1, 100)]
    # Until the cluster is looked at again, records of the new topic may come under old offsets; they come again then.
    reader.until(lambda: reader.values()[-30:] == new)
    reader.until_all(Status.CAUGHT_UP)
    assert set(reader.values()) == {*new, *(value for _, value in numbered(10, 1))}


def test_a_topic_that_was_made_anew_while_nobody_read_is_read_from_its_beginning(
    cluster: Cluster, open_feed: Open
) -> None:
    topic = cluster.create_topic(partitions=2)
    cluster.produce(topic, numbered(10, 2))
    reader = open_feed(topic)
    reader.until_all(Status.CAUGHT_UP)
    reader.feed.close()
    positions = reader.feed.positions()
    unread = open_feed(topic, at=positions)  # closed before the cluster has answered: the id is kept
    unread.feed.close()
    assert unread.feed.positions() == positions
    cluster.delete_topic(topic)
    until(lambda: topic not in cluster.admin.list_topics(timeout=PATIENCE_S).topics, "the end of the topic")
    cluster.create_topic(topic, partitions=2)
    cluster.produce(topic, numbered(30, 2, 100))  # the old offsets fit
    with capture_logs() as logs:
        again = open_feed(topic, start="latest", at=positions)
        again.until(lambda: again.count() == 30)
    assert again.values() == [value for part in (0, 1) for number, value in numbered(30, 2, 100) if number == part]
    assert [said["what"] for said in logs if said["event"] == "kafka_topic_made_anew"] == [topic]


def test_positions_of_before_there_were_ids_are_gone_on_with(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(10, 1))
    reader = open_feed(topic, at={f"{topic}/0": 4})
    reader.until(lambda: reader.count() == 6)
    assert reader.values() == [value for _, value in numbered(6, 1, 4)]
    assert set(reader.feed.positions()) == {f"{topic}/0", f"{topic}/0\tid"}


def test_retention_that_overtakes_us_is_said_once_each_time_and_counted(cluster: Cluster, open_feed: Open) -> None:
    topic = cluster.create_topic(partitions=1)
    cluster.produce(topic, numbered(5000, 1), **SMALL_BATCHES)
    with capture_logs() as logs:
        reader = open_feed(topic, **SMALL_QUEUE)
        reader.until(lambda: reader.count() > 0)
        cluster.delete_records(topic, 0, 4900)
        reader.until_all(Status.CAUGHT_UP)
    (skipped,) = reader.feed.skipped.values()
    (said,) = [entry for entry in logs if entry["event"] == "kafka_offset_out_of_range"]
    assert (said["log_level"], said["missed"], said["reason"]) == ("error", skipped, "deleted by retention")
    assert skipped + reader.count() == 5000
    assert reader.feed.why_unreachable() == {}


def test_reasons_name_what_the_client_saw(open_feed: Open) -> None:
    nobody = KafkaFeed("shop", settings(Cluster(f"127.0.0.1:{free_port()}"), "t"), FeedContext(recording=False))
    reader = Reader(nobody)
    nobody.open({})
    reader.until(lambda: "Connection refused" in nobody.why_unreachable()["t/0"])
    nobody.close()
